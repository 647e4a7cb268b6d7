//! The login in one round trip: SASL2 (XEP-0388), Bind 2 (XEP-0386), FAST (XEP-0484).
//!
//! `<authenticate/>` carries the first message and everything that is wished for afterwards. The
//! exchange itself is the one of `auth`; when it has succeeded, [`Welcome`] does the wishes in the
//! order that XEP-0386 section 3.2 sets (tokens, resume, or else bind) and says all in one `<success/>`.

use base64ct::Base64;
use base64ct::Encoding;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::limits::BIND_TAG_BYTES_MAX;
use crate::c2s::BindRefusal;
use crate::c2s::BindRequest;
use crate::c2s::Bound;
use crate::c2s::DeviceId;
use crate::c2s::Failure;
use crate::c2s::Inline;
use crate::c2s::NewToken;
use crate::c2s::Output;
use crate::c2s::Resource;
use crate::c2s::ResumeRefusal;
use crate::c2s::Resumed;
use crate::c2s::TokenRequest;
use crate::c2s::activity;
use crate::c2s::auth;
use crate::c2s::auth::Attempt;
use crate::c2s::auth::Profile;
use crate::c2s::bind;
use crate::c2s::bind::Bind;
use crate::c2s::bind::Stage;
use crate::c2s::manage;
use crate::c2s::negotiate::Negotiate;
use crate::c2s::negotiate::Offer;
use crate::c2s::negotiate::write_mechanisms;
use crate::c2s::online::Online;
use crate::c2s::state::State;
use crate::c2s::wire::Wire;
use crate::sasl::Accepted;
use crate::sasl::Mechanism;
use crate::sasl::Refusal;
use crate::sasl::TokenBinding;
use crate::sasl::TokenSlot;
use crate::stanza::Condition;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What the client wants besides being let in.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) device: Option<DeviceId>,
    bind: Option<BindWish>,
    /// `previd` and `h`.
    resume: Option<(String, u32)>,
    /// A token for this mechanism.
    token: Option<TokenBinding>,
    fast: Option<Fast>,
}

/// `<bind/>` of Bind 2.
struct BindWish {
    tag: Option<String>,
    inline: Inline,
}

/// `<fast/>`: the client logs in with a token.
struct Fast {
    is_invalidated: bool,
}

/// Let in; the wishes are being done, one question to the core after the other.
pub(crate) struct Welcome {
    account: BareJid,
    wishes: Wishes,
    /// The token that the client has used.
    used: Option<TokenSlot>,
    asked: Asked,
    /// The bind that was asked for was to turn on stream management.
    is_management_wished: bool,
    /// What goes into `<success/>` behind the address.
    pieces: Writer,
    additional: Option<Vec<u8>>,
    jid: Option<FullJid>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    Nothing,
    Token,
    Resume,
    Bind,
}

/// `<authentication/>` among the features (XEP-0388 section 2.1).
pub(crate) fn write_feature(writer: &mut Writer, offer: &Offer) {
    writer.start_ns("authentication", ns::SASL2);
    write_mechanisms(writer, &offer.mechanisms);
    writer.start("inline");
    writer.empty_ns("sm", ns::SM);
    writer.start_ns("bind", ns::BIND2).start("inline");
    for feature in [ns::CARBONS, ns::CSI, ns::SM] {
        writer.start("feature").attr("var", feature).end();
    }
    writer.end().end();
    if !offer.token_mechanisms.is_empty() {
        writer.start_ns("fast", ns::FAST);
        write_mechanisms(writer, &offer.token_mechanisms);
        writer.end();
    }
    writer.end().end();
}

/// An element of XEP-0388 before an exchange has begun.
pub(crate) fn handle_element(
    origin: Negotiate,
    node: Node<'_>,
    wire: &mut Wire,
) -> Result<State, Failure> {
    // Without TLS it is not offered, and so does not exist.
    if origin.stranger.tls.is_none() || node.name() != "authenticate" {
        return Err(Failure::PeerElement);
    }
    let request = parse_authenticate(node);
    let (wishes, request) = match request {
        Ok((name, message, wishes)) => (wishes, Ok((name, message))),
        Err(refusal) => (Wishes::default(), Err(refusal)),
    };
    let attempt = Attempt {
        origin,
        profile: Profile::Sasl2(Box::new(wishes)),
        account: None,
    };
    match request {
        Ok((name, message)) => attempt.begin(&name, message.as_deref(), wire),
        Err(refusal) => attempt.refuse(refusal, wire),
    }
}

