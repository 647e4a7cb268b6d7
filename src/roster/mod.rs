//! Rosters and subscriptions (RFC 6121 sections 2 and 3).
//!
//! A contact is one row of its user's record. Whatever changes a subscription changes the rows of
//! both accounts in one entry; what the users' clients see of it follows from the rows.

mod invited;
pub(crate) mod item;
mod subscribe;
mod subscription;
mod version;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::ROSTER_BYTES_MAX;
use crate::base::limits::ROSTER_PUSH_OVERHEAD_BYTES;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::sends::Sends;
use crate::effect::settings::Limits;
use crate::effect::state::At;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Contact;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::roster::item::Wanted;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

pub(crate) use crate::roster::subscribe::evaluate_subscription;
pub(crate) use crate::roster::subscribe::farewell_ops;

pub(crate) fn evaluate_iq(
    view: &View<'_>,
    request: &Request,
    target: &Target,
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    if !query.is("query", ns::ROSTER) {
        return None;
    }
    Some(match (target, request.stanza.kind) {
        (Target::Own { account }, Kind::Iq(IqType::Get)) => get(view, request, account, query),
        (Target::Own { account }, _) => set(view, request, account, query),
        // Section 2.1.5: a roster is its owner's.
        (Target::Other { .. }, _) => Err(StanzaError::new(Condition::Forbidden).into()),
        (Target::Server, _) => return None,
    })
}

/// Sections 2.1.3 and 2.6: the roster, or what has changed in it. From now on the session is told of
/// changes ("interested resource").
fn get(
    view: &View<'_>,
    request: &Request,
    own: &BareJid,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let account = view.account(own)?;
    let mut proposal = Proposal::nothing();
    let online = account.online.get(request.from.resource());
    if online.is_some_and(|online| !online.interested) {
        let record = RecordKey::Account { jid: own.clone() };
        proposal = proposal
            .guarded(view.guard(record, RowName::Account))
            .soft(Soft::Wants {
                jid: request.from.clone(),
                want: Want::Roster,
                on: true,
            });
    }
    let known = query.attr("ver");
    let changes = known.and_then(|known| version::changes_since(account, &known, view.epochs));
    let Some((changes, incarnation)) = changes.zip(account.incarnation()) else {
        let whole = whole(account, usize::MAX).unwrap_or_default();
        return Ok(proposal.and_answer(request.stanza.result(&request.from, whole)));
    };
    let pushes = changes.into_iter().map(|change| {
        let version = version::version(incarnation, change.at);
        push(own, (change.jid, change.contact), &version)
    });
    let pushes: Vec<Outgoing> = pushes.collect();
    // Section 2.6.3: all of it, where that "would use less bandwidth than sending individual roster pushes".
    let bytes = |push: &Outgoing| {
        let content = push.payload.len();
        content.saturating_add(ROSTER_PUSH_OVERHEAD_BYTES)
    };
    if let Some(whole) = whole(account, pushes.iter().map(bytes).sum()) {
        return Ok(proposal.and_answer(request.stanza.result(&request.from, whole)));
    }
    proposal = proposal.and_answer(request.stanza.result(&request.from, Vec::new()));
    Ok(pushes.into_iter().fold(proposal, Proposal::and_answer))
}

/// The roster as it is; `None`: it is longer than that.
fn whole(account: &Account, bytes_max: usize) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::ROSTER)
        .attr_opt("ver", version::newest(account).as_deref());
    for (jid, contact, _) in account.contacts().filter(|(_, one, _)| one.listed) {
        item::write(&mut writer, jid, Some(contact));
        if writer.bytes() > bytes_max {
            return None;
        }
    }
    writer.end();
    (writer.bytes() <= bytes_max).then(|| writer.finish())
}

