//! Moments as numbers that are handed in: milliseconds since 1970, or since some start.
//!
//! Two clocks that are never mixed: [`Timestamp`] is what people and other servers are told,
//! [`Monotonic`] is what timers count with, since it does not jump when the clock is set.

use std::fmt;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// First day after the last year that XEP-0082 can spell in four digits, in days since 1970.
const DAYS_END: u64 = 2_932_897;

/// A moment in UTC: milliseconds since 1970. The year is 1970 to 9999.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Timestamp(u64);

/// A moment of this process's steady clock, in milliseconds since an unknown start.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Monotonic(pub(crate) u64);

/// The text is not a `DateTime` of XEP-0082, or out of range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TimestampError;

impl Timestamp {
    /// The last moment that can be written: 9999-12-31T23:59:59.999Z.
    pub(crate) const MAX: Self = Self(DAYS_END * DAY_MS - 1);

    /// Clamped to [`Timestamp::MAX`].
    pub(crate) fn from_unix_ms(ms: u64) -> Self {
        Self(ms.min(Self::MAX.0))
    }

    pub(crate) fn unix_ms(self) -> u64 {
        self.0
    }

    pub(crate) fn plus_ms(self, ms: u64) -> Self {
        Self::from_unix_ms(self.0.saturating_add(ms))
    }

    /// Stops at 1970.
    pub(crate) fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds since `earlier`; 0 if that is later.
    pub(crate) fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// For example `2026-11-22T10:00:00.000Z`: always UTC, always milliseconds.
    pub(crate) fn to_xep0082(self) -> String {
        self.to_string()
    }

    /// Reads a `DateTime` of XEP-0082 section 3.2, whatever its offset.
    ///
    /// Digits after the milliseconds are cut off. A leap second counts as the second after it.
    pub(crate) fn parse_xep0082(text: &str) -> Result<Self, TimestampError> {
        Reader(text.as_bytes())
            .read_date_time()
            .ok_or(TimestampError)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / DAY_MS);
        let ms = self.0 % DAY_MS;
        let (hour, minute) = (ms / (60 * MINUTE_MS), ms / MINUTE_MS % 60);
        let (second, ms) = (ms / SECOND_MS % 60, ms % SECOND_MS);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

impl Monotonic {
    pub(crate) fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`; 0 if that is later.
    pub(crate) fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn read_date_time(mut self) -> Option<Timestamp> {
        let year = self.read_number(4)?;
        self.read_byte(b'-')?;
        let month = self.read_number(2)?;
        self.read_byte(b'-')?;
        let day = self.read_number(2)?;
        self.read_byte(b'T')?;
        let hour = self.read_number(2)?;
        self.read_byte(b':')?;
        let minute = self.read_number(2)?;
        self.read_byte(b':')?;
        let second = self.read_number(2)?;
        let fraction_ms = self.read_fraction_ms()?;
        if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let local = days_from_civil(year, month, day)? * DAY_MS
            + (hour * 60 + minute) * MINUTE_MS
            + second * SECOND_MS
            + fraction_ms;
        let utc = self.read_offset(local)?;
        (utc <= Timestamp::MAX.0).then_some(Timestamp(utc))
    }

    /// `Z`, `+hh:mm` or `-hh:mm`, and then the end. Takes local milliseconds, gives UTC.
    fn read_offset(mut self, local_ms: u64) -> Option<u64> {
        let (sign, rest) = self.0.split_first()?;
        self.0 = rest;
        if *sign == b'Z' {
            return self.0.is_empty().then_some(local_ms);
        }
        let hours = self.read_number(2)?;
        self.read_byte(b':')?;
        let minutes = self.read_number(2)?;
        if hours > 23 || minutes > 59 || !self.0.is_empty() {
            return None;
        }
        let offset_ms = (hours * 60 + minutes) * MINUTE_MS;
        match sign {
            b'+' => local_ms.checked_sub(offset_ms),
            b'-' => local_ms.checked_add(offset_ms),
            _ => None,
        }
    }

    fn read_fraction_ms(&mut self) -> Option<u64> {
        if self.read_byte(b'.').is_none() {
            return Some(0);
        }
        let digits = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            return None;
        }
        let (fraction, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let padded = fraction.iter().chain(b"00").take(3);
        Some(padded.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
    }

    fn read_number(&mut self, digits: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + u64::from(byte - b'0'))
        })
    }

    fn read_byte(&mut self, expected: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[expected])?;
        Some(())
    }
}

/// Days since 1970 of a date that exists; `None` before 1970.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    // A year that begins in March has its leap day at the end, so that month lengths are a pattern.
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    days.checked_sub(DAYS_0000_TO_1970)
}

/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_0000_TO_1970: u64 = 719_468;

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_0000_TO_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::for_seeds;

    fn parse(text: &str) -> Result<u64, TimestampError> {
        Timestamp::parse_xep0082(text).map(Timestamp::unix_ms)
    }

    /// The two spellings of one moment in XEP-0082 section 3.2.
    #[test]
    fn an_offset_is_brought_to_utc() {
        assert_eq!(parse("1969-07-20T21:56:15-05:00"), Err(TimestampError));
        assert_eq!(parse("2026-11-22T10:00:00Z"), Ok(1_795_341_600_000));
        assert_eq!(parse("2026-11-22T11:30:00+01:30"), Ok(1_795_341_600_000));
        assert_eq!(
            parse("2026-11-21T22:00:00.000-12:00"),
            Ok(1_795_341_600_000)
        );
    }

    #[test]
    fn fractions_are_cut_to_milliseconds() {
        assert_eq!(parse("1970-01-01T00:00:00.5Z"), Ok(500));
        assert_eq!(parse("1970-01-01T00:00:00.123999Z"), Ok(123));
    }

    #[test]
    fn what_is_not_a_moment_is_refused() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00Zz",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-00-01T10:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22t10:00:00Z",
            "+026-11-22T10:00:00Z",
            "2026-11-22T10:00:00+1:00",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert_eq!(parse(text), Err(TimestampError), "{text}");
        }
    }

    #[test]
    fn every_moment_survives_writing_and_reading() {
        for_seeds(8_000, |u| {
            let moment = Timestamp::from_unix_ms(u.int_in_range(0..=Timestamp::MAX.0)?);
            assert_eq!(Timestamp::parse_xep0082(&moment.to_xep0082()), Ok(moment));
            Ok(())
        });
    }

    #[test]
    fn known_moments_are_written_as_expected() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_341_600_007, "2026-11-22T10:00:00.007Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_unix_ms(ms).to_xep0082(), text);
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(Timestamp::MAX.plus_ms(1), Timestamp::MAX);
        assert_eq!(Timestamp::from_unix_ms(5).minus_ms(6).unix_ms(), 0);
        assert_eq!(Monotonic(5).since_ms(Monotonic(9)), 0);
    }
}
