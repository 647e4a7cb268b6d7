//! Which file a path means, how it is described, and how much of it a client wants.

use crate::base::time::Timestamp;
use crate::http::Request;
use crate::http::Target;
use crate::http::parse_date;

/// What a client is told of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
    /// Changes with the file; in quotes.
    pub(crate) etag: String,
    pub(crate) content_type: &'static str,
    /// For `Cache-Control` (RFC 9111 section 5.2.2).
    pub(crate) cache: String,
}

/// How much of a file answers a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wanted {
    /// The client has it already.
    Nothing,
    All,
    Part {
        from: u64,
        bytes: u64,
    },
    /// A range that begins behind the end.
    Impossible,
}

/// The names from the root down; the last one is empty for a folder. None: nothing there is for others.
pub(crate) fn names(target: &Target) -> Option<Vec<&str>> {
    let names = target.parts();
    let (_, folders) = names.split_last()?;
    let is_hidden = names.iter().any(|name| name.starts_with('.'));
    let has_gap = folders.iter().any(|name| name.is_empty());
    (!is_hidden && !has_gap).then_some(names)
}

/// The preconditions of RFC 9110 section 13.2.2 that reading knows, then the range (section 14).
pub(crate) fn wanted(request: &Request, facts: &Facts) -> Wanted {
    let is_same = if request.field("if-none-match").is_some() {
        request.has_token("if-none-match", "*")
            || request.has_token("if-none-match", &facts.etag)
            || request.has_token("if-none-match", &format!("W/{}", facts.etag))
    } else {
        let since = request.field("if-modified-since").and_then(parse_date);
        // A date has no milliseconds.
        since.is_some_and(|since| facts.modified.unix_ms() / 1_000 <= since.unix_ms() / 1_000)
    };
    if is_same {
        return Wanted::Nothing;
    }
    let Some(range) = request.field("range") else {
        return Wanted::All;
    };
    // A date is too coarse to be sure of (section 13.1.5), so that only the tag counts.
    if request
        .field("if-range")
        .is_some_and(|tag| tag != facts.etag)
    {
        return Wanted::All;
    }
    parse_range(range, facts.bytes)
}

/// One range; several at once are answered with all of it, which is always allowed.
fn parse_range(text: &str, bytes: u64) -> Wanted {
    let range = text
        .strip_prefix("bytes=")
        .and_then(|text| text.split_once('-'));
    let Some((first, last)) = range else {
        return Wanted::All;
    };
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (from, to) = match (number(first), number(last)) {
        (Some(from), Some(last)) if from <= last => (from, last.saturating_add(1).min(bytes)),
        (Some(from), None) if last.is_empty() => (from, bytes),
        (None, Some(count)) if first.is_empty() => match count {
            0 => return Wanted::Impossible,
            count => (bytes.saturating_sub(count), bytes),
        },
        _ => return Wanted::All,
    };
    if from >= bytes {
        return Wanted::Impossible;
    }
    Wanted::Part {
        from,
        bytes: to.saturating_sub(from),
    }
}

/// By the end of the name; what is not known is not shown but saved.
pub(crate) fn content_type(name: &str) -> &'static str {
    let (_, end) = name.rsplit_once('.').unwrap_or_default();
    match end.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_or_all() {
        let part = |from, bytes| Wanted::Part { from, bytes };
        for (text, wanted) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-30", part(0, 10)),
            ("bytes=5-99999999999999999999", part(5, 5)),
            ("bytes=10-", Wanted::Impossible),
            ("bytes=-0", Wanted::Impossible),
            ("bytes=3-2", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("lines=1-2", Wanted::All),
        ] {
            assert_eq!(parse_range(text, 10), wanted, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Wanted::Impossible);
    }

    #[test]
    fn hidden_names_and_gaps_are_nobodys() {
        let names_of = |path: &str| {
            let (target, _) = Target::parse(path).unwrap();
            names(&target).map(|names| names.join("/"))
        };
        assert_eq!(names_of("/"), Some(String::new()));
        assert_eq!(names_of("/a/b.js"), Some("a/b.js".to_owned()));
        assert_eq!(names_of("/a/"), Some("a/".to_owned()));
        for path in ["/.git/config", "/a/.env", "//a", "/a//b", "/a//", "*"] {
            assert_eq!(names_of(path), None, "{path}");
        }
    }
}
