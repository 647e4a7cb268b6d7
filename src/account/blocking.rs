//! The blocking command (XEP-0191).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::account::forget_op;
use crate::account::report;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Inward;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

/// The list; whoever asks for it hears of its changes from then on (section 3.2).
pub(super) fn list(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let account = view.account(&request.from.bare())?;
    let mut writer = Writer::new();
    writer.start_ns("blocklist", ns::BLOCKING);
    for jid in account.blocked() {
        writer.start("item").attr("jid", jid.as_str()).end();
    }
    writer.end();
    let jid = request.from.clone();
    Ok(Proposal::nothing()
        .soft(Soft::Wants {
            jid,
            want: Want::Blocks,
            on: true,
        })
        .and_answer(request.stanza.result(&request.from, writer.finish())))
}

pub(super) fn block(view: &View<'_>, request: &Request, query: Node<'_>) -> Result<Proposal, Stop> {
    let account = view.account(&request.from.bare())?;
    let jids = items(query)?;
    if jids.is_empty() {
        // Section 3.3: at least one item.
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    let known = account.blocked().filter(|jid| !jids.contains(*jid)).count();
    if known.saturating_add(jids.len()) > view.settings.limits.blocked_max {
        let error = StanzaError::new(Condition::ResourceConstraint)
            .with_text("the block list has reached its limit");
        return Err(error.into());
    }
    let reports = report::parse(view, &request.from.bare(), query)?;
    let blocked = jids.into_iter().map(|jid| (jid, Some(Row::Blocked)));
    report::file(view, change(view, request, account, blocked), reports)
}

/// Without items: everybody (section 3.5).
pub(super) fn unblock(
    view: &View<'_>,
    request: &Request,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let account = view.account(&request.from.bare())?;
    let mut jids = items(query)?;
    if jids.is_empty() {
        jids = account.blocked().cloned().collect();
    }
    Ok(change(
        view,
        request,
        account,
        jids.into_iter().map(|jid| (jid, None)),
    ))
}

fn items(query: Node<'_>) -> Result<BTreeSet<Jid>, Stop> {
    let bad = || StanzaError::new(Condition::JidMalformed);
    let items = query
        .children()
        .filter(|item| item.is("item", ns::BLOCKING));
    let jids = items.map(|item| {
        let jid = item
            .attr("jid")
            .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        Jid::parse(&jid).map_err(|_| bad())
    });
    Ok(jids.collect::<Result<_, StanzaError>>()?)
}

fn change(
    view: &View<'_>,
    request: &Request,
    account: &Account,
    rows: impl Iterator<Item = (Jid, Option<Row>)>,
) -> Proposal {
    let record = RecordKey::Account {
        jid: request.from.bare(),
    };
    let guard = view.guard(record.clone(), RowName::Account);
    let mut proposal = Proposal::nothing().guarded(guard);
    proposal
        .ops
        .extend(forget_op(account, &request.from.bare()));
    let proposal = rows.fold(proposal, |proposal, (jid, row)| {
        proposal.row(record.clone(), RowName::Blocked { jid }, row)
    });
    proposal.and_answer(request.stanza.result(&request.from, Vec::new()))
}

/// Tells the user's devices (sections 3.3 and 3.4), and the other side that the user is gone, or
/// here again.
pub(super) fn deliver(
    view: &View<'_>,
    at: At,
    (owner, blocked): (&BareJid, &Jid),
    is_blocked: bool,
    sends: &mut Sends,
) {
    let Some(account) = view.resident_account(owner) else {
        return;
    };
    let push = Arc::new(push(at, owner, blocked, is_blocked));
    for online in account
        .online
        .values()
        .filter(|online| online.watches_blocks)
    {
        sends.stanza(online.session, &push);
    }
    if blocked.local().is_some() {
        tell_presence(
            view,
            (owner, account),
            &blocked.to_bare(),
            is_blocked,
            sends,
        );
    }
}

fn push(at: At, owner: &BareJid, blocked: &Jid, is_blocked: bool) -> Outgoing {
    let mut writer = Writer::new();
    writer.start_ns(if is_blocked { "block" } else { "unblock" }, ns::BLOCKING);
    writer.start("item").attr("jid", blocked.as_str()).end();
    writer.end();
    Outgoing {
        kind: Kind::Iq(IqType::Set),
        from: owner.to_jid(),
        to: None,
        id: Some(format!("block-{:x}", at.position.to_u128()).into()),
        lang: None,
        payload: writer.finish().into(),
    }
}

fn tell_presence(
    view: &View<'_>,
    (owner, account): (&BareJid, &Account),
    other: &BareJid,
    is_blocked: bool,
    sends: &mut Sends,
) {
    let may_see = account
        .contact(other)
        .is_some_and(|contact| contact.inward == Inward::From);
    let Some(reader) = view
        .resident_account(other)
        .filter(|_| may_see && owner != other)
    else {
        return;
    };
    for (online, here) in account.available() {
        let said = if is_blocked {
            Arc::new(Outgoing {
                kind: Kind::Presence(PresenceType::Unavailable),
                from: online.jid.to_jid(),
                to: None,
                id: None,
                lang: None,
                payload: Arc::from(Vec::new()),
            })
        } else {
            Arc::clone(&here.stanza)
        };
        for (reader, _) in reader.available() {
            sends.stanza(reader.session, &said);
        }
    }
}
