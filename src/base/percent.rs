//! Percent-encoding of URLs (RFC 3986 section 2.1).

use std::fmt::Write as _;

/// A text as it may stand anywhere in a URL (RFC 3986 section 2.3).
pub(crate) fn encode(text: &str) -> String {
    encode_but(text, b"")
}

/// The same where more may stand as it is.
pub(crate) fn encode_but(text: &str, also: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

/// Decodes once; `None` where it is damaged, or no text.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let name = "tr\u{e8}s cool%/?#+.jpg";
        assert_eq!(encode(name), "tr%C3%A8s%20cool%25%2F%3F%23%2B.jpg");
        assert_eq!(decode(&encode(name)).as_deref(), Some(name));
        for damaged in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(damaged), None, "{damaged}");
        }
    }
}
