//! One client's stream, sans-IO: negotiation, authentication, framing; it knows no feature.
//!
//! [`Session`] is the machine. Its states are types, one file each; [`state`] draws how they follow
//! each other. What a client may do to it is bounded: a stranger gets [`STRANGER_STREAM_BYTES_MAX`]
//! bytes and the time of [`Settings::login_seconds`] before a session of the core stands behind it.

mod activity;
mod auth;
mod auth2;
mod bind;
mod error;
pub(crate) mod fuzz;
mod input;
pub(crate) mod manage;
mod negotiate;
mod online;
mod open;
mod output;
mod register;
mod state;
#[cfg(test)]
mod tests;
mod timer;
mod wire;

use std::mem;
use std::sync::Arc;

pub(crate) use self::error::Failure;
pub(crate) use self::input::Account;
pub(crate) use self::input::BindRefusal;
pub(crate) use self::input::Bound;
pub(crate) use self::input::Enabled;
pub(crate) use self::input::NewToken;
pub(crate) use self::input::Registered;
pub(crate) use self::input::ResumeRefusal;
pub(crate) use self::input::Resumed;
pub(crate) use self::input::TlsFacts;
pub(crate) use self::output::Activity;
pub(crate) use self::output::BindRequest;
pub(crate) use self::output::DeviceId;
pub(crate) use self::output::Enable;
pub(crate) use self::output::Ending;
pub(crate) use self::output::Inline;
pub(crate) use self::output::LookUp;
pub(crate) use self::output::Management;
pub(crate) use self::output::Output;
pub(crate) use self::output::Register;
pub(crate) use self::output::Resource;
pub(crate) use self::output::ResumeRequest;
pub(crate) use self::output::TokenRequest;

use self::open::Open;
use self::open::Stage;
use self::open::Stranger;
use self::state::Phase;
use self::state::State;
use self::timer::Timer;
use self::wire::Framing;
use self::wire::Wire;
use crate::base::jid::BareJid;
use crate::base::limits::STRANGER_STANZA_BYTES_MAX;
use crate::base::limits::STRANGER_STREAM_BYTES_MAX;
use crate::base::time::Monotonic;
use crate::sasl::Fakes;
use crate::sasl::ScramKeys;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::StreamHeader;
use crate::xml::XmlError;

/// What all sessions of a listener have in common.
pub(crate) struct Settings {
    /// The domain that is served; without a local part.
    pub(crate) domain: BareJid,
    /// STARTTLS can be offered: there is a certificate.
    pub(crate) offers_tls: bool,
    /// Nobody logs in without TLS.
    pub(crate) requires_tls: bool,
    /// PLAIN without TLS, for tests on one machine.
    pub(crate) allows_plaintext: bool,
    /// Strangers may ask for an account (XEP-0077).
    pub(crate) offers_registration: bool,
    /// Strangers may make an account with an invitation (XEP-0445).
    pub(crate) takes_invitations: bool,
    /// Devices may log in with tokens (XEP-0484).
    pub(crate) offers_tokens: bool,
    /// XEP-0474 in SCRAM.
    pub(crate) protects_from_downgrade: bool,
    /// Largest stanza of a client that has a session.
    pub(crate) stanza_bytes_max: usize,
    /// From the connection to the session.
    pub(crate) login_seconds: u32,
    /// How long a client may say nothing, before it is asked and once more before it is let go.
    pub(crate) silence_seconds: u32,
    /// Features for those who are authenticated, as they stand (XEP-0115 and the like).
    pub(crate) features: Vec<u8>,
    /// Keys for names that do not exist.
    pub(crate) fakes: Fakes,
}

/// One client's stream, from its first byte to its last.
///
/// Inputs are `handle_*`, outputs `poll_output`. The caller's part:
///
/// - After each input, take outputs until there are none, and do them in order. Between a
///   [`Output::StartTls`] and [`Session::handle_tls`], and after [`Output::Close`], give no bytes.
/// - [`Session::handle_bytes`] takes from the front of its input what it can use now. While
///   [`Session::is_waiting`], it takes nothing: keep the rest, stop reading, and offer the rest
///   again after the answer. What is left at [`Output::StartTls`] came in the clear and is dropped.
/// - A question (`LookUp`, `Derive`, `Token`, `Bind`, `Resume`, `Register`) gets exactly one answer,
///   later or at once. There is one at a time.
/// - After a good [`Session::handle_bound`] or [`Session::handle_resumed`], write the outputs before
///   anything that the core has for this session.
/// - Call [`Session::handle_timeout`] when the moment of [`Session::timeout`] has come.
/// - When the connection is lost, drop the session and tell the core.
pub(crate) struct Session {
    wire: Wire,
    framer: Framer,
    state: State,
    /// What was taken from the client before it had a session.
    stranger_bytes: usize,
}

