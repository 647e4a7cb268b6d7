//! WebSocket frames, the server's side (RFC 6455): strict, text only, with bounded messages.

use std::mem;

use base64ct::Base64;
use base64ct::Encoding as _;
use ring::digest;

use crate::http::Method;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;

/// RFC 6455 section 1.3.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;
/// RFC 7395 section 3.1.
const SUBPROTOCOL: &str = "xmpp";

const CONTROL_BYTES_MAX: usize = 125;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// Why a WebSocket is closed, as its client is told (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CloseCode {
    Normal,
    ProtocolError,
    /// Something other than text.
    Unsupported,
    /// Text that is not UTF-8.
    Invalid,
    TooBig,
}

/// What has come whole.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Incoming {
    /// UTF-8.
    Message(Vec<u8>),
    /// To be answered with the same bytes.
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// The reading half of a WebSocket. After an error, or a close, it takes nothing more.
#[derive(Debug)]
pub(crate) struct WebSocket {
    bytes_max: usize,
    /// The beginning of a frame's head.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The message so far; its frames may have others between them that control.
    message: Vec<u8>,
    is_fragmented: bool,
    control: Vec<u8>,
    is_over: bool,
}

#[derive(Debug)]
struct Frame {
    opcode: u8,
    is_final: bool,
    left: usize,
    mask: [u8; 4],
    /// Which byte of the mask is next.
    turn: usize,
}

impl WebSocket {
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            head: Vec::new(),
            frame: None,
            message: Vec::new(),
            is_fragmented: false,
            control: Vec::new(),
            is_over: false,
        }
    }

    pub(crate) fn kept_bytes(&self) -> usize {
        self.message.capacity() + self.control.capacity() + self.head.capacity()
    }

    /// Takes from the front of `input` up to the end of the next message or control frame.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Incoming>, CloseCode> {
        let result = self.next_frame(input);
        if result.is_err() || result == Ok(Some(Incoming::Close)) {
            self.is_over = true;
            *input = &[];
        }
        result
    }

    fn next_frame(&mut self, input: &mut &[u8]) -> Result<Option<Incoming>, CloseCode> {
        while !self.is_over {
            let Some(mut frame) = self.frame.take() else {
                if self.read_head(input)? {
                    continue;
                }
                return Ok(None);
            };
            let here = frame.left.min(input.len());
            let (bytes, rest) = input.split_at_checked(here).unwrap_or((input, &[]));
            *input = rest;
            let target = if frame.is_control() {
                &mut self.control
            } else {
                &mut self.message
            };
            let bytes = bytes.iter().zip(frame.mask.iter().cycle().skip(frame.turn));
            target.extend(bytes.map(|(byte, mask)| byte ^ mask));
            frame.turn = (frame.turn + here) % frame.mask.len();
            frame.left = frame.left.saturating_sub(here);
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(incoming) = self.finish(&frame)? {
                return Ok(Some(incoming));
            }
        }
        *input = &[];
        Ok(None)
    }

    /// True: the head is whole, and its frame is there.
    fn read_head(&mut self, input: &mut &[u8]) -> Result<bool, CloseCode> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            self.head.push(*byte);
            if let Some(frame) = self.parse_head()? {
                self.head = Vec::new();
                self.frame = Some(frame);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 6455 section 5.2. None: more is needed.
    fn parse_head(&self) -> Result<Option<Frame>, CloseCode> {
        let [first, second, rest @ ..] = self.head.as_slice() else {
            return Ok(None);
        };
        let (opcode, length) = (first & 0x0f, second & !MASKED);
        let is_final = first & FINAL != 0;
        self.check_head(*first, *second)?;
        let (length, mask) = match length {
            126 => match rest {
                [a, b, mask @ ..] => (u64::from(u16::from_be_bytes([*a, *b])), mask),
                _ => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((length, mask)) => (u64::from_be_bytes(*length), mask),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        // The shortest form is the only one.
        let is_short = match second & !MASKED {
            126 => length < 126,
            127 => u16::try_from(length).is_ok(),
            _ => false,
        };
        if is_short {
            return Err(CloseCode::ProtocolError);
        }
        let Ok(left) = usize::try_from(length) else {
            return Err(CloseCode::TooBig);
        };
        let is_data = opcode & 0x8 == 0;
        if is_data && left > self.bytes_max.saturating_sub(self.message.len()) {
            return Err(CloseCode::TooBig);
        }
        let Some(mask) = mask.first_chunk::<4>() else {
            return Ok(None);
        };
        Ok(Some(Frame {
            opcode,
            is_final,
            left,
            mask: *mask,
            turn: 0,
        }))
    }

    /// What the first two bytes may say (RFC 6455 sections 5.1, 5.4 and 5.5).
    fn check_head(&self, first: u8, second: u8) -> Result<(), CloseCode> {
        let (opcode, is_final) = (first & 0x0f, first & FINAL != 0);
        let is_reserved = first & 0x70 != 0;
        let is_allowed = match opcode {
            CONTINUATION => self.is_fragmented,
            TEXT | BINARY => !self.is_fragmented,
            CLOSE | PING | PONG => is_final && usize::from(second & !MASKED) <= CONTROL_BYTES_MAX,
            _ => false,
        };
        if is_reserved || !is_allowed || second & MASKED == 0 {
            return Err(CloseCode::ProtocolError);
        }
        // RFC 7395 section 3.2.
        if opcode == BINARY {
            return Err(CloseCode::Unsupported);
        }
        Ok(())
    }

    fn finish(&mut self, frame: &Frame) -> Result<Option<Incoming>, CloseCode> {
        if !frame.is_control() {
            self.is_fragmented = !frame.is_final;
            if !frame.is_final {
                return Ok(None);
            }
            let message = mem::take(&mut self.message);
            let is_text = std::str::from_utf8(&message).is_ok();
            return is_text
                .then_some(Some(Incoming::Message(message)))
                .ok_or(CloseCode::Invalid);
        }
        let control = mem::take(&mut self.control);
        Ok(Some(match frame.opcode {
            PING => Incoming::Ping(control),
            PONG => Incoming::Pong,
            _ => {
                check_close(&control)?;
                Incoming::Close
            }
        }))
    }
}

impl Frame {
    fn is_control(&self) -> bool {
        self.opcode & 0x8 != 0
    }
}

/// RFC 6455 sections 5.5.1 and 7.4.
fn check_close(payload: &[u8]) -> Result<(), CloseCode> {
    let (code, reason) = match payload {
        [] => return Ok(()),
        [a, b, reason @ ..] => (u16::from_be_bytes([*a, *b]), reason),
        [_] => return Err(CloseCode::ProtocolError),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(CloseCode::ProtocolError);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(CloseCode::Invalid);
    }
    Ok(())
}

impl CloseCode {
    const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::Unsupported => 1003,
            Self::Invalid => 1007,
            Self::TooBig => 1009,
        }
    }
}

