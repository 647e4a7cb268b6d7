//! An account for a stranger (XEP-0077), before any login and only where logins are possible.
//!
//! The core decides; here are the form and its answer. Every try costs one of the attempts that a
//! stranger has, since it costs us two key derivations.

use crate::base::jid::BareJid;
use crate::base::limits::LOGIN_ATTEMPTS_MAX;
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
    is_form: bool,
}

pub(crate) fn is_request(node: Node<'_>) -> bool {
    node.has_child("query", ns::REGISTER)
}

pub(crate) fn handle_element(
    origin: Negotiate,
    node: Node<'_>,
    wire: &mut Wire,
) -> Result<State, Failure> {
    let offer = Offer::new(&wire.settings, &origin.stranger);
    if !wire.settings.offers_registration || offer.mechanisms.is_empty() {
        return Err(Failure::PeerEarly);
    }
    let Some(query) = node.child("query", ns::REGISTER) else {
        return Err(Failure::PeerEarly);
    };
    let id = node.attr("id").unwrap_or_default().into_owned();
    let state = Registering {
        origin,
        id,
        is_form: node.attr("type").as_deref() == Some("get"),
    };
    if state.is_form {
        wire.push(Output::Register(Register::Form));
        return Ok(State::Register(Box::new(state)));
    }
    if node.attr("type").as_deref() != Some("set") {
        return Err(Failure::PeerEarly);
    }
    state.handle_submission(query, wire)
}

impl Registering {
    fn handle_submission(mut self, query: Node<'_>, wire: &mut Wire) -> Result<State, Failure> {
        if query.has_child("remove", ns::REGISTER) {
            // Section 3.2: who is to be removed has to log in first.
            wire.write(&write_iq_error(
                &self.id,
                &Condition::RegistrationRequired.into(),
            ));
            return Ok(State::Negotiate(Box::new(self.origin)));
        }
        let stranger = &mut self.origin.stranger;
        let Some(attempts_left) = stranger.attempts_left.checked_sub(1) else {
            return Err(Failure::PeerAttempts {
                attempts_max: LOGIN_ATTEMPTS_MAX,
            });
        };
        stranger.attempts_left = attempts_left;

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
                wire.push(Output::Register(Register::Create { account, password }));
                Ok(State::Register(Box::new(self)))
            }
            _ => {
                wire.write(&write_iq_error(&self.id, &Condition::NotAcceptable.into()));
                Ok(State::Negotiate(Box::new(self.origin)))
            }
        }
    }

    pub(crate) fn handle_registered(self, answer: Registered, wire: &mut Wire) -> State {
        let error = match answer {
            Registered::Done => None,
            Registered::Closed => Some(Condition::NotAllowed),
            Registered::Taken => Some(Condition::Conflict),
            Registered::NotAcceptable => Some(Condition::NotAcceptable),
            Registered::Later => Some(Condition::ResourceConstraint),
        };
        match error {
            Some(condition) => wire.write(&write_iq_error(&self.id, &condition.into())),
            None => wire.write(&self.write_result()),
        }
        State::Negotiate(Box::new(self.origin))
    }

    fn write_result(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .start("iq")
            .attr("type", "result")
            .attr("id", &self.id);
        if self.is_form {
            writer.start_ns("query", ns::REGISTER);
            writer.leaf("instructions", "Choose a name and a password.");
            writer.start("username").end().start("password").end();
        }
        writer.finish()
    }
}