/// Sections 2.3 to 2.5: a contact is added, changed or removed.
fn set(
    view: &View<'_>,
    request: &Request,
    own: &BareJid,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let wanted = item::parse(query)?;
    if wanted.jid == *own {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    let account = view.account(own)?;
    let result = request.stanza.result(&request.from, Vec::new());
    if wanted.is_removal {
        let proposal = subscribe::remove(view, account, (own, &wanted.jid))?;
        return Ok(proposal.and_answer(result));
    }
    let Wanted {
        jid, name, groups, ..
    } = wanted;
    let before = account.contact(&jid).cloned().unwrap_or_default();
    let contact = Contact {
        listed: true,
        name,
        groups,
        ..before
    };
    check_room(account, (&jid, &contact), &view.settings.limits)?;
    let mut proposal = guarded(view, own, &jid);
    proposal.ops = version::forget_ops(account, own);
    Ok(proposal
        .row(
            RecordKey::Account { jid: own.clone() },
            RowName::Contact { jid },
            row_of(contact),
        )
        .and_answer(result))
}

/// Whether the roster has room for the contact as it is to be. What makes it no larger always fits,
/// whatever the limits have become.
fn check_room(
    account: &Account,
    (jid, contact): (&BareJid, &Contact),
    limits: &Limits,
) -> Result<(), StanzaError> {
    let before = account.contact(jid).filter(|before| before.listed);
    let mut count = 1_usize;
    let mut bytes = item::size_bytes(jid, contact);
    if before.is_some_and(|before| bytes <= item::size_bytes(jid, before)) {
        return Ok(());
    }
    let others = account
        .contacts()
        .filter(|(other, one, _)| *other != jid && one.listed);
    for (other, contact, _) in others {
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(item::size_bytes(other, contact));
    }
    let is_too_long = before.is_none() && count > limits.roster_items_max;
    if is_too_long || bytes > ROSTER_BYTES_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint));
    }
    Ok(())
}

/// What a change of a contact must not outlive: the user's account, and the contact as it was read.
fn guarded(view: &View<'_>, own: &BareJid, jid: &BareJid) -> Proposal {
    let record = RecordKey::Account { jid: own.clone() };
    let name = RowName::Contact { jid: jid.clone() };
    Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Account))
        .guarded(view.guard(record, name))
}

/// The row for a contact; none where there is nothing to know.
fn row_of(contact: Contact) -> Option<Row> {
    (!contact.is_blank()).then(|| Row::Contact {
        contact: Arc::new(contact),
    })
}

/// Roster pushes for a contact that changed (RFC 6121 section 2.1.6).
pub(crate) fn deliver_row(
    view: &View<'_>,
    at: At,
    (record, name, row): (&RecordKey, &RowName, Option<&Row>),
    sends: &mut Sends,
) {
    let (RecordKey::Account { jid: own }, RowName::Contact { jid }) = (record, name) else {
        return;
    };
    let Some(account) = view.resident_account(own) else {
        return;
    };
    let (blank, before) = (Contact::default(), account.contact(jid));
    let before = before.unwrap_or(&blank);
    let after = match row {
        Some(Row::Contact { contact }) => contact.as_ref(),
        _ => &blank,
    };
    // Appendix A.3.1: a request is no change of the roster.
    let is_request_only = before.inward != after.inward && before.looks_like(after);
    if is_request_only || !(before.listed || after.listed) {
        return;
    }
    let Some(incarnation) = account.incarnation() else {
        return;
    };
    let mut interested = account.online.values().filter(|one| one.interested);
    let Some(first) = interested.next() else {
        return;
    };
    let version = version::version(incarnation, at.position);
    let push = push(own, (jid, after.listed.then_some(after)), &version);
    let push = Arc::new(push);
    for online in std::iter::once(first).chain(interested) {
        sends.stanza(online.session, &push);
    }
}

/// A roster push (section 2.1.6): its id says which change it tells.
fn push(own: &BareJid, (jid, contact): (&BareJid, Option<&Contact>), version: &str) -> Outgoing {
    let mut writer = Writer::new();
    writer.start_ns("query", ns::ROSTER).attr("ver", version);
    item::write(&mut writer, jid, contact);
    Outgoing {
        kind: Kind::Iq(IqType::Set),
        from: own.to_jid(),
        to: None,
        id: Some(format!("push-{version}").into()),
        lang: None,
        payload: writer.finish().into(),
    }
}
