//! A stream in messages (RFC 7395, XEP-0206): between the bytes of a pipe and the stream machine.

use std::mem;
use std::net::IpAddr;
use std::rc::Rc;

use crate::base::limits::CLOSE_WAIT_MS;
use crate::base::time::Monotonic;
use crate::c2s;
use crate::c2s::TlsFacts;
use crate::net::admit::Seat;
use crate::net::drive::Connection;
use crate::net::drive::Phase;
use crate::net::hub::Hub;
use crate::net::pipe::Pipe;
use crate::net::wires::Wires;
use crate::web::split::Splitter;
use crate::web::websocket;
use crate::web::websocket::CloseCode;
use crate::web::websocket::Incoming;
use crate::web::websocket::WebSocket;
use crate::xml::XmlError;

/// What a connection has beside its stream if that comes in messages.
pub(super) enum Framed {
    WebSocket(Frames),
    /// One after the other, and nothing between them: what BOSH has made of them.
    Elements(Splitter),
}

/// A WebSocket.
pub(super) struct Frames {
    socket: WebSocket,
    splitter: Splitter,
    /// Frames that control, as they are sent, behind the messages of a turn.
    control: Vec<u8>,
    is_closing: bool,
}

impl Framed {
    /// Asks for a sign of life, where that is possible.
    pub(super) fn ping(&mut self) {
        if let Self::WebSocket(frames) = self {
            websocket::write_ping(&mut frames.control);
        }
    }

    /// Turns what the stream has written into what is sent.
    pub(super) fn wrap(&mut self, out: &mut Vec<u8>) {
        let Self::WebSocket(frames) = self else {
            return;
        };
        if !out.is_empty() {
            let text = mem::take(out);
            for message in frames.splitter.handle_text(&text) {
                websocket::write_message(out, &message);
            }
        }
        out.append(&mut frames.control);
    }

    pub(super) fn kept_bytes(&self) -> usize {
        match self {
            Self::WebSocket(frames) => {
                let waiting = frames.splitter.kept_bytes() + frames.control.capacity();
                frames.socket.kept_bytes() + waiting
            }
            Self::Elements(splitter) => splitter.kept_bytes(),
        }
    }
}

impl Frames {
    /// The last frame; the first code counts.
    fn close(&mut self, code: CloseCode) {
        if !mem::replace(&mut self.is_closing, true) {
            websocket::write_close(&mut self.control, code);
        }
    }
}

impl<H: Hub> Connection<H> {
    /// Goes on as a WebSocket where a web connection has been; `rest` has come of it already.
    pub(crate) fn upgrade(
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        pipe: Pipe,
        (from, seat): (IpAddr, Seat),
        tls: Option<TlsFacts>,
        rest: Vec<u8>,
    ) -> Self {
        let bytes_max = wires.settings.borrow().stream.stanza_bytes_max;
        let mut connection = Self::in_elements(wires, hub, pipe, (from, seat), tls);
        connection.kept = rest;
        connection.framed = Some(Box::new(Framed::WebSocket(Frames {
            socket: WebSocket::new(bytes_max),
            splitter: Splitter::default(),
            control: Vec::new(),
            is_closing: false,
        })));
        connection
    }

    /// What comes and goes are elements, each whole in itself.
    pub(crate) fn in_elements(
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        pipe: Pipe,
        (from, seat): (IpAddr, Seat),
        tls: Option<TlsFacts>,
    ) -> Self {
        let settings = wires.settings.borrow().stream.clone();
        let now = wires.clock.steady();
        let stream = c2s::Session::new(settings, wires.seed(), tls, now).in_messages();
        let mut connection = Self::over(wires, hub, pipe, (from, seat), stream);
        connection.framed = Some(Box::new(Framed::Elements(Splitter::default())));
        connection
    }

    /// Takes the next message off the front of `rest`, or what there is of it.
    pub(super) fn feed_message(&mut self, now: Monotonic, rest: &mut &[u8]) {
        let framed = match self.framed.as_deref_mut() {
            None => return,
            Some(Framed::WebSocket(frames)) => frames,
            Some(Framed::Elements(splitter)) => {
                if let Some(element) = splitter.next(rest) {
                    self.stream.handle_message(now, &element);
                }
                return;
            }
        };
        match framed.socket.next(rest) {
            Ok(None) => {}
            Ok(Some(Incoming::Message(message))) => self.stream.handle_message(now, &message),
            Ok(Some(Incoming::Ping(payload))) => {
                websocket::write_pong(&mut framed.control, &payload);
                self.stream.handle_life(now);
            }
            Ok(Some(Incoming::Pong)) => self.stream.handle_life(now),
            // Without the end of the stream before it: the session can be resumed (RFC 7395 section 3.6).
            Ok(Some(Incoming::Close)) => {
                framed.close(CloseCode::Normal);
                self.begin_close(now, false);
            }
            Err(code) => {
                framed.close(code);
                let bytes_max = self.wires.settings.borrow().stream.stanza_bytes_max;
                self.stream.handle_end(match code {
                    CloseCode::TooBig => XmlError::TooLarge { bytes_max }.into(),
                    _ => c2s::Failure::PeerFormat,
                });
            }
        }
    }

    /// Nothing is read of the stream any more.
    pub(super) fn begin_close(&mut self, now: Monotonic, is_orderly: bool) {
        let until = now.plus_ms(CLOSE_WAIT_MS);
        self.phase = Phase::Closing {
            until,
            is_shut: false,
        };
        if let Some(Framed::WebSocket(frames)) = self.framed.as_deref_mut() {
            frames.close(CloseCode::Normal);
        }
        self.hub.handle_closed(self.link, is_orderly);
    }
}
