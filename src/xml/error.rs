//! Why bytes are not the XML that a stream may carry.

use std::fmt;

/// Every variant is the peer's fault and ends the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum XmlError {
    /// Not XML, or not XML with namespaces.
    Malformed,
    /// XML that RFC 6120 section 11.1 forbids: comment, processing instruction, document type, entity.
    Restricted,
    /// Not UTF-8, or declared as something else.
    Encoding,
    /// Text where only whitespace may stand: between stanzas.
    StrayText,
    /// A stanza or a header does not end within `bytes_max` bytes.
    TooLarge { bytes_max: usize },
    /// Elements are nested deeper than `depth_max`.
    TooDeep { depth_max: usize },
    /// More attributes, elements, declarations, or longer names than `max` of `base::limits`.
    TooMuch { max: usize },
    /// The stream was closed by the peer, and there is more.
    Closed,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not well-formed"),
            Self::Restricted => f.write_str("comment, instruction, document type or entity"),
            Self::Encoding => f.write_str("not UTF-8"),
            Self::StrayText => f.write_str("text between stanzas"),
            Self::TooLarge { bytes_max } => write!(f, "stanza of more than {bytes_max} bytes"),
            Self::TooDeep { depth_max } => write!(f, "nested deeper than {depth_max} elements"),
            Self::TooMuch { max } => write!(f, "a count or length above {max}"),
            Self::Closed => f.write_str("bytes after the end of the stream"),
        }
    }
}
