//! Between the streams' words and the core's.

use std::num::NonZeroU32;
use std::sync::Arc;

use smol::channel;

use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::c2s;
use crate::c2s::Account;
use crate::c2s::Activity;
use crate::c2s::BindRefusal;
use crate::c2s::BindRequest;
use crate::c2s::Bound;
use crate::c2s::DeviceId;
use crate::c2s::Enable;
use crate::c2s::Enabled;
use crate::c2s::Failure;
use crate::c2s::Management;
use crate::c2s::Register;
use crate::c2s::Registered;
use crate::c2s::Resource;
use crate::c2s::ResumeRefusal;
use crate::c2s::Resumed;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::Lookup;
use crate::core::link::key_of;
use crate::core::link::previd;
use crate::core::order::Bind;
use crate::core::order::WantedResource;
use crate::core::session::LinkId;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::effect::request::TokenWish;
use crate::model::account::Credentials;
use crate::model::account::ScramKeys;
use crate::model::account::Token;
use crate::net::hub::Event;
use crate::sasl;
use crate::sasl::Derivation;
use crate::sasl::Digest;
use crate::sasl::Hash;
use crate::sasl::Mechanism;
use crate::sasl::TokenSlot;
use crate::server::dev::mischief::Doing;
use crate::server::hub::Node;
use crate::stanza::Condition;

/// Rounds of PBKDF2 for new passwords.
///
/// RFC 7677 section 4 asks for at least 4096; more would make each login of a client on a small
/// board as slow as on the server, and it is the client that computes.
pub(crate) const ITERATIONS: NonZeroU32 = match NonZeroU32::new(4_096) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};

impl Node {
    /// What a client says or does becomes an input of the engine.
    pub(super) fn take(&self, link: LinkId, doing: Doing) {
        match doing {
            Doing::Said(output) => self.translate_output(link, output),
            Doing::Closed { is_orderly } => self.post(Input::Closed {
                link,
                orderly: is_orderly,
            }),
        }
    }

    /// What a stream puts out becomes an input of the engine, or is done here.
    fn translate_output(&self, link: LinkId, output: c2s::Output) {
        match output {
            c2s::Output::LookUp(look_up) => {
                self.post(Input::LookUp {
                    link,
                    account: look_up.account,
                    device: look_up.device.map(device_name),
                });
            }
            c2s::Output::Derive(derivation) => self.derive_for_stream(link, derivation),
            c2s::Output::Bind(request) => self.bind(link, request),
            c2s::Output::Resume(request) => match key_of(&request.previd) {
                Some(key) if self.mischief.takes_resumption() => {
                    let (account, h) = (request.account, request.h);
                    self.post(Input::Resume {
                        link,
                        account,
                        key,
                        h,
                    });
                }
                _ => self.tell(link, Event::Resumed(Err(ResumeRefusal { h: None }))),
            },
            c2s::Output::Token(request) => {
                let wish = TokenWish {
                    account: request.account,
                    device: device_name(request.device),
                    used: request.used,
                    is_invalidated: request.is_invalidated,
                    wanted: request.wanted,
                };
                self.post(Input::Token { link, wish });
            }
            c2s::Output::Register(register) => self.register(link, register),
            c2s::Output::Stanza(stanza) => {
                self.post(Input::Stanza {
                    link,
                    stanza: Arc::new(stanza),
                });
            }
            c2s::Output::Answered(answer) => {
                let answer = answer.map(Into::into);
                self.post(Input::PreAnswered { link, answer });
            }
            c2s::Output::Management(management) => self.post(manage(link, management)),
            c2s::Output::Activity(activity) => {
                self.post(Input::Activity {
                    link,
                    active: activity == Activity::Active,
                });
            }
            c2s::Output::Silent => self.post(Input::Silent { link }),
            // The connection itself does these.
            c2s::Output::Write(_)
            | c2s::Output::StartTls
            | c2s::Output::Refused(_)
            | c2s::Output::Close(_) => {}
        }
    }

