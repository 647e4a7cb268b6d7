//! The XML declaration that may begin a stream (XML 1.0 section 2.8).

use crate::xml::XmlError;
use crate::xml::chars;

/// Checks what is between `<?` and `?>`.
pub(super) fn check(inside: &[u8]) -> Result<(), XmlError> {
    let text = std::str::from_utf8(inside).map_err(|_| XmlError::Encoding)?;
    let Some(rest) = text
        .strip_prefix("xml")
        .filter(|rest| starts_with_space(rest))
    else {
        // Some other processing instruction.
        return Err(XmlError::Restricted);
    };
    let (version, rest) = read_item(rest, "version")?.ok_or(XmlError::Malformed)?;
    if version != "1.0" {
        return Err(XmlError::Malformed);
    }
    let (encoding, rest) = read_item(rest, "encoding")?.unwrap_or(("UTF-8", rest));
    if !encoding.eq_ignore_ascii_case("utf-8") {
        // RFC 6120 section 11.6.
        return Err(XmlError::Encoding);
    }
    let (standalone, rest) = read_item(rest, "standalone")?.unwrap_or(("yes", rest));
    if !matches!(standalone, "yes" | "no") || !trim_start(rest).is_empty() {
        return Err(XmlError::Malformed);
    }
    Ok(())
}

/// Reads ` name = "value"` if that name is next.
fn read_item<'a>(text: &'a str, name: &str) -> Result<Option<(&'a str, &'a str)>, XmlError> {
    let Some(rest) = trim_start(text).strip_prefix(name) else {
        return Ok(None);
    };
    if !starts_with_space(text) {
        return Err(XmlError::Malformed);
    }
    let rest = trim_start(rest)
        .strip_prefix('=')
        .ok_or(XmlError::Malformed)?;
    let rest = trim_start(rest);
    let quote = rest
        .chars()
        .next()
        .filter(|char| matches!(char, '"' | '\''));
    let quote = quote.ok_or(XmlError::Malformed)?;
    let value = rest
        .strip_prefix(quote)
        .and_then(|rest| rest.split_once(quote));
    value.ok_or(XmlError::Malformed).map(Some)
}

fn starts_with_space(text: &str) -> bool {
    text.bytes().next().is_some_and(chars::is_space)
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_utf_8_are_taken() {
        for text in [
            "xml version='1.0'",
            "xml version=\"1.0\" encoding=\"utf-8\"",
            "xml\tversion = '1.0'\nencoding='UTF-8' standalone='yes' ",
            "xml version='1.0' standalone='no'",
        ] {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_declarations_are_refused() {
        for (text, error) in [
            ("xml", XmlError::Restricted),
            ("xml-stylesheet href='a'", XmlError::Restricted),
            ("php version='1.0'", XmlError::Restricted),
            ("xml encoding='UTF-8'", XmlError::Malformed),
            ("xml version='1.1'", XmlError::Malformed),
            ("xml version='1.0", XmlError::Malformed),
            ("xml version='1.0'encoding='UTF-8'", XmlError::Malformed),
            ("xml version='1.0' encoding='UTF-16'", XmlError::Encoding),
            ("xml version='1.0' standalone='maybe'", XmlError::Malformed),
            ("xml version='1.0' a='b'", XmlError::Malformed),
        ] {
            assert_eq!(check(text.as_bytes()), Err(error), "{text}");
        }
    }
}
