//! Requests for subscriptions that wait, asked for by an owner who was away (XEP-0060 section 8.7).
//!
//! A form that is sent at once is as good as one that was asked for. So nothing is kept between the two steps, and
//! any session id is taken.

use crate::base::pubsub_limits::PENDING_ASKED_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::pubsub::Access;
use crate::model::pubsub::Standing;
use crate::pubsub::approve;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::forbidden;
use crate::pubsub::subscribe;
use crate::pubsub::visit::Visit;
use crate::stanza::command;
use crate::stanza::command::Step;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

/// The command's node.
pub(super) const GET_PENDING: &str = "http://jabber.org/protocol/pubsub#get-pending";

const NODE: &str = "pubsub#node";

pub(super) fn is_asked(command: Node<'_>) -> bool {
    command.is("command", ns::COMMANDS) && command.attr("node").as_deref() == Some(GET_PENDING)
}

pub(super) fn evaluate(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let step = command::step(visit.query)?;
    let fresh = visit.unique(0);
    let given = visit.query.attr("sessionid");
    let session = given.as_deref().unwrap_or(&fresh);
    let answer = |status: &str, content: &[u8]| {
        let payload = command::answer(GET_PENDING, session, status, content);
        let stanza = &visit.request.stanza;
        Proposal::answer(stanza.result(&visit.request.from, payload))
    };
    match step {
        Step::Cancel => Ok(answer("canceled", &[])),
        Step::Begin => Ok(answer("executing", &offer(visit)?)),
        Step::Submit { form } => {
            let node = form.value(NODE).ok_or_else(bad_request)?;
            let asked = ask_again(visit, node)?;
            let done = answer("completed", &[]);
            Ok(asked.into_iter().fold(done, Proposal::and_answer))
        }
    }
}

/// The nodes whose subscriptions the user has to agree to.
fn offer(visit: &Visit<'_>) -> Result<Vec<u8>, Stop> {
    let host = &visit.host;
    let own = host.is_own(&visit.user);
    let known = subscribe::known(visit)?;
    let mut field = Field::new(NODE, FieldKind::ListSingle).with_label("The node");
    for (name, row) in host.nodes().filter(|(name, _)| own || known.contains(name)) {
        let is_asked_for = row.config.access == Access::Authorize;
        if is_asked_for && (own || host.place(name)?.standing(&visit.user) == Standing::Owner) {
            field = field.with_option(name, name);
        }
    }
    if field.options.is_empty() {
        // Section 8.7.3.3: nobody waits for this user's word.
        return Err(forbidden().into());
    }
    let mut writer = Writer::new();
    writer.start("actions").attr("execute", "complete");
    writer.start("complete").end().end();
    let form = Form::with_type(FormKind::Form, ns::SUBSCRIBE_AUTHORIZATION);
    form.with(field.required()).write(&mut writer);
    Ok(writer.finish())
}

/// Section 8.7.4: the question for each who waits, once more, to who asks.
fn ask_again(visit: &Visit<'_>, node: &str) -> Result<Vec<Outgoing>, Stop> {
    let place = visit.host.place(node)?;
    place.check_owner(&visit.user)?;
    let pending = place.subscriptions().filter(|one| one.row.is_pending);
    let to = visit.request.from.to_jid();
    let asked = pending.map(|one| approve::question(&place, one.jid, to.clone()));
    Ok(asked.take(PENDING_ASKED_MAX).collect())
}