    fn bind(&self, link: LinkId, request: BindRequest) {
        let catches_up = request.inline.is_some();
        let inline = request.inline.unwrap_or_default();
        let bind = Bind {
            account: request.account,
            resource: match request.resource {
                Resource::Any => WantedResource::Any,
                Resource::Wanted(jid) => WantedResource::Named {
                    resource: jid.resource().into(),
                },
                Resource::Tagged(tag) => WantedResource::Tagged { tag: tag.into() },
            },
            carbons: inline.is_carbons,
            catches_up,
            device: request.device.map(device_name),
        };
        self.inline.borrow_mut().insert(link, inline);
        self.post(Input::Bind { link, bind });
    }

    /// Whether there may be more accounts is a setting that the stream knows as well.
    fn register(&self, link: LinkId, register: Register) {
        let command = match register {
            Register::Form => return self.tell(link, Event::Registered(Registered::Done)),
            Register::Create {
                account,
                password,
                token,
            } => Command::Register {
                jid: account,
                password,
                token,
            },
            Register::Token { token } => Command::CheckInvite {
                token,
                registers: true,
            },
        };
        let Some(mailbox) = self.mailboxes.borrow().get(&link).cloned() else {
            return;
        };
        let told = self.ask(command);
        let job = async move {
            mailbox.post(Event::Registered(match told.recv().await {
                Ok(Outcome::Done) => Registered::Done,
                Ok(Outcome::UserExists) => Registered::Taken,
                Ok(Outcome::NoSuchInvite) => Registered::Unknown,
                Ok(Outcome::BadPassword) => Registered::NotAcceptable,
                Ok(Outcome::Closed | Outcome::NoSuchUser) => Registered::Closed,
                Ok(Outcome::Full | Outcome::File { .. } | Outcome::Refused { .. }) | Err(_) => {
                    Registered::Later
                }
            }));
        };
        self.executor.spawn(job).detach();
    }

    /// Hands a command to the core; what becomes of it is told once.
    pub(super) fn ask(&self, command: Command) -> channel::Receiver<Outcome> {
        let id = self.next_command();
        let (tell, told) = channel::bounded(1);
        self.answers.borrow_mut().insert(id, tell);
        self.post(Input::Command { id, command });
        told
    }

    pub(super) fn tell(&self, link: LinkId, event: Event) {
        if let Some(mailbox) = self.mailboxes.borrow().get(&link) {
            mailbox.post(event);
        }
    }

    fn derive_for_stream(&self, link: LinkId, derivation: Derivation) {
        let mailbox = self.mailboxes.borrow().get(&link).cloned();
        let Some(mailbox) = mailbox else { return };
        let job = async move {
            let keys = smol::unblock(move || derivation.run()).await;
            mailbox.post(Event::Derived(keys));
        };
        self.executor.spawn(job).detach();
    }

    /// The session is there; what the bind has to enable is enabled before the client hears of it.
    pub(super) fn tell_bound(
        &self,
        link: LinkId,
        bound: Result<crate::base::jid::FullJid, Option<Condition>>,
        metadata: Option<Vec<u8>>,
    ) {
        let inline = self.inline.borrow_mut().remove(&link).unwrap_or_default();
        match bound {
            Err(why) => self.tell(link, Event::Bound(Err(bind_refusal(why)))),
            Ok(jid) => {
                let management = inline.management;
                let enabled = management.map(|enable| self.enable_inline(link, &enable));
                if inline.activity == Some(Activity::Inactive) {
                    self.post(Input::Activity {
                        link,
                        active: false,
                    });
                }
                let bound = Bound {
                    jid,
                    management: enabled.flatten(),
                    metadata,
                };
                self.tell(link, Event::Bound(Ok(bound)));
            }
        }
    }

    fn enable_inline(&self, link: LinkId, enable: &Enable) -> Option<Enabled> {
        let max_ms = enable
            .max_seconds
            .map(|seconds| u64::from(seconds).saturating_mul(1_000));
        self.member
            .borrow_mut()
            .engine
            .core
            .enable(link, enable.is_resumable, max_ms)
    }
}

fn manage(link: LinkId, management: Management) -> Input {
    match management {
        Management::Enable(enable) => Input::Enable {
            link,
            is_resumable: enable.is_resumable,
            max_ms: enable
                .max_seconds
                .map(|seconds| u64::from(seconds).saturating_mul(1_000)),
        },
        Management::Request => Input::AckRequest { link },
        Management::Ack { h } => Input::Ack { link, h },
        Management::Misplaced => Input::Misplaced { link },
    }
}

