//! Content types: what is said of a file, and what a browser is told of it.

use crate::base::upload_limits::CONTENT_TYPE_BYTES_MAX;

/// How a file is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shown {
    pub(crate) content_type: &'static str,
    /// A browser may show it; otherwise it saves it.
    pub(crate) is_inline: bool,
}

/// What a browser shows without running anything in it. SVG and HTML are programs.
const INLINE: &[&str] = &[
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/webm",
    "audio/x-m4a",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/jxl",
    "image/png",
    "image/webp",
    "video/3gpp",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
];

/// Everything else is bytes to be saved, whatever its owner calls it.
const SAVED: Shown = Shown {
    content_type: "application/octet-stream",
    is_inline: false,
};

pub(crate) fn shown(content_type: &str) -> Shown {
    let known = INLINE.iter().find(|one| **one == content_type);
    known.map_or(SAVED, |content_type| Shown {
        content_type,
        is_inline: true,
    })
}

/// Type and subtype in lower case, without parameters (RFC 9110 section 8.3.1); `None`: it is no content type.
pub(crate) fn essence(text: &str) -> Option<String> {
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |part: &str| {
        let is_in = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(is_in)
    };
    let is_good = is_token(kind) && is_token(subtype) && essence.len() <= CONTENT_TYPE_BYTES_MAX;
    is_good.then_some(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_in_a_browser_is_saved() {
        for content_type in [
            "text/html",
            "image/svg+xml",
            "application/pdf",
            "text/xml",
            "",
            "x",
        ] {
            assert_eq!(shown(content_type), SAVED, "{content_type}");
        }
        assert!(shown("image/png").is_inline);
    }

    #[test]
    fn a_content_type_is_compared_without_case_and_parameters() {
        assert_eq!(essence(" Image/PNG ; q=1").as_deref(), Some("image/png"));
        for text in [
            "",
            "image",
            "image/",
            "/png",
            "a/b/c",
            "a b/c",
            "a/\u{e9}",
            "a/b\r\nx: y",
        ] {
            assert_eq!(essence(text), None, "{text:?}");
        }
        assert_eq!(essence(&format!("a/{}", "b".repeat(200))), None);
    }
}
