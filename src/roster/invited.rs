//! A request with the word of an invitation: both become contacts of each other (XEP-0379).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::invite;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::invite::Invite;
use crate::roster::subscription::Change;
use crate::roster::subscription::receive;
use crate::stanza::ns;

/// The word of an invitation of the contact in a request (section 3.4), while it is good. Alone, a board of a pair does
/// not know whether it was used: the contact is asked.
pub(super) fn find(
    view: &View<'_>,
    request: &Request,
    contact: &BareJid,
) -> Result<Option<Box<str>>, Stop> {
    let preauth = request.stanza.root().child("preauth", ns::PARS);
    let token = preauth.and_then(|preauth| preauth.attr("token"));
    let Some(token) = token.filter(|_| !view.facts.is_parted) else {
        return Ok(None);
    };
    let found = invite::find_valid(view, &token)?;
    let is_of_contact = |one: &Invite| one.by.as_ref() == Some(contact) && one.name.is_none();
    let found = found.filter(|one| is_of_contact(one));
    Ok(found.map(|_| token.as_ref().into()))
}

/// Section 3.5: who invites has approved with that, and wants to be a contact as well.
pub(super) fn approved(mut known: Contact) -> Contact {
    known.listed = true;
    if !known.may_see() {
        known.inward = Inward::Approved;
    }
    if known.out == Outward::Without {
        known.out = Outward::Asked;
    }
    known
}

/// The other direction: who comes has approved in advance (section 3.4), or is asked. Returns whether it is asked.
pub(super) fn join(mine: &mut Contact, theirs: &mut Contact) -> bool {
    match mine.inward {
        Inward::From => {
            theirs.out = Outward::To;
            false
        }
        Inward::Approved => {
            mine.inward = Inward::From;
            theirs.out = Outward::To;
            false
        }
        Inward::Without | Inward::Asked { .. } => {
            *mine = receive(Change::Subscribe, mine, &Arc::default()).row;
            true
        }
    }
}