type Request = (String, Option<Vec<u8>>, Wishes);

fn parse_authenticate(node: Node<'_>) -> Result<Request, Refusal> {
    let name = node
        .attr("mechanism")
        .ok_or(Refusal::PeerMechanismUnknown)?;
    let message = node.child_text("initial-response", ns::SASL2);
    let message = message.map(|text| auth::decode(&text)).transpose()?;
    let device = node
        .child("user-agent", ns::SASL2)
        .and_then(|agent| agent.attr("id"))
        .and_then(|id| DeviceId::parse(&id));
    let resume = match node.child("resume", ns::SM) {
        Some(resume) => Some(manage::parse_resume(resume).ok_or(Refusal::PeerMalformed)?),
        None => None,
    };
    let token = match node.child("request-token", ns::FAST) {
        Some(request) => Some(parse_token_request(request)?),
        None => None,
    };
    let fast = node.child("fast", ns::FAST).map(|fast| Fast {
        is_invalidated: manage::is_true(fast, "invalidate"),
    });
    // XEP-0484 section 4.1: tokens belong to a device, so it has to say which one it is.
    if (token.is_some() || fast.is_some()) && device.is_none() {
        return Err(Refusal::PeerMalformed);
    }
    let wishes = Wishes {
        device,
        bind: node.child("bind", ns::BIND2).map(parse_bind),
        resume,
        token,
        fast,
    };
    Ok((name.into_owned(), message, wishes))
}

fn parse_token_request(request: Node<'_>) -> Result<TokenBinding, Refusal> {
    let name = request.attr("mechanism").unwrap_or_default();
    match Mechanism::parse(&name) {
        Some(Mechanism::Token(binding)) => Ok(binding),
        _ => Err(Refusal::PeerMalformed),
    }
}

fn parse_bind(bind: Node<'_>) -> BindWish {
    let tag = bind.child_text("tag", ns::BIND2);
    let tag = tag.filter(|tag| !tag.is_empty() && tag.len() <= BIND_TAG_BYTES_MAX);
    let enable = bind.child("enable", ns::SM);
    BindWish {
        tag: tag.map(std::borrow::Cow::into_owned),
        inline: Inline {
            is_carbons: bind.has_child("enable", ns::CARBONS),
            management: enable.map(manage::parse_enable),
            activity: bind
                .children()
                .filter(|child| child.ns() == ns::CSI)
                .find_map(activity::parse),
        },
    }
}

impl Wishes {
    /// With `<fast/>` the mechanism is one of the tokens', without it one of the passwords'.
    pub(crate) const fn is_token_login(&self) -> bool {
        self.fast.is_some()
    }
}

impl DeviceId {
    /// A UUID as text: 32 hexadecimal digits in five groups.
    fn parse(text: &str) -> Option<Self> {
        let lengths = text.split('-').map(str::len);
        if !lengths.eq([8, 4, 4, 4, 12]) {
            return None;
        }
        let digits: String = text.chars().filter(|char| *char != '-').collect();
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(Self)
    }
}

/// The exchange succeeded: the wishes are next.
pub(crate) fn accept(
    account: BareJid,
    wishes: Wishes,
    accepted: Accepted,
    wire: &mut Wire,
) -> State {
    let welcome = Welcome {
        account,
        wishes,
        used: accepted.token,
        asked: Asked::Nothing,
        is_management_wished: false,
        pieces: Writer::new(),
        additional: accepted.additional,
        jid: None,
        stage: Stage::Unbound,
    };
    welcome.ask_token(wire)
}

impl Welcome {
    fn ask_token(mut self, wire: &mut Wire) -> State {
        let is_invalidated = match &self.wishes.fast {
            Some(fast) => fast.is_invalidated,
            None => false,
        };
        let is_offered = wire.settings.offers_tokens;
        let wanted = self.wishes.token.filter(|_| is_offered);
        let device = self.wishes.device;
        let device = device.filter(|_| self.used.is_some() || wanted.is_some());
        let Some(device) = device else {
            return self.ask_resume(wire);
        };
        wire.push(Output::Token(TokenRequest {
            account: self.account.clone(),
            device,
            used: self.used,
            is_invalidated,
            wanted,
        }));
        self.asked = Asked::Token;
        State::Welcome(Box::new(self))
    }

