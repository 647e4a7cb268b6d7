//! One connection's server side: what comes in becomes requests and the bytes of their bodies, one at a time.

use std::mem;

use crate::base::web_limits::HTTP_AHEAD_BYTES_MAX;
use crate::base::web_limits::HTTP_HEAD_BYTES_MAX;
use crate::base::web_limits::HTTP_LINE_BYTES_MAX;
use crate::http::Fault;
use crate::http::Length;
use crate::http::Request;
use crate::http::chunked::Chunked;

/// Reads requests one after the other. The caller's part:
///
/// - Give bytes while [`Machine::wants_input`], and take events until there are none.
/// - After [`Event::Request`], say what its body may have ([`Machine::set_body_max`]), then take its pieces up to
///   [`Event::End`].
/// - When the answer is written, say [`Machine::handle_answered`]; only then the next request is read.
/// - After a [`Fault`] nothing more comes: answer with its status and close.
#[derive(Debug)]
pub(crate) struct Machine {
    buffer: Vec<u8>,
    /// So much of the buffer is known to have no end of a head in it.
    scanned: usize,
    place: Place,
    body_bytes: u64,
    body_max: u64,
}

#[derive(Debug)]
enum Place {
    Head,
    Sized {
        left: u64,
    },
    Chunked(Chunked),
    /// The request is whole; its answer is under way.
    Answer,
    Over,
}

#[derive(Debug)]
pub(crate) enum Event {
    Request(Box<Request>),
    /// Bytes of the body, never none.
    Piece(Vec<u8>),
    /// The request is whole.
    End,
}

