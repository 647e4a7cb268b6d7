//! Between a stream and the hub: what the stream asks, and what it is answered.

use crate::base::time::Monotonic;
use crate::c2s::Account;
use crate::c2s::Ending;
use crate::c2s::LookUp;
use crate::c2s::Output;
use crate::c2s::Register;
use crate::c2s::Registered;
use crate::net::admit::Attempt;
use crate::net::drive::Connection;
use crate::net::drive::Phase;
use crate::net::hub::Event;
use crate::net::hub::Hub;
use crate::observe;
use crate::observe::event::Event as Told;
use crate::sasl::Refusal;

impl<H: Hub> Connection<H> {
    pub(super) fn handle_event(&mut self, event: Event) {
        match event {
            Event::Credentials(account) => self.stream.handle_credentials(account),
            Event::Derived(keys) => self.stream.handle_derived(&keys),
            Event::Token(token) => self.stream.handle_token(token),
            Event::Bound(answer) => {
                if let Ok(bound) = &answer {
                    self.tell_session(&bound.jid);
                }
                self.stream.handle_bound(answer);
            }
            Event::Resumed(answer) => {
                if let Ok(resumed) = &answer {
                    self.tell_session(&resumed.jid);
                }
                self.stream.handle_resumed(answer);
            }
            Event::Registered(answer) => self.stream.handle_registered(answer),
            Event::Last(bytes) => self.stream.handle_last(&bytes),
            Event::End(why) => self.stream.handle_end(why),
            Event::Leave => {}
        }
    }

    fn tell_session(&mut self, jid: &dyn std::fmt::Display) {
        let from = self.from;
        observe::emit(&Told::SessionStarted { from, jid });
        self.pipe.note_login();
        if let Some(seat) = &mut self.seat {
            self.wires.admission.borrow_mut().handle_login(seat);
        }
    }

    /// Does what the stream puts out, in order.
    pub(super) fn settle(&mut self, now: Monotonic, out: &mut Vec<u8>) {
        while let Some(output) = self.stream.poll_output() {
            match output {
                Output::Write(bytes) => out.extend_from_slice(&bytes),
                Output::StartTls => self.phase = Phase::TlsDue,
                Output::LookUp(look_up) => self.attempt(now, look_up),
                Output::Register(create @ Register::Create { .. }) => self.register(now, create),
                Output::Refused(refusal) => self.count_refusal(now, refusal),
                Output::Close(ending) => {
                    if let Ending::Failed(why) = ending {
                        let from = self.from;
                        observe::emit(&Told::StreamFailed { from, why: &why });
                    }
                    self.begin_close(now, matches!(ending, Ending::Finished));
                }
                other => {
                    if let (Output::Silent, Some(framed)) = (&other, &mut self.framed) {
                        framed.ping();
                    }
                    let rate = self.wires.settings.borrow().stanzas_per_second;
                    self.stanzas_allowed.take(1, rate, now);
                    self.hub.handle_output(self.link, other);
                }
            }
        }
    }

    /// Guesses from one address wait in line.
    fn attempt(&mut self, now: Monotonic, look_up: LookUp) {
        let attempt = match &self.seat {
            Some(seat) => self.wires.admission.borrow_mut().handle_attempt(seat, now),
            None => Attempt::Refused,
        };
        match attempt {
            Attempt::After { ms: 0 } => {
                self.hub.handle_output(self.link, Output::LookUp(look_up));
            }
            Attempt::After { ms } => {
                let (from, wait_ms) = (self.from, ms);
                observe::emit(&Told::LoginDelayed { from, wait_ms });
                self.held = Some(Box::new((now.plus_ms(ms), look_up)));
            }
            Attempt::Refused => self.mailbox.post(Event::Credentials(Account::Unavailable)),
        }
    }

    /// Who makes many accounts waits as who guesses passwords does: each costs as much.
    fn register(&mut self, now: Monotonic, create: Register) {
        let attempt = self.seat.as_ref().map_or(Attempt::Refused, |seat| {
            let mut admission = self.wires.admission.borrow_mut();
            let attempt = admission.handle_attempt(seat, now);
            if attempt == (Attempt::After { ms: 0 }) {
                admission.handle_failure(seat, now);
            }
            attempt
        });
        if attempt == (Attempt::After { ms: 0 }) {
            self.hub.handle_output(self.link, Output::Register(create));
        } else {
            self.mailbox.post(Event::Registered(Registered::Later));
        }
    }

    fn count_refusal(&mut self, now: Monotonic, refusal: Refusal) {
        if let (Refusal::PeerCredentials | Refusal::PeerDisabled, Some(seat)) =
            (refusal, &self.seat)
        {
            self.wires.admission.borrow_mut().handle_failure(seat, now);
            let from = self.from;
            observe::emit(&Told::LoginFailed { from });
        }
    }
}
