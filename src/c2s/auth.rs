//! The exchange of SASL messages, in both profiles: RFC 6120 section 6 and XEP-0388.
//!
//! The mechanisms live in `sasl`; here are the elements around their messages, the claim turned into
//! an address, and the retries.

use base64ct::Base64;
use base64ct::Encoding;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::LOGIN_ATTEMPTS_MAX;
use crate::c2s::Account;
use crate::c2s::Failure;
use crate::c2s::LookUp;
use crate::c2s::Output;
use crate::c2s::auth2;
use crate::c2s::auth2::Wishes;
use crate::c2s::negotiate::Negotiate;
use crate::c2s::negotiate::Offer;
use crate::c2s::open::Open;
use crate::c2s::open::Stage;
use crate::c2s::state::State;
use crate::c2s::wire::Wire;
use crate::sasl::Accepted;
use crate::sasl::Claim;
use crate::sasl::Exchange;
use crate::sasl::Mechanism;
use crate::sasl::Refusal;
use crate::sasl::ScramKeys;
use crate::sasl::Step;
use crate::sasl::Terms;
use crate::sasl::downgrade_text;
use crate::stanza::Stanza;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Writer;

/// An authentication goes on.
pub(crate) struct Sasl {
    attempt: Attempt,
    exchange: Exchange,
    waits: Waits,
}

/// What stays the same from the first message to the verdict.
pub(crate) struct Attempt {
    /// Where a failed attempt goes back to.
    pub(crate) origin: Negotiate,
    pub(crate) profile: Profile,
    /// Whom the client claims to be; known after its first message.
    pub(crate) account: Option<BareJid>,
}

/// Which elements carry the messages.
pub(crate) enum Profile {
    /// RFC 6120 section 6.
    Sasl1,
    /// XEP-0388, with what is to happen after the login.
    Sasl2(Box<Wishes>),
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waits {
    Client,
    Credentials,
    Derived,
}

/// An element of RFC 6120 section 6 before an exchange has begun.
pub(crate) fn handle_element(
    origin: Negotiate,
    node: Node<'_>,
    wire: &mut Wire,
) -> Result<State, Failure> {
    let attempt = Attempt {
        origin,
        profile: Profile::Sasl1,
        account: None,
    };
    match node.name() {
        "auth" => match parse_auth(node) {
            Ok((name, message)) => attempt.begin(&name, message.as_deref(), wire),
            Err(refusal) => attempt.refuse(refusal, wire),
        },
        "abort" => attempt.refuse(Refusal::PeerAborted, wire),
        "response" => attempt.refuse(Refusal::PeerMalformed, wire),
        _ => Err(Failure::PeerElement),
    }
}

/// `<auth mechanism='..'>initial response</auth>` (RFC 6120 section 6.4.2).
fn parse_auth(node: Node<'_>) -> Result<(String, Option<Vec<u8>>), Refusal> {
    let name = node
        .attr("mechanism")
        .ok_or(Refusal::PeerMechanismUnknown)?;
    let text = node.text();
    // An empty response is written `=`; nothing at all means that there is none.
    let message = (!text.is_empty()).then(|| decode(&text)).transpose()?;
    Ok((name.into_owned(), message))
}

/// The message in an element; `=` says that it is empty (RFC 6120 section 6.4.2).
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    if text == "=" {
        return Ok(Vec::new());
    }
    Base64::decode_vec(text).map_err(|_| Refusal::PeerEncoding)
}

