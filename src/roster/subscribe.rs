//! Presence stanzas about subscriptions, and removal from a roster, which implies them (RFC 6121
//! sections 3 and 2.5).
//!
//! Both accounts are of this domain, so both rows change in the same entry. Its ops stand in the
//! order in which clients are to see their effects: of a grant first the stanza, then the rows (and
//! with the granting row presence, see `presence`); of a withdrawal the granting row first.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::limits::REQUESTS_MAX;
use crate::effect::invite;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::roster::check_room;
use crate::roster::guarded;
use crate::roster::invited;
use crate::roster::row_of;
use crate::roster::subscription::Change;
use crate::roster::subscription::receive;
use crate::roster::subscription::send;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;

/// Contacts that are told of the end of an account. An entry holds at most 255 ops.
const FAREWELLS_MAX: usize = 200;

/// A subscription stanza of a client to another user (RFC 6121 section 3, Appendix A).
pub(crate) fn evaluate_subscription(
    view: &View<'_>,
    request: &Request,
    kind: PresenceType,
) -> Result<Proposal, Stop> {
    let change = Change::of(kind).ok_or(Stop::Ignore)?;
    let Some(to) = &request.stanza.to else {
        // Section 3.1.1: it has to say whom it is about.
        return Err(StanzaError::new(Condition::BadRequest).into());
    };
    let (own, other) = (request.from.bare(), to.to_bare());
    if other == own || !view.is_account(to) {
        // One's own presence is always there, and the server has none.
        return Err(Stop::Ignore);
    }
    let (account, contact) = (view.account(&own)?, view.account(&other)?);
    if account.blocks(&other.to_jid()) {
        // XEP-0191 section 3.2.
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_detail("blocked", ns::BLOCKING_ERRORS).into());
    }
    let payload = request.stanza.payload();
    if change == Change::Subscribe && payload.len() > REQUEST_BYTES_MAX {
        return Err(StanzaError::new(Condition::PolicyViolation).into());
    }
    let before = account.contact(&other).cloned().unwrap_or_default();
    let theirs = contact.contact(&own).cloned().unwrap_or_default();
    let mut known = known(&before, &theirs);
    let invited = match change {
        Change::Subscribe => invited::find(view, request, &other)?,
        _ => None,
    };
    if invited.is_some() {
        known = invited::approved(known);
    }
    let sent = send(change, &before);
    let mut mine = sent.row;
    let (mut told, mut their_row) = (Vec::new(), None);
    if sent.is_routed && reaches(contact, &own, change) {
        let received = receive(change, &known, &payload);
        if received.is_delivered && !contact.blocks(&own.to_jid()) {
            told.push(route(&own, &other, change, Some(request)));
        }
        if received.is_approved {
            let answered = receive(Change::Subscribed, &mine, &Arc::default());
            if answered.is_delivered {
                told.push(route(&other, &own, Change::Subscribed, None));
            }
            mine = answered.row;
        }
        let mut their = received.row;
        if invited.is_some() && invited::join(&mut mine, &mut their) {
            told.push(route(&other, &own, Change::Subscribe, None));
        }
        their_row = changed(&other, &own, &theirs, their);
    }
    if mine.listed && !before.listed {
        check_room(account, (&other, &mine), &view.settings.limits)?;
    }
    let my_row = changed(&own, &other, &before, mine);
    let mut proposal = both_guarded(view, &own, &other);
    proposal.ops = match change {
        Change::Unsubscribed => my_row.into_iter().chain(told).chain(their_row).collect(),
        Change::Subscribed => told.into_iter().chain(their_row).chain(my_row).collect(),
        Change::Subscribe | Change::Unsubscribe => {
            told.into_iter().chain(my_row).chain(their_row).collect()
        }
    };
    Ok(match invited {
        Some(token) => proposal.and(invite::spend(view, &token)),
        None => proposal,
    })
}

/// What the other side has granted to this account. A grant that the account does not know of was
/// given to another life of its name, and is none.
fn known(mine: &Contact, theirs: &Contact) -> Contact {
    let mut known = theirs.clone();
    if known.may_see() && mine.out != Outward::To {
        known.inward = Inward::Without;
    }
    known
}