fn bind_refusal(why: Option<Condition>) -> BindRefusal {
    match why {
        Some(Condition::NotAllowed) => BindRefusal::NotAllowed,
        Some(Condition::ResourceConstraint) => BindRefusal::Full,
        Some(Condition::Conflict) => BindRefusal::Taken,
        _ => BindRefusal::Unavailable,
    }
}

/// What authentication gets to see of an account.
pub(super) fn account(found: &Lookup, now: Timestamp) -> Account {
    let Some(keys) = found
        .keys
        .as_ref()
        .filter(|_| found.usable || found.disabled)
    else {
        return Account::Absent;
    };
    let scram = [(Hash::Sha256, &keys.sha256), (Hash::Sha1, &keys.sha1)]
        .into_iter()
        .filter_map(|(hash, keys)| to_sasl(hash, keys))
        .collect();
    let tokens = found.token.as_ref().map(|token| tokens(token, now));
    Account::Found(sasl::Credentials {
        scram,
        is_enabled: found.usable,
        tokens: tokens.unwrap_or_default(),
    })
}

/// The two places that a device's token may be in.
fn tokens(token: &Token, now: Timestamp) -> Vec<sasl::Token> {
    let Some(Mechanism::Token(binding)) = Mechanism::parse(&token.mechanism) else {
        return Vec::new();
    };
    let current = token.previous.as_ref().map(|one| (TokenSlot::Current, one));
    let all = [(TokenSlot::New, &token.secret)].into_iter().chain(current);
    let place = |(slot, secret): (TokenSlot, &Secret)| sasl::Token {
        slot,
        binding,
        secret: secret.clone(),
        is_expired: token.expires < now,
    };
    all.map(place).collect()
}

/// A device in the account's record, by name.
fn device_name(device: DeviceId) -> Box<str> {
    format!("{:032x}", device.0).into()
}

fn to_sasl(hash: Hash, keys: &ScramKeys) -> Option<sasl::ScramKeys> {
    Some(sasl::ScramKeys {
        salt: keys.salt.as_slice().into(),
        iterations: NonZeroU32::new(keys.iterations)?,
        stored_key: Digest::from_bytes(hash, keys.stored_key.expose())?,
        server_key: Digest::from_bytes(hash, keys.server_key.expose())?,
    })
}

fn from_sasl(keys: &sasl::ScramKeys) -> ScramKeys {
    ScramKeys {
        salt: keys.salt.to_vec(),
        iterations: keys.iterations.get(),
        stored_key: Secret::new(keys.stored_key.as_bytes().into()),
        server_key: Secret::new(keys.server_key.as_bytes().into()),
    }
}

/// The keys of a password, for both hashes; much arithmetic. `None`: `SASLprep` refuses the password.
pub(super) fn derive(
    password: &Secret,
    salt: [u8; 16],
    iterations: NonZeroU32,
) -> Option<Arc<Credentials>> {
    let password = password.expose_str()?;
    let keys = |hash: Hash| {
        let derivation = Derivation::new(hash, password, &salt, iterations).ok()?;
        Some(from_sasl(&derivation.run()))
    };
    Some(Arc::new(Credentials {
        sha1: keys(Hash::Sha1)?,
        sha256: keys(Hash::Sha256)?,
    }))
}

pub(super) fn resumed(
    jid: crate::base::jid::FullJid,
    key: crate::base::ids::SmKey,
    h: u32,
) -> Event {
    Event::Resumed(Ok(Resumed {
        jid,
        previd: previd(key),
        h,
    }))
}

pub(super) fn failure(why: EndReason) -> Failure {
    match why {
        EndReason::Conflict => Failure::LocalConflict,
        EndReason::PolicyViolation => Failure::PeerSlow,
        EndReason::Crowding => Failure::LocalFull,
        EndReason::HandledTooMuch { h, sent } => Failure::PeerHandled { h, sent },
        EndReason::NotAuthorized => Failure::LocalRevoked,
        EndReason::Reset => Failure::LocalReset,
        EndReason::Shutdown => Failure::LocalShutdown,
    }
}