impl Attempt {
    pub(crate) fn begin(
        self,
        name: &str,
        message: Option<&[u8]>,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        let offer = Offer::new(&wire.settings, &self.origin.stranger);
        let mechanism = match self.choose(name, &offer) {
            Ok(mechanism) => mechanism,
            Err(refusal) => return self.refuse(refusal, wire),
        };
        let names: Vec<&str> = offer
            .mechanisms
            .iter()
            .map(|offered| offered.name())
            .collect();
        let text = downgrade_text(&names, &offer.bindings.names());
        let terms = Terms {
            is_plus_offered: offer.mechanisms.iter().any(|offered| offered.is_plus()),
            bindings: offer.bindings,
            downgrade_text: wire.settings.protects_from_downgrade.then_some(text),
            nonce: wire.draw_nonce(),
            fakes: wire.settings.fakes.clone(),
        };
        let step = Exchange::new(mechanism, terms).handle_initial(message);
        self.take_step(step, wire)
    }

    fn choose(&self, name: &str, offer: &Offer) -> Result<Mechanism, Refusal> {
        let mechanism = Mechanism::parse(name).ok_or(Refusal::PeerMechanismUnknown)?;
        let is_offered = match &self.profile {
            Profile::Sasl2(wishes) if wishes.is_token_login() => {
                offer.token_mechanisms.contains(&mechanism)
            }
            Profile::Sasl1 | Profile::Sasl2(_) => offer.mechanisms.contains(&mechanism),
        };
        let is_encrypted = self.origin.stranger.tls.is_some();
        match (is_offered, is_encrypted) {
            (true, _) => Ok(mechanism),
            // RFC 6120 section 6.5.4: with TLS it would be there.
            (false, false) if mechanism == Mechanism::Plain || offer.mechanisms.is_empty() => {
                Err(Refusal::PeerUnencrypted)
            }
            (false, _) => Err(Refusal::PeerMechanismUnknown),
        }
    }

    fn take_step(mut self, step: Step, wire: &mut Wire) -> Result<State, Failure> {
        let (exchange, waits) = match step {
            Step::Challenge(exchange, message) => {
                self.write_message("challenge", &message, wire);
                (exchange, Waits::Client)
            }
            Step::LookUp(exchange, claim) => match self.check_claim(&claim, wire) {
                Ok(look_up) => {
                    self.account = Some(look_up.account.clone());
                    wire.push(Output::LookUp(look_up));
                    (exchange, Waits::Credentials)
                }
                Err(refusal) => return self.refuse(refusal, wire),
            },
            Step::Derive(exchange, job) => {
                wire.push(Output::Derive(job));
                (exchange, Waits::Derived)
            }
            Step::Accepted(accepted) => return self.accept(accepted, wire),
            Step::Refused(refusal) => return self.refuse(refusal, wire),
        };
        Ok(State::Sasl(Box::new(Sasl {
            attempt: self,
            exchange,
            waits,
        })))
    }

    /// The claimed name as an address of this server, and whom it wants to act as.
    fn check_claim(&self, claim: &Claim, wire: &Wire) -> Result<LookUp, Refusal> {
        let domain = wire.settings.domain.as_str();
        // What is not a local part is nobody's name; that is no secret.
        let account =
            BareJid::from_parts(Some(&claim.name), domain).map_err(|_| Refusal::PeerCredentials)?;
        if let Some(authzid) = &claim.authzid {
            // RFC 6120 section 6.3.8: a bare address; nobody acts for others here.
            let authzid = Jid::parse(authzid).map_err(|_| Refusal::PeerAuthzid)?;
            let authzid = authzid.is_bare().then(|| authzid.to_bare());
            if authzid.as_ref() != Some(&account) || !self.is_from(&account) {
                return Err(Refusal::PeerAuthzid);
            }
        }
        let device = match &self.profile {
            Profile::Sasl1 => None,
            Profile::Sasl2(wishes) => wishes.device,
        };
        Ok(LookUp { account, device })
    }

    /// XEP-0388 section 4.2: an authorization identity has to be the one in the stream header.
    fn is_from(&self, account: &BareJid) -> bool {
        match (&self.profile, &self.origin.from) {
            (Profile::Sasl2(_), Some(from)) => from == account,
            _ => true,
        }
    }

