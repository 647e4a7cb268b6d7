//! Resource binding (RFC 6120 section 7): an account gets a session, an old one or a new one.

use crate::base::jid::BareJid;
use crate::c2s::BindRefusal;
use crate::c2s::BindRequest;
use crate::c2s::Bound;
use crate::c2s::Failure;
use crate::c2s::Output;
use crate::c2s::Resource;
use crate::c2s::ResumeRefusal;
use crate::c2s::Resumed;
use crate::c2s::Settings;
use crate::c2s::manage;
use crate::c2s::negotiate::write_limits;
use crate::c2s::online::Online;
use crate::c2s::state::State;
use crate::c2s::wire::Wire;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Writer;

/// Authenticated, without a session.
pub(crate) struct Bind {
    account: BareJid,
    waits: Waits,
}

enum Waits {
    Client,
    /// The bind is under way; the id is its request's.
    Bound {
        id: String,
    },
    Resumed,
}

impl Bind {
    /// Answers the stream header after a login.
    pub(crate) fn begin(account: BareJid, wire: &mut Wire) -> State {
        let features = write_features(&wire.settings, Stage::Unbound);
        wire.write(&features);
        Self::resting(account)
    }

    /// The features are out already.
    pub(crate) fn resting(account: BareJid) -> State {
        State::Bind(Box::new(Self {
            account,
            waits: Waits::Client,
        }))
    }

    pub(crate) fn is_waiting(&self) -> bool {
        match self.waits {
            Waits::Client => false,
            Waits::Bound { .. } | Waits::Resumed => true,
        }
    }

    pub(crate) fn handle_element(
        mut self: Box<Self>,
        element: &Element,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        let node = element.root();
        match (node.name(), node.ns()) {
            ("iq", ns::CLIENT) => self.handle_iq(node, wire)?,
            ("resume", ns::SM) => match manage::parse_resume(node) {
                Some((previd, h)) => {
                    let account = self.account.clone();
                    let request = manage::resume_request(account, previd, h);
                    wire.push(Output::Resume(request));
                    self.waits = Waits::Resumed;
                }
                None => wire.write(&manage::write_failed(Condition::BadRequest, None)),
            },
            (_, ns::SM) => manage::refuse_early(node, wire),
            // Nothing there yet that could be active (XEP-0352 section 4).
            ("active" | "inactive", ns::CSI) => {}
            _ if Stanza::is_stanza(element) => return Err(Failure::PeerEarly),
            _ => return Err(Failure::PeerElement),
        }
        Ok(State::Bind(self))
    }

    /// RFC 6120 section 7.1: before the bind there is nothing else to talk about.
    fn handle_iq(&mut self, node: Node<'_>, wire: &mut Wire) -> Result<(), Failure> {
        let request = node.child("bind", ns::BIND);
        let (Some("set"), Some(request)) = (node.attr("type").as_deref(), request) else {
            return Err(Failure::PeerEarly);
        };
        let id = node.attr("id").unwrap_or_default().into_owned();
        match self.parse_resource(request) {
            Some(resource) => {
                wire.push(Output::Bind(BindRequest {
                    account: self.account.clone(),
                    resource,
                    device: None,
                    inline: None,
                }));
                self.waits = Waits::Bound { id };
            }
            // Section 7.7.2.1: the text is no resource.
            None => wire.write(&write_iq_error(&id, &Condition::BadRequest.into())),
        }
        Ok(())
    }

    fn parse_resource(&self, request: Node<'_>) -> Option<Resource> {
        let text = match request.child("resource", ns::BIND) {
            Some(resource) => resource.text(),
            None => return Some(Resource::Any),
        };
        if text.is_empty() {
            return Some(Resource::Any);
        }
        let jid = self.account.with_resource(&text);
        jid.ok().map(Resource::Wanted)
    }

    pub(crate) fn handle_bound(
        mut self: Box<Self>,
        answer: Result<Bound, BindRefusal>,
        wire: &mut Wire,
    ) -> State {
        let Waits::Bound { id } = &self.waits else {
            return State::Bind(self);
        };
        match answer {
            Ok(bound) => {
                let mut writer = Writer::new();
                writer.start("iq").attr("type", "result").attr("id", id);
                writer.start_ns("bind", ns::BIND);
                writer.leaf("jid", bound.jid.as_str());
                wire.write(&writer.finish());
                State::Online(Online::new(bound.jid))
            }
            Err(refusal) => {
                wire.write(&write_iq_error(id, &refusal.error()));
                self.waits = Waits::Client;
                State::Bind(self)
            }
        }
    }

    pub(crate) fn handle_resumed(
        mut self: Box<Self>,
        answer: Result<Resumed, ResumeRefusal>,
        wire: &mut Wire,
    ) -> State {
        let Waits::Resumed = self.waits else {
            return State::Bind(self);
        };
        match answer {
            Ok(resumed) => {
                wire.write(&manage::write_resumed(&resumed.previd, resumed.h));
                State::Online(Online::new(resumed.jid))
            }
            Err(refusal) => {
                wire.write(&manage::write_failed(Condition::ItemNotFound, refusal.h));
                self.waits = Waits::Client;
                State::Bind(self)
            }
        }
    }
}

impl BindRefusal {
    /// RFC 6120 section 7.7.2.
    fn error(self) -> StanzaError {
        match self {
            Self::Full => Condition::ResourceConstraint.into(),
            Self::Taken => StanzaError::new(Condition::Conflict).with_type(ErrorType::Modify),
            Self::NotAllowed => Condition::NotAllowed.into(),
            Self::Unavailable => {
                StanzaError::new(Condition::InternalServerError).with_type(ErrorType::Wait)
            }
        }
    }
}

/// How far an authenticated client is, which decides what it may still ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    Unbound,
    Bound,
    /// Bound, and stream management is on.
    Managed,
}

/// What an authenticated client may use.
pub(crate) fn write_features(settings: &Settings, stage: Stage) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start("stream:features");
    if stage == Stage::Unbound {
        writer
            .start_ns("bind", ns::BIND)
            .start("required")
            .end()
            .end();
        // RFC 3921 section 3 had it; clients from then on ask for it if it is offered as optional.
        writer
            .start_ns("session", ns::SESSION)
            .start("optional")
            .end()
            .end();
    }
    // COMPAT(@xmpp/client 0.14): takes the offer for a chance to resume what it has just begun.
    if stage != Stage::Managed {
        writer.empty_ns("sm", ns::SM);
    }
    writer.empty_ns("csi", ns::CSI);
    writer.empty_ns("ver", ns::ROSTER_VERSIONS);
    writer.empty_ns("sub", ns::PRE_APPROVAL);
    writer.raw(&settings.features);
    write_limits(
        &mut writer,
        settings.stanza_bytes_max,
        settings.silence_seconds,
    );
    writer.finish()
}

pub(crate) fn write_iq_error(id: &str, error: &StanzaError) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start("iq").attr("type", "error").attr("id", id);
    error.write(&mut writer);
    writer.finish()
}