/// Whether the other account takes note at all. Section 8.5.1: nobody is told that an account does
/// not exist; XEP-0191 section 3: nor that it does not listen.
fn reaches(contact: &Account, own: &BareJid, change: Change) -> bool {
    let is_new_request = change == Change::Subscribe
        && contact
            .contact(own)
            .is_none_or(|row| row.inward == Inward::Without);
    if !contact.exists() || (change == Change::Subscribe && contact.blocks(&own.to_jid())) {
        return false;
    }
    let requests = contact
        .contacts()
        .filter(|(_, row, _)| matches!(row.inward, Inward::Asked { .. }));
    !is_new_request || requests.count() < REQUESTS_MAX
}

/// Section 2.5.2: who removes a contact ends both subscriptions.
pub(super) fn remove(
    view: &View<'_>,
    account: &Account,
    (own, other): (&BareJid, &BareJid),
) -> Result<Proposal, Stop> {
    let before = account
        .contact(other)
        .filter(|contact| contact.listed)
        .ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    let removed = Op::row(
        RecordKey::Account { jid: own.clone() },
        RowName::Contact { jid: other.clone() },
        None,
    );
    if !view.is_account(&other.to_jid()) {
        return Ok(guarded(view, own, other).op(removed));
    }
    let contact = view.account(other)?;
    let theirs = contact.contact(own).cloned().unwrap_or_default();
    let mut after = theirs.clone();
    let mut told = Vec::new();
    let ended = [
        (Change::Unsubscribe, before.out != Outward::Without),
        (
            Change::Unsubscribed,
            matches!(before.inward, Inward::Asked { .. } | Inward::From),
        ),
    ];
    for (change, applies) in ended {
        if applies && contact.exists() {
            let received = receive(change, &after, &Arc::default());
            after = received.row;
            if received.is_delivered && !contact.blocks(&own.to_jid()) {
                told.push(route(own, other, change, None));
            }
        }
    }
    let mut proposal = both_guarded(view, own, other).op(removed);
    proposal.ops.extend(told);
    proposal.ops.extend(changed(other, own, &theirs, after));
    Ok(proposal)
}

/// What the end of an account changes in the rosters of others: nobody is subscribed any more
/// (XEP-0077 section 3.2). An entry has room for so many; what a later owner of the name finds of the
/// others is no grant (see [`known`]).
pub(crate) fn farewell_ops(view: &View<'_>, own: &BareJid) -> Result<Vec<Op>, Stop> {
    let mut ops = Vec::new();
    for (other, _, _) in view.account(own)?.contacts() {
        if ops.len() >= FAREWELLS_MAX {
            break;
        }
        if !view.is_account(&other.to_jid()) {
            continue;
        }
        let Some(theirs) = view.account(other)?.contact(own) else {
            continue;
        };
        let after = Contact {
            out: Outward::Without,
            inward: Inward::Without,
            ..theirs.clone()
        };
        ops.extend(changed(other, own, theirs, after));
    }
    Ok(ops)
}

fn both_guarded(view: &View<'_>, own: &BareJid, other: &BareJid) -> Proposal {
    let mut proposal = guarded(view, own, other);
    proposal.guards.extend(guarded(view, other, own).guards);
    proposal
}

/// The row of `own` about `other`, if it changed.
fn changed(own: &BareJid, other: &BareJid, before: &Contact, after: Contact) -> Option<Op> {
    let record = RecordKey::Account { jid: own.clone() };
    let name = RowName::Contact { jid: other.clone() };
    (*before != after).then(|| Op::row(record, name, row_of(after)))
}

/// Section 3.1.2: from one bare address to the other, whatever the client wrote.
fn route(from: &BareJid, to: &BareJid, change: Change, said: Option<&Request>) -> Op {
    let stanza = said.map(|request| &request.stanza);
    let to = to.to_jid();
    let stanza = Outgoing {
        kind: Kind::Presence(change.kind()),
        from: from.to_jid(),
        to: Some(to.clone()),
        id: stanza.and_then(|stanza| stanza.id.clone()),
        lang: stanza.and_then(|stanza| stanza.lang.clone()),
        payload: stanza.map_or_else(Arc::default, |stanza| stanza.payload()),
    };
    Op::soft(Soft::Route {
        stanza: Arc::new(stanza),
        to,
    })
}