    fn accept(mut self, accepted: Accepted, wire: &mut Wire) -> Result<State, Failure> {
        // An exchange accepts only after it has claimed a name.
        let Some(account) = self.account.take() else {
            return Err(Failure::LocalInternal);
        };
        match self.profile {
            Profile::Sasl1 => {
                let message = accepted.additional.as_deref().unwrap_or_default();
                self.write_message("success", message, wire);
                Ok(State::Open(Box::new(Open {
                    stage: Stage::Known(account),
                })))
            }
            Profile::Sasl2(wishes) => Ok(auth2::accept(account, *wishes, accepted, wire)),
        }
    }

    /// RFC 6120 section 6.4.5: a client may try again, some times.
    pub(crate) fn refuse(mut self, refusal: Refusal, wire: &mut Wire) -> Result<State, Failure> {
        let mut writer = Writer::new();
        match self.profile {
            Profile::Sasl1 => {
                writer.start_ns("failure", ns::SASL);
                writer.start(refusal.condition()).end();
            }
            Profile::Sasl2(_) => {
                writer.start_ns("failure", ns::SASL2);
                writer.empty_ns(refusal.condition(), ns::SASL);
            }
        }
        wire.write(&writer.finish());
        wire.push(Output::Refused(refusal));
        let stranger = &mut self.origin.stranger;
        stranger.attempts_left = stranger.attempts_left.saturating_sub(1);
        if stranger.attempts_left == 0 {
            return Err(Failure::PeerAttempts {
                attempts_max: LOGIN_ATTEMPTS_MAX,
            });
        }
        Ok(State::Negotiate(Box::new(self.origin)))
    }

    fn write_message(&self, name: &str, message: &[u8], wire: &mut Wire) {
        let namespace = match self.profile {
            Profile::Sasl1 => ns::SASL,
            Profile::Sasl2(_) => ns::SASL2,
        };
        let mut writer = Writer::new();
        writer.start_ns(name, namespace);
        if !message.is_empty() {
            writer.text(&Base64::encode_string(message));
        }
        wire.write(&writer.finish());
    }
}

impl Sasl {
    pub(crate) fn is_waiting(&self) -> bool {
        self.waits != Waits::Client
    }

    pub(crate) fn handle_element(
        self: Box<Self>,
        element: &Element,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        let node = element.root();
        let namespace = match self.attempt.profile {
            Profile::Sasl1 => ns::SASL,
            Profile::Sasl2(_) => ns::SASL2,
        };
        if Stanza::is_stanza(element) {
            return Err(Failure::PeerEarly);
        }
        match node.name() {
            "response" if node.ns() == namespace => match decode(&node.text()) {
                Ok(message) => {
                    let step = self.exchange.handle_message(&message);
                    self.attempt.take_step(step, wire)
                }
                Err(refusal) => self.attempt.refuse(refusal, wire),
            },
            "abort" if node.ns() == namespace => self.attempt.refuse(Refusal::PeerAborted, wire),
            // RFC 6120 section 6.4.3 knows no other, and XEP-0388 section 2.5 ends the stream.
            _ => Err(Failure::PeerElement),
        }
    }

    pub(crate) fn handle_credentials(
        self: Box<Self>,
        answer: Account,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        if self.waits != Waits::Credentials {
            return Ok(State::Sasl(self));
        }
        let found = match answer {
            Account::Found(credentials) => Some(credentials),
            Account::Absent => None,
            Account::Unavailable => return self.attempt.refuse(Refusal::LocalTemporary, wire),
        };
        let account = self.attempt.account.as_ref();
        let name = account.and_then(BareJid::local).unwrap_or_default();
        let step = self.exchange.handle_credentials(name, found);
        self.attempt.take_step(step, wire)
    }

    pub(crate) fn handle_derived(
        self: Box<Self>,
        derived: &ScramKeys,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        if self.waits != Waits::Derived {
            return Ok(State::Sasl(self));
        }
        let step = self.exchange.handle_derived(derived);
        self.attempt.take_step(step, wire)
    }
}