pub(crate) fn write_message(out: &mut Vec<u8>, text: &[u8]) {
    write_frame(out, TEXT, text);
}

pub(crate) fn write_ping(out: &mut Vec<u8>) {
    write_frame(out, PING, b"");
}

pub(crate) fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame(out, PONG, payload);
}

pub(crate) fn write_close(out: &mut Vec<u8>, code: CloseCode) {
    write_frame(out, CLOSE, &code.code().to_be_bytes());
}

/// Whole, and unmasked as a server's frames are (RFC 6455 section 5.1).
fn write_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(FINAL | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => out.push(short),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// The answer to a request for a WebSocket (RFC 6455 section 4.2, RFC 7395 section 3.1).
pub(crate) fn accept(request: &Request) -> Reply {
    match request.method {
        Method::Get => {}
        Method::Options => return Reply::options("GET, OPTIONS", "Content-Type"),
        _ => return Reply::not_allowed("GET, OPTIONS"),
    }
    let is_upgrade = request.has_token("upgrade", "websocket")
        && request.has_token("connection", "upgrade")
        && request.is_newest();
    if !is_upgrade || request.field("sec-websocket-version") != Some("13") {
        return Reply::of(Status::UPGRADE_REQUIRED)
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Version", "13");
    }
    let key = request.field("sec-websocket-key").unwrap_or_default();
    let is_key = Base64::decode_vec(key).is_ok_and(|key| key.len() == KEY_BYTES);
    if !is_key || !request.has_token("sec-websocket-protocol", SUBPROTOCOL) {
        return Reply::of(Status::BAD_REQUEST);
    }
    let text = format!("{key}{KEY_SUFFIX}");
    // What the protocol names; nothing is protected by it.
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    Reply::of(Status::SWITCHING_PROTOCOLS)
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade")
        .with(
            "Sec-WebSocket-Accept",
            Base64::encode_string(digest.as_ref()),
        )
        .with("Sec-WebSocket-Protocol", SUBPROTOCOL)
}
