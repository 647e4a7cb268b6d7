//! Features for strangers, and what a stranger may choose: TLS, a login, an account.

use crate::base::jid::BareJid;
use crate::base::limits::STRANGER_STANZA_BYTES_MAX;
use crate::c2s::Failure;
use crate::c2s::Output;
use crate::c2s::Settings;
use crate::c2s::auth;
use crate::c2s::auth2;
use crate::c2s::manage;
use crate::c2s::open::Stranger;
use crate::c2s::register;
use crate::c2s::state::State;
use crate::c2s::wire::Wire;
use crate::sasl::ChannelBindings;
use crate::sasl::Mechanism;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Writer;

/// The features are out and the client may choose.
pub(crate) struct Negotiate {
    pub(crate) stranger: Stranger,
    /// Who the client says it is, before any proof (RFC 6120 section 4.7.1).
    pub(crate) from: Option<BareJid>,
}

/// What this stream can be logged in to with.
pub(crate) struct Offer {
    /// Best first; empty where the client has to start TLS.
    pub(crate) mechanisms: Vec<Mechanism>,
    /// The mechanisms for tokens; empty where SASL2 is not offered.
    pub(crate) token_mechanisms: Vec<Mechanism>,
    pub(crate) bindings: ChannelBindings,
    /// XEP-0388 section 2.1 allows SASL2 with TLS only.
    pub(crate) is_sasl2: bool,
}

impl Negotiate {
    /// Answers a stream header: features that depend on what was negotiated so far.
    pub(crate) fn begin(stranger: Stranger, from: Option<BareJid>, wire: &mut Wire) -> State {
        let features = write_features(wire, &stranger);
        wire.write(&features);
        State::Negotiate(Box::new(Self { stranger, from }))
    }

    pub(crate) fn handle_element(
        self: Box<Self>,
        element: &Element,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        let node = element.root();
        match (node.name(), node.ns()) {
            ("starttls", ns::TLS) => self.start_tls(wire),
            (_, ns::SASL) => auth::handle_element(*self, node, wire),
            (_, ns::SASL2) => auth2::handle_element(*self, node, wire),
            (_, ns::SM) => {
                manage::refuse_early(node, wire);
                Ok(State::Negotiate(self))
            }
            ("iq", ns::CLIENT) if register::is_request(node) => {
                register::handle_element(*self, node, wire)
            }
            // RFC 6120 section 4.9.3.12: a stanza before the login.
            ("iq" | "message" | "presence", ns::CLIENT) => Err(Failure::PeerEarly),
            _ => Err(Failure::PeerElement),
        }
    }

    fn start_tls(self, wire: &mut Wire) -> Result<State, Failure> {
        if self.stranger.tls.is_some() || !wire.offers_tls() {
            // RFC 6120 section 5.4.2.2: this, and the end of the stream.
            let mut writer = Writer::new();
            writer.empty_ns("failure", ns::TLS);
            wire.write(&writer.finish());
            return Err(Failure::PeerTls);
        }
        let mut writer = Writer::new();
        writer.empty_ns("proceed", ns::TLS);
        wire.write(&writer.finish());
        wire.push(Output::StartTls);
        Ok(State::StartTls(Box::new(self.stranger)))
    }
}

impl Offer {
    pub(crate) fn new(settings: &Settings, stranger: &Stranger) -> Self {
        let is_encrypted = stranger.tls.is_some();
        let bindings = stranger.bindings();
        let is_offered = |mechanism: &Mechanism| {
            let is_safe =
                *mechanism != Mechanism::Plain || is_encrypted || settings.allows_plaintext;
            let is_time = is_encrypted || !settings.requires_tls;
            is_safe && is_time && mechanism.is_possible(&bindings)
        };
        let choose = |from: &[Mechanism]| from.iter().copied().filter(is_offered).collect();
        Self {
            mechanisms: choose(&Mechanism::PASSWORD),
            token_mechanisms: if is_encrypted && settings.offers_tokens {
                choose(&Mechanism::TOKEN)
            } else {
                Vec::new()
            },
            is_sasl2: is_encrypted,
            bindings,
        }
    }
}

fn write_features(wire: &Wire, stranger: &Stranger) -> Vec<u8> {
    let settings = &wire.settings;
    let offer = Offer::new(settings, stranger);
    let mut writer = Writer::new();
    writer.start("stream:features");
    if wire.offers_tls() && stranger.tls.is_none() {
        writer.start_ns("starttls", ns::TLS);
        if settings.requires_tls {
            writer.start("required").end();
        }
        writer.end();
    }
    if !offer.mechanisms.is_empty() {
        writer.start_ns("mechanisms", ns::SASL);
        write_mechanisms(&mut writer, &offer.mechanisms);
        writer.end();
        write_bindings(&mut writer, &offer.bindings);
        if offer.is_sasl2 {
            auth2::write_feature(&mut writer, &offer);
        }
        if settings.takes_invitations {
            writer.empty_ns("register", ns::IBR_TOKEN);
        }
        if settings.offers_registration || settings.takes_invitations {
            writer.empty_ns("register", ns::REGISTER_FEATURE);
        }
    }
    write_limits(
        &mut writer,
        STRANGER_STANZA_BYTES_MAX,
        settings.login_seconds,
    );
    writer.finish()
}

pub(crate) fn write_mechanisms(writer: &mut Writer, mechanisms: &[Mechanism]) {
    for mechanism in mechanisms {
        writer.leaf("mechanism", mechanism.name());
    }
}

/// XEP-0440 section 2.
fn write_bindings(writer: &mut Writer, bindings: &ChannelBindings) {
    if bindings.is_empty() {
        return;
    }
    writer.start_ns("sasl-channel-binding", ns::CHANNEL_BINDING);
    for name in bindings.names() {
        writer.start("channel-binding").attr("type", name).end();
    }
    writer.end();
}

/// XEP-0478 section 3.1.
pub(crate) fn write_limits(writer: &mut Writer, bytes_max: usize, idle_seconds: u32) {
    writer.start_ns("limits", ns::STREAM_LIMITS);
    writer.leaf("max-bytes", &bytes_max.to_string());
    writer.leaf("idle-seconds", &idle_seconds.to_string());
    writer.end();
}
