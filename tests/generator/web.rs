//! Streams of browsers: a client's XML in WebSocket messages (RFC 7395), or in the bodies of requests (XEP-0206).
//!
//! The client behind it writes and reads a stream as over TCP. It reads only when it has nothing more to say, so that
//! one connection is enough for BOSH: what it says is the request that its next answer comes with.

use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use memchr::memmem;
use smol::Async;
use smol::io::AsyncRead;
use smol::io::AsyncReadExt as _;
use smol::io::AsyncWrite;
use smol::io::AsyncWriteExt as _;

use super::Outcome;
use super::unexpected;
use super::xml;
use super::xml::Cutter;

const READ_BYTES: usize = 4_096;
/// What stands for the header of a stream that comes in messages.
const HEADER: &[u8] = b"<stream:stream>";
/// RFC 6455 section 5.2: the last piece of a text, masked.
const TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;
/// In place of a length that takes two bytes.
const LONG: u8 = 0x7e;

/// What XML becomes on its way, and how it is found in what comes back.
pub(crate) trait Wrap: Unpin {
    fn wrap(&mut self, xml: &[u8], out: &mut Vec<u8>);
    /// Something has to be said before there is an answer.
    fn ask(&mut self, _out: &mut Vec<u8>) {}
    /// Moves what is whole from `raw` to `xml`.
    fn unwrap(&mut self, raw: &mut Vec<u8>, xml: &mut Vec<u8>) -> io::Result<()>;
}

pub(crate) struct Wrapped<W> {
    socket: Async<TcpStream>,
    wrap: W,
    out: Vec<u8>,
    raw: Vec<u8>,
    xml: Vec<u8>,
}

impl Wrapped<WebSocket> {
    pub(crate) async fn upgrade(mut socket: Async<TcpStream>) -> Outcome<Self> {
        let request = "GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n";
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).await?;
            answer.extend_from_slice(&byte);
        }
        if !answer.starts_with(b"HTTP/1.1 101") {
            return unexpected(String::from_utf8_lossy(&answer));
        }
        Ok(Self::over(socket, WebSocket))
    }
}

impl Wrapped<Bosh> {
    pub(crate) fn begin(socket: Async<TcpStream>) -> Self {
        Self::over(socket, Bosh::default())
    }
}

impl<W: Wrap> Wrapped<W> {
    fn over(socket: Async<TcpStream>, wrap: W) -> Self {
        let (out, raw, xml) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            socket,
            wrap,
            out,
            raw,
            xml,
        }
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.out))?;
            self.out.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: Wrap> AsyncWrite for Wrapped<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        xml: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_out(cx))?;
        this.wrap.wrap(xml, &mut this.out);
        Poll::Ready(Ok(xml.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}

impl<W: Wrap> AsyncRead for Wrapped<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.xml.is_empty() {
            this.wrap.ask(&mut this.out);
            ready!(this.poll_out(cx))?;
            let filled = this.raw.len();
            this.raw.resize(filled + READ_BYTES, 0);
            let read = Pin::new(&mut this.socket).poll_read(cx, &mut this.raw[filled..]);
            let count = if let Poll::Ready(Ok(count)) = read {
                count
            } else {
                0
            };
            this.raw.truncate(filled + count);
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(0));
            }
            this.wrap.unwrap(&mut this.raw, &mut this.xml)?;
        }
        let count = this.xml.len().min(buffer.len());
        buffer[..count].copy_from_slice(&this.xml[..count]);
        this.xml.drain(..count);
        Poll::Ready(Ok(count))
    }
}

fn is_header(xml: &[u8]) -> bool {
    xml.starts_with(b"<?xml")
}

/// The elements of a piece of a stream, each with its namespace: there is no header to inherit it from.
fn elements(xml: &[u8]) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::inside();
    let mut elements = Vec::new();
    while let Some(piece) = cutter.next(xml) {
        let mut element = xml[piece].to_vec();
        let names = ["message", "presence", "iq"];
        if let Some(name) = names.into_iter().find(|name| xml::is(&element, name))
            && xml::attr(&element, "xmlns").is_none()
        {
            let at = name.len() + 1;
            element.splice(at..at, *b" xmlns='jabber:client'");
        }
        elements.push(element);
    }
    elements
}

/// RFC 7395, with a mask of zeros.
pub(crate) struct WebSocket;

