//! Between characters and their spelling: escaping for output, decoding on demand.

use std::borrow::Cow;

use crate::xml::chars;

/// Appends character data; what XML cannot hold becomes U+FFFD.
pub(crate) fn append_text(out: &mut Vec<u8>, text: &str) {
    append(out, text, |char| match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        // A parser would read it as a line feed.
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends the inside of an attribute value, for either kind of quotes.
pub(crate) fn append_attribute(out: &mut Vec<u8>, value: &str) {
    append(out, value, |char| match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\'' => Some("&apos;"),
        '"' => Some("&quot;"),
        // A parser would read these as spaces.
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

fn append(out: &mut Vec<u8>, text: &str, escape: impl Fn(char) -> Option<&'static str>) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(may_need_escape) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        let Some(char) = chars.next() else { break };
        rest = chars.as_str();
        if let Some(escaped) = escape(char) {
            out.extend_from_slice(escaped.as_bytes());
        } else {
            let char = if chars::is_allowed(char) {
                char
            } else {
                '\u{fffd}'
            };
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Bytes at which a character begins that may have to be written in another way; EF begins U+FFFE.
fn may_need_escape(byte: u8) -> bool {
    matches!(byte, 0..b' ' | b'&' | b'<' | b'>' | b'\'' | b'"' | 0xef)
}

/// The value of an attribute from its checked spelling (XML 1.0 section 3.3.3, without declared types).
pub(super) fn decode_attribute(raw: &str) -> Cow<'_, str> {
    if !has_special(raw.as_bytes()) {
        return raw.into();
    }
    let mut value = String::with_capacity(raw.len());
    decode(&mut value, raw, |char| match char {
        '\t' | '\n' | '\r' => ' ',
        _ => char,
    });
    value.into()
}

/// Whether an attribute's value is anything but its spelling. Without branches, since values are short.
pub(super) fn has_special(raw: &[u8]) -> bool {
    let found = raw.iter().fold(0, |found, &byte| {
        found | u8::from(byte == b'&' || byte < b' ')
    });
    found != 0
}

/// Character data from its checked spelling; there may be CDATA sections in it.
pub(super) fn decode_text(raw: &str) -> Cow<'_, str> {
    if memchr::memchr3(b'&', b'\r', b'<', raw.as_bytes()).is_none() {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    append_decoded_text(&mut text, raw);
    text.into()
}

pub(super) fn append_decoded_text(out: &mut String, mut raw: &str) {
    // Inside checked character data `<` begins a CDATA section and nothing else.
    while let Some((before, section)) = raw.split_once("<![CDATA[") {
        let (section, after) = section.split_once("]]>").unwrap_or((section, ""));
        decode(out, before, new_line);
        for (index, line) in section.split("\r\n").enumerate() {
            if index > 0 {
                out.push('\n');
            }
            out.extend(line.chars().map(new_line));
        }
        raw = after;
    }
    decode(out, raw, new_line);
}

fn new_line(char: char) -> char {
    if char == '\r' { '\n' } else { char }
}

/// Replaces references by their characters, and other characters by what `replace` makes of them, after
/// CR LF became one LF (XML 1.0 section 2.11).
fn decode(out: &mut String, raw: &str, replace: impl Fn(char) -> char) {
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\r', '\n', '\t']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        if let Some(reference) = special.strip_prefix('&') {
            let (name, tail) = reference.split_once(';').unwrap_or((reference, ""));
            out.extend(chars::decode_reference(name.as_bytes()));
            rest = tail;
        } else if let Some(tail) = special.strip_prefix("\r\n") {
            out.push(replace('\n'));
            rest = tail;
        } else {
            let mut chars = special.chars();
            out.extend(chars.next().map(&replace));
            rest = chars.as_str();
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::for_seeds;

    fn escaped(append: fn(&mut Vec<u8>, &str), text: &str) -> String {
        let mut out = Vec::new();
        append(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_escaped_is_decoded_to_the_same() {
        for_seeds(8_000, |u| {
            let mut text = String::new();
            for _ in 0..u.int_in_range(0..=20)? {
                let any = u.arbitrary()?;
                let char = *u.choose(&['<', '>', '&', ']', '\'', '"', '\r', '\n', '\t', any])?;
                text.extend(chars::is_allowed(char).then_some(char));
            }
            assert_eq!(decode_text(&escaped(append_text, &text)), text);
            assert_eq!(decode_attribute(&escaped(append_attribute, &text)), text);
            Ok(())
        });
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped(append_text, "a\u{0}<\u{ffff}"),
            "a\u{fffd}&lt;\u{fffd}"
        );
    }

    #[test]
    fn line_ends_and_whitespace_are_normalised() {
        assert_eq!(decode_text("a\r\nb\rc\n\td"), "a\nb\nc\n\td");
        assert_eq!(decode_attribute("a\r\nb\rc\n\td&#10;"), "a b c  d\n");
    }

    #[test]
    fn cdata_sections_are_text_without_references() {
        assert_eq!(
            decode_text("a&lt;<![CDATA[&lt;<b>\r\n]]]]><![CDATA[>]]>&gt;"),
            "a<&lt;<b>\n]]>>"
        );
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(decode_text("plain > text"), Cow::Borrowed(_)));
        assert!(matches!(decode_attribute("it's"), Cow::Borrowed(_)));
    }
}
