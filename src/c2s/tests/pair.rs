//! A session with a client and a core that answer by a script; time stands still unless told.

use std::fmt::Write as _;
use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64ct::Base64;
use base64ct::Encoding;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::c2s::*;
use crate::sasl::ChannelBindings;
use crate::sasl::Credentials;
use crate::sasl::Derivation;
use crate::sasl::Fakes;
use crate::sasl::Hash;
use crate::sasl::ScramKeys;
use crate::sasl::Token;

pub(super) const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";
pub(super) const BIND: &str =
    "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// The password of every account here, derived once so that tests stay fast.
pub(super) const PASSWORD: &str = "pencil";

/// What a session asked for, apart from writing, in words that tests compare.
pub(super) type Events = Vec<String>;

/// How the core answers.
pub(super) struct World {
    /// Local parts of the accounts that exist.
    pub(super) accounts: Vec<&'static str>,
    pub(super) is_enabled: bool,
    pub(super) is_available: bool,
    pub(super) tokens: fn() -> Vec<Token>,
    pub(super) new_token: Option<&'static str>,
    pub(super) bind: Result<(), BindRefusal>,
    pub(super) management: Option<Enabled>,
    pub(super) metadata: Option<&'static [u8]>,
    pub(super) resume: Result<u32, ResumeRefusal>,
    pub(super) registered: Registered,
    /// Questions stay open until [`Pair::answer`].
    pub(super) is_slow: bool,
}

pub(super) struct Pair {
    pub(super) session: Session,
    pub(super) world: World,
    pub(super) now: Monotonic,
    /// Everything that was written since the last [`Pair::reads`].
    written: Vec<u8>,
    events: Events,
    /// Of the stanzas that came through.
    pub(super) languages: Vec<Option<Box<str>>>,
    /// What the session did not want to take yet.
    unread: Vec<u8>,
    question: Option<Output>,
    tls: TlsFacts,
}

impl Default for World {
    fn default() -> Self {
        Self {
            accounts: vec!["alice"],
            is_enabled: true,
            is_available: true,
            tokens: Vec::new,
            new_token: None,
            bind: Ok(()),
            management: None,
            metadata: None,
            resume: Err(ResumeRefusal { h: None }),
            registered: Registered::Done,
            is_slow: false,
        }
    }
}

/// Plaintext allowed, TLS on offer, everything else off.
pub(super) fn settings() -> Settings {
    Settings {
        domain: BareJid::parse("example.org").unwrap(),
        offers_tls: true,
        requires_tls: false,
        allows_plaintext: true,
        offers_registration: false,
        takes_invitations: false,
        offers_tokens: false,
        protects_from_downgrade: false,
        stanza_bytes_max: 262_144,
        login_seconds: 60,
        silence_seconds: 300,
        features: Vec::new(),
        fakes: Fakes {
            secret: [5; 32],
            iterations: NonZeroU32::MIN,
        },
    }
}

pub(super) fn strict() -> Settings {
    Settings {
        requires_tls: true,
        allows_plaintext: false,
        ..settings()
    }
}

pub(super) fn tls() -> TlsFacts {
    TlsFacts {
        bindings: ChannelBindings {
            exporter: Some([7; 32]),
            endpoint: Some(Box::new([9; 32])),
        },
    }
}

/// `<auth/>` of PLAIN.
pub(super) fn plain(name: &str, password: &str) -> String {
    let message = Base64::encode_string(format!("\0{name}\0{password}").as_bytes());
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>")
}

impl Pair {
    pub(super) fn new(settings: Settings) -> Self {
        Self::start(settings, None)
    }

    /// TLS from the first byte on.
    pub(super) fn encrypted(settings: Settings) -> Self {
        Self::start(settings, Some(tls()))
    }

    fn start(settings: Settings, facts: Option<TlsFacts>) -> Self {
        let now = Monotonic(1_000);
        Self {
            session: Session::new(Arc::new(settings), [1; 32], facts, now),
            world: World::default(),
            now,
            written: Vec::new(),
            events: Vec::new(),
            languages: Vec::new(),
            unread: Vec::new(),
            question: None,
            tls: tls(),
        }
    }

    /// A stream with the session `alice@example.org/one`.
    pub(super) fn online() -> Self {
        let mut pair = Self::new(settings());
        pair.logs_in();
        pair
    }

    /// From the first header to the bind.
    pub(super) fn logs_in(&mut self) {
        self.sends(HEADER).sends(&plain("alice", PASSWORD));
        self.sends(HEADER).sends(BIND);
        assert!(self.session.has_session(), "{}", self.reads());
        self.reads();
        self.events();
    }

    pub(super) fn sends(&mut self, text: &str) -> &mut Self {
        self.sends_bytes(text.as_bytes())
    }