impl Session {
    /// A new connection; with `tls` if that is there from the start (XEP-0368).
    ///
    /// `seed` is 32 unpredictable bytes: nonces and stream ids are drawn from it.
    pub(crate) fn new(
        settings: Arc<Settings>,
        seed: [u8; 32],
        tls: Option<TlsFacts>,
        now: Monotonic,
    ) -> Self {
        let login_ms = u64::from(settings.login_seconds) * 1_000;
        let mut wire = Wire::new(settings, seed, now);
        wire.timers.set(Timer::Login, now.plus_ms(login_ms));
        Self {
            wire,
            framer: Framer::new(FramerLimits::STRANGER),
            state: State::Open(Box::new(Open {
                stage: Stage::Stranger(Stranger::new(tls)),
            })),
            stranger_bytes: 0,
        }
    }

    /// Takes from the front of `input` what can be used now.
    pub(crate) fn handle_bytes(&mut self, now: Monotonic, input: &mut &[u8]) {
        self.wire.now = now;
        if !input.is_empty() {
            self.handle_life(now);
        }
        while !self.state.is_waiting() {
            let before = input.len();
            let framed = self.framer.next(input);
            if !self.has_session() {
                let taken = before.saturating_sub(input.len());
                self.stranger_bytes = self.stranger_bytes.saturating_add(taken);
            }
            if self.stranger_bytes > STRANGER_STREAM_BYTES_MAX {
                let bytes_max = STRANGER_STREAM_BYTES_MAX;
                return self.advance(|_, _| Err(Failure::PeerTalks { bytes_max }));
            }
            match framed {
                Ok(Some(frame)) => self.advance(|state, wire| state.handle_frame(frame, wire)),
                Ok(None) => break,
                Err(error) => self.advance(|_, _| Err(Failure::from(error))),
            }
        }
        // What came in the clear is not part of the encrypted stream (RFC 6120 section 5.3.5).
        if let State::StartTls(_) | State::Closed = self.state {
            *input = &[];
        }
    }

    /// The client's elements come one by one, in messages of their own (RFC 7395); said before the first.
    pub(crate) fn in_messages(mut self) -> Self {
        self.wire.framing = Framing::Messages;
        self
    }

    /// Takes one message: an element, or what stands for the start or the end of a stream.
    ///
    /// Not while [`Session::is_waiting`].
    pub(crate) fn handle_message(&mut self, now: Monotonic, message: &[u8]) {
        self.handle_life(now);
        let bytes_max = if self.has_session() {
            self.wire.settings.stanza_bytes_max
        } else {
            self.stranger_bytes = self.stranger_bytes.saturating_add(message.len());
            STRANGER_STANZA_BYTES_MAX
        };
        if self.stranger_bytes > STRANGER_STREAM_BYTES_MAX {
            let bytes_max = STRANGER_STREAM_BYTES_MAX;
            return self.advance(|_, _| Err(Failure::PeerTalks { bytes_max }));
        }
        if message.len() > bytes_max {
            let error = XmlError::TooLarge { bytes_max };
            return self.advance(|_, _| Err(error.into()));
        }
        // Section 3.5 has pings of its own for this; some send it all the same.
        if message.trim_ascii().is_empty() {
            return;
        }
        let frame = Element::parse(message).map(|element| {
            let root = element.root();
            if root.is("open", ns::FRAMING) {
                Frame::Open(StreamHeader::framed(element))
            } else if root.is("close", ns::FRAMING) {
                Frame::Close
            } else {
                Frame::Element(element)
            }
        });
        self.advance(|state, wire| state.handle_frame(frame?, wire));
    }

    /// The client is there, though it has nothing to say.
    pub(crate) fn handle_life(&mut self, now: Monotonic) {
        self.wire.now = now;
        self.wire.heard = now;
        self.wire.is_asked = false;
    }

    /// The TLS handshake is done.
    pub(crate) fn handle_tls(&mut self, facts: TlsFacts) {
        self.advance(|state, _| match state {
            State::StartTls(stranger) => Ok(State::Open(Box::new(Open {
                stage: Stage::Stranger(Stranger {
                    tls: Some(facts),
                    ..*stranger
                }),
            }))),
            other => Ok(other),
        });
    }

    /// The answer to [`Output::LookUp`].
    pub(crate) fn handle_credentials(&mut self, account: Account) {
        self.advance(|state, wire| match state {
            State::Sasl(state) => state.handle_credentials(account, wire),
            other => Ok(other),
        });
    }

    /// The answer to [`Output::Derive`].
    pub(crate) fn handle_derived(&mut self, derived: &ScramKeys) {
        self.advance(|state, wire| match state {
            State::Sasl(state) => state.handle_derived(derived, wire),
            other => Ok(other),
        });
    }