impl WebSocket {
    fn say(text: &[u8], out: &mut Vec<u8>) {
        out.push(TEXT);
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        if let Ok(short @ ..LONG) = u8::try_from(length) {
            out.push(MASKED | short);
        } else {
            out.push(MASKED | LONG);
            out.extend_from_slice(&length.to_be_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(text);
    }
}

impl Wrap for WebSocket {
    fn wrap(&mut self, xml: &[u8], out: &mut Vec<u8>) {
        let framing = "xmlns='urn:ietf:params:xml:ns:xmpp-framing'";
        if is_header(xml) {
            let open = format!("<open {framing} to='localhost' version='1.0'/>");
            return Self::say(open.as_bytes(), out);
        }
        for element in elements(xml) {
            if element.starts_with(b"</stream:stream") {
                Self::say(format!("<close {framing}/>").as_bytes(), out);
            } else {
                Self::say(&element, out);
            }
        }
    }

    fn unwrap(&mut self, raw: &mut Vec<u8>, xml: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let (length, head) = match raw.as_slice() {
                [_, LONG, high, low, ..] => (usize::from(u16::from_be_bytes([*high, *low])), 4),
                [_, length, ..] if *length < LONG => (usize::from(*length), 2),
                [_, _, _, _, ..] => return Err(io::ErrorKind::InvalidData.into()),
                _ => return Ok(()),
            };
            let Some(text) = raw.get(head..head + length) else {
                return Ok(());
            };
            if xml::is(text, "open") {
                xml.extend_from_slice(HEADER);
            } else if raw[0] == TEXT {
                xml.extend_from_slice(text);
            }
            raw.drain(..head + length);
        }
    }
}

/// XEP-0206, one request at a time.
#[derive(Default)]
pub(crate) struct Bosh {
    sid: String,
    rid: u64,
    is_open: bool,
    is_header_due: bool,
}

impl Bosh {
    fn say(&mut self, attributes: &str, content: &[u8], out: &mut Vec<u8>) {
        self.rid += 1;
        self.is_open = true;
        let rid = self.rid;
        let mut body = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='{rid}' {attributes}>"
        )
        .into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(b"</body>");
        let head = format!(
            "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&body);
    }
}

impl Wrap for Bosh {
    fn wrap(&mut self, xml: &[u8], out: &mut Vec<u8>) {
        let sid = format!("sid='{}'", self.sid);
        if is_header(xml) {
            self.is_header_due = true;
            let attributes = if self.sid.is_empty() {
                "to='localhost' wait='60' hold='1' ver='1.6' xml:lang='en' xmpp:version='1.0'"
                    .to_owned()
            } else {
                format!("{sid} to='localhost' xmpp:restart='true'")
            };
            return self.say(&attributes, b"", out);
        }
        let elements = elements(xml);
        if elements
            .iter()
            .any(|one| one.starts_with(b"</stream:stream"))
        {
            return self.say(&format!("{sid} type='terminate'"), b"", out);
        }
        self.say(&sid, &elements.concat(), out);
    }

    /// The server answers a request when it has something.
    fn ask(&mut self, out: &mut Vec<u8>) {
        if !self.is_open {
            self.say(&format!("sid='{}'", self.sid), b"", out);
        }
    }

    fn unwrap(&mut self, raw: &mut Vec<u8>, xml: &mut Vec<u8>) -> io::Result<()> {
        let Some(head) = memmem::find(raw, b"\r\n\r\n") else {
            return Ok(());
        };
        let lines = String::from_utf8_lossy(&raw[..head]).to_ascii_lowercase();
        let mut lines = lines.lines();
        let length =
            lines.find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let Some(length): Option<usize> = length else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let begin = head + 4;
        let Some(body) = raw.get(begin..begin + length) else {
            return Ok(());
        };
        self.is_open = false;
        if let Some(sid) = xml::attr(body, "sid") {
            sid.clone_into(&mut self.sid);
        }
        if xml::attr(body, "type") == Some("terminate") {
            xml.extend_from_slice(b"</stream:stream>");
        }
        if std::mem::take(&mut self.is_header_due) {
            xml.extend_from_slice(HEADER);
        }
        let inner = memchr::memchr(b'>', body).map(|at| &body[at + 1..]);
        let inner = inner.and_then(|inner| inner.strip_suffix(b"</body>"));
        xml.extend_from_slice(inner.unwrap_or_default());
        raw.drain(..begin + length);
        Ok(())
    }
}