    pub(super) fn sends_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.unread.extend_from_slice(bytes);
        self.turn();
        self
    }

    /// What the server wrote since the last time.
    pub(super) fn reads(&mut self) -> String {
        String::from_utf8(mem::take(&mut self.written)).unwrap()
    }

    /// What the session asked for since the last time.
    pub(super) fn events(&mut self) -> Events {
        mem::take(&mut self.events)
    }

    pub(super) fn waits_ms(&mut self, ms: u64) -> &mut Self {
        let end = self.now.plus_ms(ms);
        while let Some(at) = self.session.timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
        self
    }

    /// The condition of the stream error that ended the stream.
    pub(super) fn dies(&mut self) -> String {
        let text = self.reads();
        assert!(self.session.is_closed(), "still alive: {text}");
        assert!(text.ends_with("</stream:stream>"), "{text}");
        let (_, error) = text.split_once("<stream:error><").expect(&text);
        error.split_once(' ').unwrap().0.to_owned()
    }

    /// Lets the core answer what it was asked, if [`World::is_slow`].
    pub(super) fn answer(&mut self) {
        let question = self.question.take().expect("a question");
        self.give_answer(question);
        self.turn();
    }

    fn turn(&mut self) {
        loop {
            let before = self.unread.len();
            let mut input = self.unread.as_slice();
            self.session.handle_bytes(self.now, &mut input);
            let left = input.to_vec();
            self.unread = left;
            let was_active = self.drain();
            if self.unread.is_empty() || (!was_active && self.unread.len() == before) {
                return;
            }
        }
    }

    fn drain(&mut self) -> bool {
        let mut was_active = false;
        while let Some(output) = self.session.poll_output() {
            was_active = true;
            self.perform(output);
        }
        was_active
    }

    fn perform(&mut self, output: Output) {
        let mut event = String::new();
        match &output {
            Output::Write(bytes) => return self.written.extend_from_slice(bytes),
            Output::StartTls => {
                self.events.push("start tls".to_owned());
                return self.session.handle_tls(self.tls.clone());
            }
            Output::LookUp(look_up) => write!(event, "look up {}", look_up.account),
            Output::Derive(_) => write!(event, "derive"),
            Output::Refused(refusal) => write!(event, "refused {refusal:?}"),
            Output::Token(request) => write!(
                event,
                "token used={:?} invalidated={} wanted={:?}",
                request.used, request.is_invalidated, request.wanted
            ),
            Output::Bind(request) => {
                let inline = request.inline.as_ref();
                write!(
                    event,
                    "bind {} {:?} {inline:?}",
                    request.account, request.resource
                )
            }
            Output::Resume(request) => write!(event, "resume {} {}", request.previd, request.h),
            Output::Register(Register::Form) => write!(event, "register form"),
            Output::Register(Register::Create { account, token, .. }) => {
                let word = token.as_ref().map_or("", |_| " with a word");
                write!(event, "register {account}{word}")
            }
            Output::Register(Register::Token { .. }) => write!(event, "invitation"),
            Output::Stanza(stanza) => {
                self.languages.push(stanza.lang.clone());
                write!(event, "{}", stanza.element.as_str())
            }
            Output::Answered(answer) => {
                let answer = answer.as_deref().map(String::from_utf8_lossy);
                write!(event, "answered {answer:?}")
            }
            Output::Management(management) => write!(event, "{management:?}"),
            Output::Activity(activity) => write!(event, "{activity:?}"),
            Output::Silent => write!(event, "silent"),
            Output::Close(ending) => write!(event, "{ending:?}"),
        }
        .unwrap();
        self.events.push(event);
        if self.world.is_slow {
            self.question = Some(output);
        } else {
            self.give_answer(output);
        }
    }

    fn give_answer(&mut self, question: Output) {
        let world = &self.world;
        match question {
            Output::LookUp(look_up) => {
                let name = look_up.account.local().unwrap();
                let answer = if !world.is_available {
                    Account::Unavailable
                } else if world.accounts.contains(&name) {
                    Account::Found(Credentials {
                        scram: Hash::ALL.map(keys).into(),
                        is_enabled: world.is_enabled,
                        tokens: (world.tokens)(),
                    })
                } else {
                    Account::Absent
                };
                self.session.handle_credentials(answer);
            }
            Output::Derive(job) => self.session.handle_derived(&job.run()),
            Output::Token(_) => self
                .session
                .handle_token(world.new_token.map(|text| NewToken {
                    text: text.to_owned(),
                    expires: Timestamp::from_unix_ms(0),
                })),
            Output::Bind(request) => {
                let jid = match &request.resource {
                    Resource::Any => request.account.with_resource("one").unwrap(),
                    Resource::Wanted(jid) => jid.clone(),
                    Resource::Tagged(tag) => {
                        request.account.with_resource(&format!("{tag}/x")).unwrap()
                    }
                };
                let bound = Bound {
                    jid,
                    management: world.management.clone(),
                    metadata: world.metadata.map(<[u8]>::to_vec),
                };
                self.session.handle_bound(world.bind.map(|()| bound));
            }
            Output::Resume(request) => {
                let jid = FullJid::parse("alice@example.org/old").unwrap();
                let previd = request.previd;
                self.session
                    .handle_resumed(world.resume.map(|h| Resumed { jid, previd, h }));
            }
            Output::Register(_) => self.session.handle_registered(world.registered),
            _ => {}
        }
    }
}

fn keys(hash: Hash) -> ScramKeys {
    let job = Derivation::new(hash, PASSWORD, b"0123456789abcdef", NonZeroU32::MIN);
    job.unwrap().run()
}
