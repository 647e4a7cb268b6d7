//! The date of RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.

use crate::base::time::Timestamp;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY_MS: u64 = 86_400_000;

pub(crate) fn write_date(moment: Timestamp) -> String {
    // 2026-11-22T10:00:00.000Z
    let text = moment.to_xep0082();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let nth = |names: &[&'static str], index: Option<usize>| {
        let name = index.and_then(|index| names.get(index));
        name.copied().unwrap_or_default()
    };
    let weekday = usize::try_from(moment.unix_ms() / DAY_MS % 7).ok();
    let month = part(5..7)
        .parse()
        .ok()
        .and_then(|month: usize| month.checked_sub(1));
    format!(
        "{}, {} {} {} {} GMT",
        nth(&DAYS, weekday),
        part(8..10),
        nth(&MONTHS, month),
        part(0..4),
        part(11..19)
    )
}

/// Reads the preferred form only; what is older counts as no date.
pub(crate) fn parse_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (time, zone) = (words.next()?, words.next()?);
    if zone != "GMT" || words.next().is_some() {
        return None;
    }
    let text = format!("{year}-{month:02}-{day}T{time}Z");
    Timestamp::parse_xep0082(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_and_read_back() {
        for (ms, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_795_341_600_000, "Sun, 22 Nov 2026 10:00:00 GMT"),
        ] {
            let moment = Timestamp::from_unix_ms(ms);
            assert_eq!(write_date(moment), text);
            assert_eq!(parse_date(text), Some(moment));
        }
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
