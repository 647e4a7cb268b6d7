//! What a request is about: a path that was decoded once, and the query as it came.

use crate::base::percent;
use crate::http::Fault;

/// The path as segments between slashes, decoded; none is `.` or `..`, none has a slash or a control
/// character in it. `/a%20b/` is `["a b", ""]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Target {
    pub(crate) segments: Vec<String>,
    pub(crate) query: Option<String>,
}

impl Target {
    /// Reads origin-form and absolute-form (RFC 9112 section 3.2); the latter names a host as well.
    ///
    /// `*` has no segments at all.
    pub(crate) fn parse(text: &str) -> Result<(Self, Option<&str>), Fault> {
        if text == "*" {
            return Ok((Self::default(), None));
        }
        let (host, rest) = match split_absolute(text) {
            Some((host, rest)) => (Some(host), rest),
            None => (None, text),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = match path {
            "" if host.is_some() => "/",
            path => path,
        };
        let path = path.strip_prefix('/').ok_or(Fault::Target)?;
        if rest.contains('#') {
            return Err(Fault::Target);
        }
        let segments: Option<Vec<String>> = path.split('/').map(decode_segment).collect();
        let target = Self {
            segments: segments.ok_or(Fault::Target)?,
            query: query.map(str::to_owned),
        };
        Ok((target, host))
    }

    /// The segments as they are compared with what is served.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

fn split_absolute(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if !is_http {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

/// Decodes once; what would mean something else to a file system is refused, however it is spelled.
fn decode_segment(text: &str) -> Option<String> {
    let segment = percent::decode(text)?;
    let is_bad = |char: char| char.is_control() || char == '/' || char == '\\';
    let climbs = segment == "." || segment == "..";
    (!climbs && !segment.contains(is_bad)).then_some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        let cases: [(&str, &[&str], Option<&str>); 8] = [
            ("/", &[""], None),
            ("/a/b", &["a", "b"], None),
            ("/a%20b/?x=%2e%2e", &["a b", ""], Some("x=%2e%2e")),
            ("/%2541", &["%41"], None),
            ("//a", &["", "a"], None),
            ("/...", &["..."], None),
            ("http://h:1/a?", &["a"], Some("")),
            ("https://h", &[""], None),
        ];
        for (text, segments, query) in cases {
            let (target, _) = Target::parse(text).unwrap();
            assert_eq!(target.parts(), segments, "{text}");
            assert_eq!(target.query.as_deref(), query, "{text}");
        }
        assert_eq!(Target::parse("http://h:1?a").unwrap().1, Some("h:1"));
    }

    #[test]
    fn what_climbs_or_is_no_path_is_refused() {
        for text in [
            "",
            "a",
            "a/b",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/.%2E",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0a",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/a#b",
            "ftp://h/a",
            "h:443",
        ] {
            assert_eq!(Target::parse(text), Err(Fault::Target), "{text}");
        }
    }
}