    pub(crate) fn handle_token(
        mut self: Box<Self>,
        token: Option<NewToken>,
        wire: &mut Wire,
    ) -> State {
        if self.asked != Asked::Token {
            return State::Welcome(self);
        }
        if let Some(token) = token {
            let pieces = &mut self.pieces;
            pieces
                .start_ns("token", ns::FAST)
                .attr("token", &token.text);
            pieces.attr("expiry", &token.expires.to_xep0082()).end();
        }
        self.ask_resume(wire)
    }

    fn ask_resume(mut self, wire: &mut Wire) -> State {
        let Some((previd, h)) = self.wishes.resume.take() else {
            return self.ask_bind(wire);
        };
        let account = self.account.clone();
        wire.push(Output::Resume(manage::resume_request(account, previd, h)));
        self.asked = Asked::Resume;
        State::Welcome(Box::new(self))
    }

    pub(crate) fn handle_resumed(
        mut self: Box<Self>,
        answer: Result<Resumed, ResumeRefusal>,
        wire: &mut Wire,
    ) -> State {
        if self.asked != Asked::Resume {
            return State::Welcome(self);
        }
        match answer {
            // XEP-0386 section 3.2: then the bind is ignored.
            Ok(resumed) => {
                manage::append_resumed(&mut self.pieces, &resumed.previd, resumed.h);
                self.jid = Some(resumed.jid);
                self.stage = Stage::Managed;
                self.finish(wire)
            }
            Err(refusal) => {
                manage::append_failed(&mut self.pieces, Condition::ItemNotFound, refusal.h);
                self.ask_bind(wire)
            }
        }
    }

    fn ask_bind(mut self, wire: &mut Wire) -> State {
        let Some(wish) = self.wishes.bind.take() else {
            return self.finish(wire);
        };
        // A tag that is no part of a resource is as good as none.
        let tag = wish
            .tag
            .filter(|tag| self.account.with_resource(tag).is_ok());
        self.is_management_wished = wish.inline.management.is_some();
        wire.push(Output::Bind(BindRequest {
            account: self.account.clone(),
            resource: tag.map_or(Resource::Any, Resource::Tagged),
            device: self.wishes.device,
            inline: Some(wish.inline),
        }));
        self.asked = Asked::Bind;
        State::Welcome(Box::new(self))
    }

    pub(crate) fn handle_bound(
        mut self: Box<Self>,
        answer: Result<Bound, BindRefusal>,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        if self.asked != Asked::Bind {
            return Ok(State::Welcome(self));
        }
        let bound = match answer {
            Ok(bound) => bound,
            // The XEP leaves no way to say that the login is good and the bind is not.
            Err(BindRefusal::NotAllowed) => return Err(Failure::LocalRevoked),
            Err(BindRefusal::Taken) => return Err(Failure::LocalConflict),
            Err(BindRefusal::Full | BindRefusal::Unavailable) => return Err(Failure::LocalFull),
        };
        let pieces = &mut self.pieces;
        pieces.start_ns("bound", ns::BIND2);
        self.stage = Stage::Bound;
        match &bound.management {
            Some(enabled) => {
                manage::append_enabled(pieces, enabled);
                self.stage = Stage::Managed;
            }
            None if self.is_management_wished => {
                manage::append_failed(pieces, Condition::InternalServerError, None);
            }
            None => {}
        }
        if let Some(metadata) = &bound.metadata {
            pieces.raw(metadata);
        }
        pieces.end();
        self.jid = Some(bound.jid);
        Ok(self.finish(wire))
    }

    /// `<success/>`, and the features of what there is now (XEP-0388 section 2.6.1).
    fn finish(self, wire: &mut Wire) -> State {
        let mut writer = Writer::new();
        writer.start_ns("success", ns::SASL2);
        if let Some(additional) = &self.additional {
            writer.leaf("additional-data", &Base64::encode_string(additional));
        }
        let jid = self
            .jid
            .as_ref()
            .map_or(self.account.as_str(), FullJid::as_str);
        writer.leaf("authorization-identifier", jid);
        writer.raw(&self.pieces.finish());
        wire.write(&writer.finish());
        let features = bind::write_features(&wire.settings, self.stage);
        wire.write(&features);
        match self.jid {
            Some(jid) => State::Online(Online::new(jid)),
            None => Bind::resting(self.account),
        }
    }
}
