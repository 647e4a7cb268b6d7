//! Which bytes and characters may stand where (XML 1.0, fifth edition, sections 2.2, 2.3 and 4.1).

use crate::base::limits::XML_REFERENCE_BYTES_MAX;
use crate::xml::XmlError;

/// Whitespace of XML: no other character separates.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How a byte may stand in a name: at its start and inside, only inside, between prefix and rest.
pub(super) const NAME_START: u8 = 1;
pub(super) const NAME_INSIDE: u8 = 2;
pub(super) const NAME_COLON: u8 = 4;
/// A byte beyond ASCII: right so far, to be checked once the bytes are known to be UTF-8.
pub(super) const NAME_WIDE: u8 = 8;

/// What a byte may do in a name; 0 for a byte that ends it.
pub(super) fn name_class(byte: u8) -> u8 {
    NAME_CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// A table, since this is asked of most bytes outside of text.
const NAME_CLASSES: [u8; 256] = name_classes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler; a byte is below 256"
)]
const fn name_classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[widen(byte)] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => NAME_START,
            b'0'..=b'9' | b'-' | b'.' => NAME_INSIDE,
            b':' => NAME_COLON,
            0x80.. => NAME_WIDE,
            _ => 0,
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[expect(clippy::as_conversions, reason = "`From` is not const")]
const fn widen(byte: u8) -> usize {
    byte as usize
}

/// A byte that a name may hold, if what it is part of holds; `:` is not among them.
fn is_name_byte(byte: u8) -> bool {
    name_class(byte) & (NAME_START | NAME_INSIDE | NAME_WIDE) != 0
}

/// A byte that a name may begin with.
pub(super) fn is_name_start_byte(byte: u8) -> bool {
    name_class(byte) & (NAME_START | NAME_WIDE) != 0
}

/// The full check of a name without colon, for names beyond ASCII.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(is_name_start_char) && name.chars().all(is_name_char)
}

fn is_name_start_char(char: char) -> bool {
    matches!(char,
        'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn is_name_char(char: char) -> bool {
    is_name_start_char(char)
        || matches!(char,
            '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Whether XML may hold the character at all, written out or as a reference.
pub(super) fn is_allowed(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => char >= ' ',
    }
}

/// Whether text, already known to be UTF-8, holds allowed characters only.
pub(super) fn is_allowed_text(text: &str) -> bool {
    // One branch-free pass, sixteen bytes at a time once compiled: this runs over every byte received.
    let has_control = text
        .as_bytes()
        .iter()
        .fold(0, |found, &byte| found | u8::from(is_control(byte)));
    has_control == 0 && (text.is_ascii() || !has_noncharacter(text.as_bytes()))
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' && byte != b'\n' && byte != b'\r'
}

/// U+FFFE and U+FFFF are EF BF BE and EF BF BF.
fn has_noncharacter(utf8: &[u8]) -> bool {
    memchr::memchr_iter(0xef, utf8).any(|at| {
        let rest = utf8.get(at..at + 3);
        rest == Some(&[0xef, 0xbf, 0xbe]) || rest == Some(&[0xef, 0xbf, 0xbf])
    })
}

/// The length of the reference at the start of `bytes` (which is `&`), or `None` if it does not end in them.
pub(super) fn check_reference(bytes: &[u8]) -> Result<Option<usize>, XmlError> {
    for (at, byte) in bytes
        .iter()
        .enumerate()
        .skip(1)
        .take(XML_REFERENCE_BYTES_MAX - 1)
    {
        if *byte == b';' {
            let name = bytes.get(1..at).unwrap_or_default();
            return decode_reference(name).map(|_| Some(at + 1));
        }
        if *byte != b'#' && !is_name_byte(*byte) {
            return Err(XmlError::Malformed);
        }
    }
    if bytes.len() < XML_REFERENCE_BYTES_MAX {
        Ok(None)
    } else {
        Err(XmlError::Malformed)
    }
}

/// The character that a reference stands for; `name` is what is between `&` and `;`.
pub(super) fn decode_reference(name: &[u8]) -> Result<char, XmlError> {
    match name {
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"amp" => Ok('&'),
        b"quot" => Ok('"'),
        b"apos" => Ok('\''),
        [b'#', b'x', digits @ ..] => decode_number(digits, 16),
        [b'#', digits @ ..] => decode_number(digits, 10),
        [first, rest @ ..]
            if is_name_start_byte(*first) && rest.iter().all(|b| is_name_byte(*b)) =>
        {
            // A name that only a document type could have declared.
            Err(XmlError::Restricted)
        }
        _ => Err(XmlError::Malformed),
    }
}

fn decode_number(digits: &[u8], radix: u32) -> Result<char, XmlError> {
    if digits.is_empty() {
        return Err(XmlError::Malformed);
    }
    let mut number: u32 = 0;
    for digit in digits {
        let digit = char::from(*digit)
            .to_digit(radix)
            .ok_or(XmlError::Malformed)?;
        number = number.saturating_mul(radix).saturating_add(digit);
    }
    // Surrogates and numbers above 10FFFF are no characters.
    char::from_u32(number)
        .filter(|char| is_allowed(*char))
        .ok_or(XmlError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_end_at_the_semicolon() {
        assert_eq!(check_reference(b"&lt;x"), Ok(Some(4)));
        assert_eq!(check_reference(b"&#x1F98A;"), Ok(Some(9)));
        assert_eq!(check_reference(b"&#00000065;"), Ok(Some(11)));
        assert_eq!(check_reference(b"&am"), Ok(None));
    }

    #[test]
    fn references_to_what_xml_forbids_are_refused() {
        for text in [
            "&;",
            "&#;",
            "&#x;",
            "&#0;",
            "&#8;",
            "&#xD800;",
            "&#xFFFE;",
            "&#x110000;",
            "&# 1;",
        ] {
            assert_eq!(
                check_reference(text.as_bytes()),
                Err(XmlError::Malformed),
                "{text}"
            );
        }
        for text in [
            "&#X41;",
            "&a b;",
            "&\"",
            "&1;",
            "&#99999999999999999999;",
            "&#12a;",
        ] {
            assert_eq!(
                check_reference(text.as_bytes()),
                Err(XmlError::Malformed),
                "{text}"
            );
        }
        assert_eq!(check_reference(b"&nbsp;"), Err(XmlError::Restricted));
        assert_eq!(check_reference(&[b'&'; 1]), Ok(None));
        assert_eq!(
            check_reference("&#0000000000000000000000000000065;".as_bytes()),
            Err(XmlError::Malformed)
        );
    }

    #[test]
    fn text_with_controls_or_noncharacters_is_refused() {
        assert!(is_allowed_text("a\tb\r\n\u{7f}\u{85}\u{fffd}\u{10ffff}"));
        for char in ['\u{0}', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            assert!(
                !is_allowed_text(&format!("\u{ff0f}abc{char}def")),
                "{char:?}"
            );
        }
    }
}