    /// The answer to [`Output::Token`].
    pub(crate) fn handle_token(&mut self, token: Option<NewToken>) {
        self.advance(|state, wire| match state {
            State::Welcome(state) => Ok(state.handle_token(token, wire)),
            other => Ok(other),
        });
    }

    /// The answer to [`Output::Bind`].
    pub(crate) fn handle_bound(&mut self, answer: Result<Bound, BindRefusal>) {
        self.advance(|state, wire| match state {
            State::Bind(state) => Ok(state.handle_bound(answer, wire)),
            State::Welcome(state) => state.handle_bound(answer, wire),
            other => Ok(other),
        });
    }

    /// The answer to [`Output::Resume`].
    pub(crate) fn handle_resumed(&mut self, answer: Result<Resumed, ResumeRefusal>) {
        self.advance(|state, wire| match state {
            State::Bind(state) => Ok(state.handle_resumed(answer, wire)),
            State::Welcome(state) => Ok(state.handle_resumed(answer, wire)),
            other => Ok(other),
        });
    }

    /// The answer to [`Output::Register`].
    pub(crate) fn handle_registered(&mut self, answer: Registered) {
        self.advance(|state, wire| match state {
            State::Register(state) => Ok((*state).handle_registered(answer, wire)),
            other => Ok(other),
        });
    }

    /// What the session is still owed, before the end that follows.
    pub(crate) fn handle_last(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.wire.write(bytes);
        }
    }

    /// The server, or the core, ends this stream.
    pub(crate) fn handle_end(&mut self, why: Failure) {
        self.advance(|_, _| Err(why));
    }

    /// The moment of [`Session::timeout`] has come, or it was asked too early.
    pub(crate) fn handle_timeout(&mut self, now: Monotonic) {
        self.wire.now = now;
        while let Some(timer) = self.wire.timers.take_due(now) {
            match timer {
                Timer::Login => {
                    let seconds_max = self.wire.settings.login_seconds;
                    self.advance(|_, _| Err(Failure::PeerLate { seconds_max }));
                }
                Timer::Silence => self.handle_silence(),
            }
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.wire.poll_output()
    }

    /// When [`Session::handle_timeout`] is wanted, if nothing else happens before.
    pub(crate) fn timeout(&self) -> Option<Monotonic> {
        self.wire.timers.next()
    }

    /// No bytes are taken until the question that is out has its answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.is_waiting()
    }

    /// A session of the core stands behind this stream.
    pub(crate) fn has_session(&self) -> bool {
        self.state.phase() == Phase::Session
    }

    /// Bytes of an unfinished element that are kept.
    pub(crate) fn held_bytes(&self) -> usize {
        self.framer.pending_bytes()
    }

    /// Memory of an unfinished element, with what is known of it.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.framer.kept_bytes()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.phase() == Phase::Over
    }

    /// One transition; a failed one ends the session. Nothing comes after the end.
    fn advance(&mut self, step: impl FnOnce(State, &mut Wire) -> Result<State, Failure>) {
        if self.is_closed() {
            return;
        }
        let before = self.state.phase();
        let state = mem::replace(&mut self.state, State::Closed);
        let next = step(state, &mut self.wire);
        self.state = next.unwrap_or_else(|failure| self.wire.fail(failure));
        let after = self.state.phase();
        if before == after {
            return;
        }
        match after {
            // A new stream on the same connection (RFC 6120 section 4.3.3).
            Phase::Header => {
                self.wire.restart();
                self.framer.restart();
            }
            Phase::Session => {
                self.framer.set_limits(FramerLimits {
                    bytes_max: self.wire.settings.stanza_bytes_max,
                    ..FramerLimits::CLIENT
                });
                self.wire.timers.stop(Timer::Login);
                self.wait_for_silence();
            }
            // Nothing is read any more.
            Phase::Over => self.framer.restart(),
            Phase::Stranger => {}
        }
    }

    /// The timer is not moved by every byte; it looks when it fires.
    fn handle_silence(&mut self) {
        let seconds_max = self.wire.settings.silence_seconds;
        let silent_ms = self.wire.now.since_ms(self.wire.heard);
        if silent_ms < u64::from(seconds_max) * 1_000 {
            return self.wait_for_silence();
        }
        if mem::replace(&mut self.wire.is_asked, true) {
            return self.advance(|_, _| Err(Failure::PeerSilent { seconds_max }));
        }
        self.wire.push(Output::Silent);
        let again = self.wire.now.plus_ms(u64::from(seconds_max) * 1_000);
        self.wire.timers.set(Timer::Silence, again);
    }

    fn wait_for_silence(&mut self) {
        let silence_ms = u64::from(self.wire.settings.silence_seconds) * 1_000;
        let at = self.wire.heard.plus_ms(silence_ms);
        self.wire.timers.set(Timer::Silence, at);
    }
}

// A server on a small board has thousands of these.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Session>() <= 512);
