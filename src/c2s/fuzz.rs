//! What the fuzzer drives: a stranger who knows no password, against a core that answers honestly.
//!
//! The input is a little program: each byte is a step, some steps take bytes of their own. Pieces of
//! the protocol are steps, so that a fuzzer gets deep without having to spell them.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::STRANGER_STANZA_BYTES_MAX;
use crate::base::time::Monotonic;
use crate::c2s::Account;
use crate::c2s::BindRefusal;
use crate::c2s::Bound;
use crate::c2s::Output;
use crate::c2s::Registered;
use crate::c2s::Session;
use crate::c2s::Settings;
use crate::c2s::TlsFacts;
use crate::sasl::ChannelBindings;
use crate::sasl::Credentials;
use crate::sasl::Derivation;
use crate::sasl::Fakes;
use crate::sasl::Hash;

/// What a stranger may say in one step.
const PIECES: [&str; 24] = [
    "<?xml version='1.0'?>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
     to='example.org' version='1.0'>",
    "</stream:stream>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHg=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>\
     biwsbj1hbGljZSxyPWFiYw==</auth>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>biwsbj1hbGljZSxyPWFiYw==</response>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
    "</response>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'>",
    "<initial-response>AGFsaWNlAHg=</initial-response>",
    "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>",
    "<bind xmlns='urn:xmpp:bind:0'><tag>x</tag></bind>",
    "<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/>",
    "<fast xmlns='urn:xmpp:fast:0'/>",
    "</authenticate>",
    "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
    "<iq type='set' id='1'><query xmlns='jabber:iq:register'><username>bob</username>\
     <password>x</password></query></iq>",
    "<message/>",
    "<enable xmlns='urn:xmpp:sm:3'/>",
];

/// Runs the program; `Err` names the promise that was broken.
pub(crate) fn stranger(program: &[u8]) -> Result<(), &'static str> {
    let (options, mut steps) = program.split_first().map_or((0, program), |(a, b)| (*a, b));
    let tls = (options & 1 != 0).then(tls_facts);
    let settings = settings(options).ok_or("the fuzzer's own domain is bad")?;
    let mut run = Run {
        session: Session::new(Arc::new(settings), [1; 32], tls, Monotonic(0)),
        now: Monotonic(0),
        unread: Vec::new(),
        question: None,
        is_slow: options & 2 != 0,
    };
    while let Some((step, rest)) = steps.split_first() {
        steps = run.perform(*step, rest);
        run.check()?;
    }
    Ok(())
}

struct Run {
    session: Session,
    now: Monotonic,
    unread: Vec<u8>,
    question: Option<Output>,
    /// Answers are steps of their own.
    is_slow: bool,
}

impl Run {
    /// Does one step; gives what is left of the program.
    fn perform<'a>(&mut self, step: u8, rest: &'a [u8]) -> &'a [u8] {
        if let Some(piece) = PIECES.get(usize::from(step)) {
            self.send(piece.as_bytes());
            return rest;
        }
        match step {
            0x40 => {
                if let Some(question) = self.question.take() {
                    self.answer(question);
                }
                self.send(&[]);
            }
            0x41 => {
                self.now = self.now.plus_ms(1_000);
                self.session.handle_timeout(self.now);
                self.drain();
            }
            // So many bytes of the program, as they are.
            length => {
                let length = usize::from(length & 0x3f);
                let (bytes, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                self.send(bytes);
                return rest;
            }
        }
        rest
    }

    fn send(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        loop {
            let mut input = self.unread.as_slice();
            let before = input.len();
            self.session.handle_bytes(self.now, &mut input);
            let left = input.to_vec();
            let is_stuck = left.len() == before;
            self.unread = left;
            self.drain();
            if is_stuck || self.unread.is_empty() {
                return;
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            if self.is_slow {
                self.question = Some(output);
            } else {
                self.answer(output);
            }
        }
    }

    fn answer(&mut self, question: Output) {
        match question {
            Output::StartTls => self.session.handle_tls(tls_facts()),
            Output::LookUp(look_up) => {
                let is_there = look_up.account.local() == Some("alice");
                self.session.handle_credentials(if is_there {
                    Account::Found(credentials())
                } else {
                    Account::Absent
                });
            }
            Output::Derive(job) => self.session.handle_derived(&job.run()),
            Output::Bind(request) => {
                let jid = request.account.with_resource("x");
                let bound = jid.map(Bound::from);
                self.session
                    .handle_bound(bound.map_err(|_| BindRefusal::Unavailable));
            }
            Output::Register(_) => self.session.handle_registered(Registered::Closed),
            _ => {}
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.session.has_session() {
            return Err("a stranger got a session");
        }
        if self.session.held_bytes() > STRANGER_STANZA_BYTES_MAX {
            return Err("a stranger made the server hold too much");
        }
        Ok(())
    }
}

fn settings(options: u8) -> Option<Settings> {
    Some(Settings {
        domain: BareJid::parse("example.org").ok()?,
        offers_tls: options & 4 == 0,
        requires_tls: options & 8 != 0,
        allows_plaintext: options & 16 != 0,
        offers_registration: options & 32 != 0,
        takes_invitations: options & 64 != 0,
        offers_tokens: options & 64 != 0,
        protects_from_downgrade: options & 128 != 0,
        stanza_bytes_max: 262_144,
        login_seconds: 60,
        silence_seconds: 300,
        features: Vec::new(),
        fakes: Fakes {
            secret: [3; 32],
            iterations: NonZeroU32::MIN,
        },
    })
}

fn tls_facts() -> TlsFacts {
    TlsFacts {
        bindings: ChannelBindings {
            exporter: Some([7; 32]),
            endpoint: Some(Box::new([9; 32])),
        },
    }
}

/// Of an account whose password no step spells.
fn credentials() -> Credentials {
    let keys = |hash: &Hash| {
        let job = Derivation::new(*hash, "never said", b"salt", NonZeroU32::MIN);
        job.ok().map(|job| job.run())
    };
    Credentials {
        scram: Hash::ALL.iter().filter_map(keys).collect(),
        is_enabled: true,
        tokens: Vec::new(),
    }
}
