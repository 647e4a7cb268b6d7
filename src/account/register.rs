//! An account's own password, and its end (XEP-0077), asked for by who is logged in.
//!
//! Making an account is not for here: it is asked before the login (`c2s::register`).

use crate::account::command;
use crate::base::secret::Secret;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::op::Kicked;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Section 3.1.1: who is registered is told so, with what may be changed.
pub(super) fn form(request: &Request) -> Proposal {
    let own = request.from.bare();
    let mut writer = Writer::new();
    writer.start_ns("query", ns::REGISTER);
    writer.start("registered").end();
    writer.leaf("instructions", "Choose a new password.");
    writer.leaf("username", own.local().unwrap_or_default());
    writer.start("password").end().end();
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}

/// Sections 3.2 and 3.3: the end of the account, or another password.
pub(super) fn submit(
    view: &View<'_>,
    request: &Request,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let own = request.from.bare();
    let done = request.stanza.result(&request.from, Vec::new());
    if query.has_child("remove", ns::REGISTER) {
        if query.children().count() > 1 {
            // Section 3.2: it has to be the only child.
            return Err(StanzaError::new(Condition::BadRequest).into());
        }
        return Ok(command::delete(view, &own, Kicked::All)?.and_answer(done));
    }
    let name = query.child_text("username", ns::REGISTER);
    let password = query.child_text("password", ns::REGISTER);
    let (Some(name), Some(password)) = (name, password) else {
        return Err(StanzaError::new(Condition::BadRequest).into());
    };
    let named = crate::base::jid::BareJid::from_parts(Some(&name), own.to_jid().domain());
    if !named.is_ok_and(|named| named == own) {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    if password.is_empty() {
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    let others = Kicked::Others {
        session: request.session,
    };
    let change = command::set_password(view, &own, &Secret::from(&*password), others)?;
    Ok(change.and_answer(done))
}
