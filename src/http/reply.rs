//! An answer: its status, its fields, and how its head is written.

use std::fmt::Write as _;

use crate::base::time::Timestamp;
use crate::http::write_date;

/// A status code with its reason phrase (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Status(pub(crate) u16, &'static str);

impl Status {
    pub(crate) const SWITCHING_PROTOCOLS: Self = Self(101, "Switching Protocols");
    pub(crate) const OK: Self = Self(200, "OK");
    pub(crate) const CREATED: Self = Self(201, "Created");
    pub(crate) const NO_CONTENT: Self = Self(204, "No Content");
    pub(crate) const PARTIAL_CONTENT: Self = Self(206, "Partial Content");
    pub(crate) const MOVED: Self = Self(308, "Permanent Redirect");
    pub(crate) const NOT_MODIFIED: Self = Self(304, "Not Modified");
    pub(crate) const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub(crate) const FORBIDDEN: Self = Self(403, "Forbidden");
    pub(crate) const NOT_FOUND: Self = Self(404, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Self = Self(405, "Method Not Allowed");
    pub(crate) const REQUEST_TIMEOUT: Self = Self(408, "Request Timeout");
    pub(crate) const CONFLICT: Self = Self(409, "Conflict");
    pub(crate) const LENGTH_REQUIRED: Self = Self(411, "Length Required");
    pub(crate) const CONTENT_TOO_LARGE: Self = Self(413, "Content Too Large");
    pub(crate) const URI_TOO_LONG: Self = Self(414, "URI Too Long");
    pub(crate) const UNSUPPORTED_TYPE: Self = Self(415, "Unsupported Media Type");
    pub(crate) const RANGE_NOT_SATISFIABLE: Self = Self(416, "Range Not Satisfiable");
    pub(crate) const EXPECTATION_FAILED: Self = Self(417, "Expectation Failed");
    pub(crate) const MISDIRECTED: Self = Self(421, "Misdirected Request");
    pub(crate) const UPGRADE_REQUIRED: Self = Self(426, "Upgrade Required");
    pub(crate) const TOO_MANY_REQUESTS: Self = Self(429, "Too Many Requests");
    pub(crate) const FIELDS_TOO_LARGE: Self = Self(431, "Request Header Fields Too Large");
    pub(crate) const INTERNAL_ERROR: Self = Self(500, "Internal Server Error");
    pub(crate) const NOT_IMPLEMENTED: Self = Self(501, "Not Implemented");
    pub(crate) const UNAVAILABLE: Self = Self(503, "Service Unavailable");
    pub(crate) const INSUFFICIENT_STORAGE: Self = Self(507, "Insufficient Storage");
    pub(crate) const VERSION_NOT_SUPPORTED: Self = Self(505, "HTTP Version Not Supported");

    /// Some statuses never have a body (RFC 9112 section 6.3).
    const fn has_body(self) -> bool {
        !matches!(self.0, 100..=199 | 204 | 304)
    }
}

/// What a request is answered with. Names of fields are known here, values never have a line break.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: Status,
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Empty where the bytes come from elsewhere.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Without a body, or with the words of the status for a person who looks.
    pub(crate) fn of(status: Status) -> Self {
        let reply = Self {
            status,
            fields: Vec::new(),
            body: Vec::new(),
        };
        if status.has_body() && status.0 >= 400 {
            let body = format!("{} {}\n", status.0, status.1).into_bytes();
            return Self { body, ..reply }.with("Content-Type", "text/plain; charset=utf-8");
        }
        reply
    }

    pub(crate) fn whole(content_type: &str, body: Vec<u8>) -> Self {
        let reply = Self {
            status: Status::OK,
            fields: Vec::new(),
            body,
        };
        reply.with("Content-Type", content_type)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value: String = value.into();
        // Whatever it was made from: it cannot begin a field of its own.
        let value = value.replace(|char: char| char.is_control(), " ");
        self.fields.push((name, value));
        self
    }

    /// Anybody's page may read it (Fetch standard, section 3.3: CORS protocol).
    #[must_use]
    pub(crate) fn for_every_origin(self) -> Self {
        self.with("Access-Control-Allow-Origin", "*")
    }

    /// The answer to OPTIONS: what may be asked for here, by pages from elsewhere as well.
    pub(crate) fn options(methods: &'static str, fields: &'static str) -> Self {
        Self::of(Status::NO_CONTENT)
            .with("Allow", methods)
            .with("Access-Control-Allow-Methods", methods)
            .with("Access-Control-Allow-Headers", fields)
            .with("Access-Control-Max-Age", "86400")
            .for_every_origin()
    }

    /// RFC 9110 section 15.5.6.
    pub(crate) fn not_allowed(methods: &'static str) -> Self {
        Self::of(Status::METHOD_NOT_ALLOWED).with("Allow", methods)
    }

    /// The head, as it is sent: `bytes` is the length of the body, wherever it comes from.
    pub(crate) fn write_head(&self, now: Timestamp, bytes: u64, keeps_open: bool) -> Vec<u8> {
        let Status(code, reason) = self.status;
        let mut head = format!("HTTP/1.1 {code} {reason}\r\nDate: {}\r\n", write_date(now));
        for (name, value) in &self.fields {
            // Writing into a text does not fail.
            write!(head, "{name}: {value}\r\n").ok();
        }
        if self.status.has_body() {
            write!(head, "Content-Length: {bytes}\r\n").ok();
            head.push_str("X-Content-Type-Options: nosniff\r\n");
        }
        if self.status != Status::SWITCHING_PROTOCOLS && !keeps_open {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}
