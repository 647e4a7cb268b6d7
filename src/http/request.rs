//! The head of a request, and what its fields mean together.

use httparse::Status;

use crate::base::web_limits::HTTP_FIELDS_MAX;
use crate::http::Fault;
use crate::http::Target;

/// Methods that are known (RFC 9110 section 9.3); which are allowed is the resource's business.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    Connect,
    Delete,
    Get,
    Head,
    Options,
    Post,
    Put,
    Trace,
}

/// How long the body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Length {
    None,
    Sized(u64),
    Chunked,
}

/// A head that was read whole and has one meaning.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// Lower case, without the port; empty from a client of HTTP/1.0 that named none.
    pub(crate) host: String,
    /// The same as it came, with the port.
    pub(crate) authority: String,
    pub(crate) length: Length,
    /// The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    pub(crate) expects_continue: bool,
    /// The connection can be used again afterwards (RFC 9112 section 9.3).
    pub(crate) keeps_open: bool,
    is_newest: bool,
    fields: Vec<(Box<str>, Box<str>)>,
}

impl Request {
    /// Reads a whole head, the empty line included.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Fault> {
        let mut room = [httparse::EMPTY_HEADER; HTTP_FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut room);
        match parsed.parse(head) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) => return Err(Fault::Syntax),
            Err(error) => return Err(fault(error)),
        }
        let method = parsed.method.ok_or(Fault::Syntax)?;
        let method = Method::parse(method).ok_or(Fault::Method)?;
        let is_newest = parsed.version == Some(1);
        let mut fields = Vec::with_capacity(parsed.headers.len());
        for field in parsed.headers.iter() {
            let value = std::str::from_utf8(field.value).map_err(|_| Fault::Syntax)?;
            fields.push((field.name.into(), value.trim_matches([' ', '\t']).into()));
        }
        let path = parsed.path.ok_or(Fault::Syntax)?;
        let (target, named) = Target::parse(path)?;
        let mut request = Self {
            method,
            target,
            host: String::new(),
            authority: String::new(),
            length: Length::None,
            expects_continue: false,
            keeps_open: is_newest,
            is_newest,
            fields,
        };
        (request.host, request.authority) = request.read_host(named, is_newest)?;
        request.length = request.read_length(is_newest)?;
        request.keeps_open &= !request.has_token("connection", "close");
        request.expects_continue = request.read_expectation(is_newest)?;
        Ok(request)
    }

    /// HTTP/1.1, and not one before it.
    pub(crate) fn is_newest(&self) -> bool {
        self.is_newest
    }

    /// The value of a field that stands there once, or the first one of several.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether a field that is a list of words has this one, whatever its case.
    pub(crate) fn has_token(&self, name: &str, token: &str) -> bool {
        let mut words = self.all(name).flat_map(|value| value.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case(token))
    }

    fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        let is_it = move |(field, _): &&(Box<str>, Box<str>)| field.eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_it).map(|(_, value)| &**value)
    }

    /// RFC 9112 section 3.2: one, always; what the target names goes before (section 3.2.2).
    fn read_host(&self, named: Option<&str>, is_newest: bool) -> Result<(String, String), Fault> {
        let mut all = self.all("host");
        let field = match (all.next(), all.next()) {
            (Some(one), None) => one,
            (None, _) if !is_newest => "",
            _ => return Err(Fault::Host),
        };
        let host = parse_host(field).ok_or(Fault::Host)?;
        match named {
            None => Ok((host, field.to_owned())),
            Some(named) => {
                let host = parse_host(named).ok_or(Fault::Host)?;
                Ok((host, named.to_owned()))
            }
        }
    }

    /// RFC 9112 section 6.3, where anything that two servers could read differently is refused.
    fn read_length(&self, is_newest: bool) -> Result<Length, Fault> {
        let mut codings = self.all("transfer-encoding");
        let mut lengths = self.all("content-length");
        let coding = codings.next();
        let length = lengths.next();
        if codings.next().is_some() || lengths.next().is_some() {
            return Err(Fault::Framing);
        }
        match (coding, length) {
            (None, None) => Ok(Length::None),
            (Some(_), Some(_)) => Err(Fault::Framing),
            (Some(_), None) if !is_newest => Err(Fault::Framing),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunked),
            (Some(_), None) => Err(Fault::Coding),
            (None, Some(length)) => {
                let is_number =
                    !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
                let length = length.parse().ok().filter(|_| is_number);
                length.map(Length::Sized).ok_or(Fault::Framing)
            }
        }
    }

    fn read_expectation(&self, is_newest: bool) -> Result<bool, Fault> {
        match self.field("expect") {
            // RFC 9110 section 10.1.1: one from HTTP/1.0 is ignored.
            Some(what) if is_newest => {
                let is_known = what.eq_ignore_ascii_case("100-continue");
                is_known.then_some(true).ok_or(Fault::Expectation)
            }
            _ => Ok(false),
        }
    }
}

impl Method {
    /// Case counts (RFC 9110 section 9.1).
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "CONNECT" => Self::Connect,
            "DELETE" => Self::Delete,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "TRACE" => Self::Trace,
            _ => return None,
        })
    }
}

/// The name or address before the port, lower case; None if it is neither.
fn parse_host(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let is_inner = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            if inner.is_empty() || !inner.bytes().all(is_inner) {
                return None;
            }
            (inner, port)
        }
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let is_host = !host.is_empty() && host.bytes().all(is_name);
    (is_port && is_host).then(|| host.to_ascii_lowercase())
}

fn fault(error: httparse::Error) -> Fault {
    match error {
        httparse::Error::TooManyHeaders => Fault::Fields {
            count_max: HTTP_FIELDS_MAX,
        },
        httparse::Error::Version => Fault::Version,
        _ => Fault::Syntax,
    }
}
