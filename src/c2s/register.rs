//! An account for a stranger (XEP-0077), perhaps with an invitation (XEP-0445), before any login and only where logins
//! are possible.
//!
//! The core decides; here are the form and its answer. Every try costs one of the attempts that a
//! stranger has, since it costs us two key derivations.

use crate::base::jid::BareJid;
use crate::base::limits::LOGIN_ATTEMPTS_MAX;
use crate::base::mobile_limits::INVITE_WORD_BYTES_MAX;
use crate::base::secret::Secret;
use crate::c2s::Failure;
use crate::c2s::Output;
use crate::c2s::Register;
use crate::c2s::Registered;
use crate::c2s::bind::write_iq_error;
use crate::c2s::negotiate::Negotiate;
use crate::c2s::negotiate::Offer;
use crate::c2s::state::State;
use crate::c2s::wire::Wire;
use crate::stanza::Condition;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// The core was asked; the answer goes to the request with this id.
pub(crate) struct Registering {
    origin: Negotiate,
    id: String,
    asked: Asked,
}

enum Asked {
    Form,
    Account,
    /// Whether the word of an invitation is good.
    Token(Secret),
}

pub(crate) fn is_request(node: Node<'_>) -> bool {
    node.has_child("query", ns::REGISTER) || node.has_child("preauth", ns::PARS)
}

pub(crate) fn handle_element(
    origin: Negotiate,
    node: Node<'_>,
    wire: &mut Wire,
) -> Result<State, Failure> {
    let offer = Offer::new(&wire.settings, &origin.stranger);
    let is_open = wire.settings.offers_registration || wire.settings.takes_invitations;
    if !is_open || offer.mechanisms.is_empty() {
        return Err(Failure::PeerEarly);
    }
    let id = node.attr("id").unwrap_or_default().into_owned();
    let is_set = node.attr("type").as_deref() == Some("set");
    let mut state = Registering {
        origin,
        id,
        asked: Asked::Account,
    };
    if let Some(preauth) = node.child("preauth", ns::PARS) {
        return state.handle_token(preauth, is_set, wire);
    }
    let Some(query) = node.child("query", ns::REGISTER) else {
        return Err(Failure::PeerEarly);
    };
    if node.attr("type").as_deref() == Some("get") {
        state.asked = Asked::Form;
        wire.push(Output::Register(Register::Form));
        return Ok(State::Register(Box::new(state)));
    }
    if !is_set {
        return Err(Failure::PeerEarly);
    }
    state.handle_submission(query, wire)
}

impl Registering {
    /// XEP-0445 section 4.
    fn handle_token(
        mut self,
        preauth: Node<'_>,
        is_set: bool,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        if !is_set || !wire.settings.takes_invitations {
            return Err(Failure::PeerEarly);
        }
        self.take_attempt()?;
        let token = preauth.attr("token").unwrap_or_default();
        if token.is_empty() || token.len() > INVITE_WORD_BYTES_MAX {
            wire.write(&write_iq_error(&self.id, &Condition::ItemNotFound.into()));
            return Ok(State::Negotiate(Box::new(self.origin)));
        }
        let token = Secret::from(&*token);
        self.asked = Asked::Token(token.clone());
        wire.push(Output::Register(Register::Token { token }));
        Ok(State::Register(Box::new(self)))
    }

    fn take_attempt(&mut self) -> Result<(), Failure> {
        let stranger = &mut self.origin.stranger;
        let attempts_left = stranger.attempts_left.checked_sub(1);
        stranger.attempts_left = attempts_left.ok_or(Failure::PeerAttempts {
            attempts_max: LOGIN_ATTEMPTS_MAX,
        })?;
        Ok(())
    }

    fn handle_submission(mut self, query: Node<'_>, wire: &mut Wire) -> Result<State, Failure> {
        if query.has_child("remove", ns::REGISTER) {
            // Section 3.2: who is to be removed has to log in first.
            wire.write(&write_iq_error(
                &self.id,
                &Condition::RegistrationRequired.into(),
            ));
            return Ok(State::Negotiate(Box::new(self.origin)));
        }
        self.take_attempt()?;
        let name = query
            .child_text("username", ns::REGISTER)
            .unwrap_or_default();
        let password = query
            .child_text("password", ns::REGISTER)
            .unwrap_or_default();
        let account = BareJid::from_parts(Some(&name), wire.settings.domain.as_str());
        match account {
            Ok(account) if !password.is_empty() => {
                let password = Secret::from(&*password);
                let token = self.origin.stranger.token.clone();
                wire.push(Output::Register(Register::Create {
                    account,
                    password,
                    token,
                }));
                Ok(State::Register(Box::new(self)))
            }
            _ => {
                wire.write(&write_iq_error(&self.id, &Condition::NotAcceptable.into()));
                Ok(State::Negotiate(Box::new(self.origin)))
            }
        }
    }

    pub(crate) fn handle_registered(mut self, answer: Registered, wire: &mut Wire) -> State {
        let error = match answer {
            Registered::Done => None,
            Registered::Unknown => Some(Condition::ItemNotFound),
            Registered::Closed => Some(Condition::NotAllowed),
            Registered::Taken => Some(Condition::Conflict),
            Registered::NotAcceptable => Some(Condition::NotAcceptable),
            Registered::Later => Some(Condition::ResourceConstraint),
        };
        match error {
            Some(condition) => wire.write(&write_iq_error(&self.id, &condition.into())),
            None => wire.write(&self.write_result()),
        }
        if let (Asked::Token(token), true) = (self.asked, error.is_none()) {
            self.origin.stranger.token = Some(token);
        }
        State::Negotiate(Box::new(self.origin))
    }

    fn write_result(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .start("iq")
            .attr("type", "result")
            .attr("id", &self.id);
        if matches!(self.asked, Asked::Form) {
            writer.start_ns("query", ns::REGISTER);
            writer.leaf("instructions", "Choose a name and a password.");
            writer.start("username").end().start("password").end();
        }
        writer.finish()
    }
}
