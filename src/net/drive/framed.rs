//! A stream in the messages of a WebSocket (RFC 7395): between the bytes of a pipe and the stream machine.

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
pub(super) struct Framed {
    socket: WebSocket,
    splitter: Splitter,
    /// Frames that control, as they are sent, behind the messages of a turn.
    control: Vec<u8>,
    is_closing: bool,
}

impl Framed {
    pub(super) fn ping(&mut self) {
        websocket::write_ping(&mut self.control);
    }

    /// The last frame; the first code counts.
    pub(super) fn close(&mut self, code: CloseCode) {
        if !mem::replace(&mut self.is_closing, true) {
            websocket::write_close(&mut self.control, code);
        }
    }

    /// Turns what the stream has written into what is sent.
    pub(super) fn wrap(&mut self, out: &mut Vec<u8>) {
        if !out.is_empty() {
            let text = mem::take(out);
            for message in self.splitter.handle_text(&text) {
                websocket::write_message(out, &message);
            }
        }
        out.append(&mut self.control);
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.socket.kept_bytes() + self.splitter.kept_bytes() + self.control.capacity()
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
        let settings = wires.settings.borrow().stream.clone();
        let bytes_max = settings.stanza_bytes_max;
        let now = wires.clock.steady();
        let stream = c2s::Session::new(settings, wires.seed(), tls, now).in_messages();
        let mut connection = Self::over(wires, hub, pipe, (from, seat), stream);
        connection.kept = rest;
        connection.framed = Some(Box::new(Framed {
            socket: WebSocket::new(bytes_max),
            splitter: Splitter::default(),
            control: Vec::new(),
            is_closing: false,
        }));
        connection
    }

    /// Takes the next message off the front of `rest`, or what there is of it.
    pub(super) fn feed_message(&mut self, now: Monotonic, rest: &mut &[u8]) {
        let Some(framed) = &mut self.framed else {
            return;
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
        if let Some(framed) = &mut self.framed {
            framed.close(CloseCode::Normal);
        }
        self.hub.handle_closed(self.link, is_orderly);
    }
}