impl Machine {
    pub(crate) const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            scanned: 0,
            place: Place::Head,
            body_bytes: 0,
            body_max: 0,
        }
    }

    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) {
        if !matches!(self.place, Place::Over) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// False: what is there has to be dealt with first.
    pub(crate) fn wants_input(&self) -> bool {
        self.buffer.len() < HTTP_AHEAD_BYTES_MAX && !matches!(self.place, Place::Over)
    }

    /// Something of a request has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Memory that is kept.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// What the body of the request that has just come may have; none, if this is not called.
    pub(crate) fn set_body_max(&mut self, bytes_max: u64) -> Result<(), Fault> {
        self.body_max = bytes_max;
        match self.place {
            Place::Sized { left } if left > bytes_max => self.fail(Fault::Body { bytes_max }),
            _ => Ok(()),
        }
    }

    /// Of a body whose length is known, what is still to come.
    pub(crate) fn unread_bytes(&self) -> Option<u64> {
        match self.place {
            Place::Sized { left } => Some(left),
            Place::Answer => Some(0),
            _ => None,
        }
    }

    pub(crate) fn poll_event(&mut self) -> Result<Option<Event>, Fault> {
        let polled = match &mut self.place {
            Place::Head => self.poll_head(),
            Place::Sized { .. } => Ok(self.poll_sized()),
            Place::Chunked(_) => self.poll_chunked(),
            Place::Answer | Place::Over => Ok(None),
        };
        polled.or_else(|fault| self.fail(fault))
    }

    /// The answer is written and the request is whole.
    pub(crate) fn handle_answered(&mut self) {
        if matches!(self.place, Place::Answer) {
            self.place = Place::Head;
        }
    }

    /// The connection goes on in another protocol: what has come of that already.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        self.place = Place::Over;
        mem::take(&mut self.buffer)
    }

    fn fail<T>(&mut self, fault: Fault) -> Result<T, Fault> {
        self.place = Place::Over;
        self.buffer = Vec::new();
        Err(fault)
    }

    fn poll_head(&mut self) -> Result<Option<Event>, Fault> {
        self.skip_empty_lines();
        // Whatever this is (TLS, XMPP), it is no HTTP: no need to wait for more of it.
        if self
            .buffer
            .first()
            .is_some_and(|byte| !byte.is_ascii_alphabetic() && *byte != b'\r')
        {
            return Err(Fault::Syntax);
        }
        let Some(end) = self.find_end()? else {
            return Ok(None);
        };
        let rest = self.buffer.split_off(end);
        let head = mem::replace(&mut self.buffer, rest);
        self.scanned = 0;
        let request = Request::parse(&head)?;
        self.body_bytes = 0;
        self.body_max = 0;
        self.place = match request.length {
            Length::None => Place::Sized { left: 0 },
            Length::Sized(left) => Place::Sized { left },
            Length::Chunked => Place::Chunked(Chunked::new()),
        };
        Ok(Some(Event::Request(Box::new(request))))
    }

    /// RFC 9112 section 2.2: empty lines before a request line are passed over.
    fn skip_empty_lines(&mut self) {
        let mut empty = 0;
        while self
            .buffer
            .get(empty..)
            .is_some_and(|rest| rest.starts_with(b"\r\n"))
        {
            empty += 2;
        }
        if empty > 0 {
            self.buffer.drain(..empty);
            self.scanned = 0;
        }
    }

    /// Where the body begins, if the head is whole.
    fn find_end(&mut self) -> Result<Option<usize>, Fault> {
        while let Some(fresh) = self.buffer.get(self.scanned..) {
            let Some(at) = memchr::memchr(b'\n', fresh) else {
                break;
            };
            let at = self.scanned + at;
            let line = self.buffer.get(..at).unwrap_or_default();
            if self.scanned == 0 && line.len() > HTTP_LINE_BYTES_MAX {
                return Err(too_long());
            }
            // A line feed alone ends a line for some and not for others.
            let line = line.strip_suffix(b"\r").ok_or(Fault::Syntax)?;
            if at >= HTTP_HEAD_BYTES_MAX {
                return Err(too_large());
            }
            self.scanned = at + 1;
            if line.ends_with(b"\n") {
                return Ok(Some(self.scanned));
            }
        }
        if self.scanned == 0 && self.buffer.len() > HTTP_LINE_BYTES_MAX {
            return Err(too_long());
        }
        if self.buffer.len() > HTTP_HEAD_BYTES_MAX {
            return Err(too_large());
        }
        Ok(None)
    }

    fn poll_sized(&mut self) -> Option<Event> {
        let Place::Sized { left } = &mut self.place else {
            return None;
        };
        if *left == 0 {
            self.place = Place::Answer;
            return Some(Event::End);
        }
        if self.buffer.is_empty() {
            return None;
        }
        let here = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(self.buffer.len());
        *left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
        let rest = self.buffer.split_off(here);
        Some(Event::Piece(mem::replace(&mut self.buffer, rest)))
    }

    fn poll_chunked(&mut self) -> Result<Option<Event>, Fault> {
        let Place::Chunked(chunked) = &mut self.place else {
            return Ok(None);
        };
        let mut piece = Vec::new();
        let mut rest = self.buffer.as_slice();
        while let Some(bytes) = chunked.next(&mut rest)? {
            piece.extend_from_slice(bytes);
        }
        let left = rest.len();
        self.buffer.drain(..self.buffer.len().saturating_sub(left));
        let fresh = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.body_bytes = self.body_bytes.saturating_add(fresh);
        if self.body_bytes > self.body_max {
            return Err(Fault::Body {
                bytes_max: self.body_max,
            });
        }
        if !piece.is_empty() {
            return Ok(Some(Event::Piece(piece)));
        }
        if chunked.is_done() {
            self.place = Place::Answer;
            return Ok(Some(Event::End));
        }
        Ok(None)
    }
}

fn too_long() -> Fault {
    Fault::Line {
        bytes_max: HTTP_LINE_BYTES_MAX,
    }
}

fn too_large() -> Fault {
    Fault::Head {
        bytes_max: HTTP_HEAD_BYTES_MAX,
    }
}
