//! Accounts: registration, passwords, blocking, private data, administration.

mod adhoc;
mod admins;
mod blocking;
pub(crate) mod command;
mod halt;
mod invitation;
pub(crate) mod invite;
pub(crate) mod landing;
mod list;
pub(crate) mod notice;
pub(crate) mod private;
mod register;
mod report;
mod search;
mod service;
mod tasks;
#[cfg(test)]
mod tests;
pub(crate) mod token;

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::op::Durable;
use crate::model::op::Kicked;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::ns;

/// Answers what concerns an account itself; `None`: it is not for this feature.
pub(crate) fn evaluate_iq(
    view: &View<'_>,
    request: &Request,
    target: &Target,
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    let is_set = request.stanza.kind == Kind::Iq(IqType::Set);
    if let ("vCard", ns::VCARD, false) = (query.name(), query.ns(), is_set) {
        return Some(private::vcard(view, request, target));
    }
    if !matches!(target, Target::Other { .. }) {
        match (query.name(), query.ns(), is_set) {
            ("command", ns::COMMANDS, true) => return Some(adhoc::execute(view, request, query)),
            ("query", ns::DISCO_INFO | ns::DISCO_ITEMS, false) => {
                return adhoc::discover(view, request, query);
            }
            ("query", ns::REGISTER, false) => return Some(Ok(register::form(request))),
            ("query", ns::REGISTER, true) => {
                return Some(register::submit(view, request, query));
            }
            _ => {}
        }
    }
    if let ("query", ns::SEARCH, Target::Server) = (query.name(), query.ns(), target)
        && view.settings.finds_people
    {
        return Some(if is_set {
            search::search(request, query)
        } else {
            Ok(search::form(request))
        });
    }
    if !matches!(target, Target::Own { .. }) {
        return None;
    }
    Some(match (query.name(), query.ns(), is_set) {
        ("query", ns::PRIVATE, false) => private::read(view, request, query),
        ("query", ns::PRIVATE, true) => private::write(view, request, query),
        ("vCard", ns::VCARD, true) => private::set_vcard(view, request, query),
        ("blocklist", ns::BLOCKING, false) => blocking::list(view, request),
        ("block", ns::BLOCKING, true) => blocking::block(view, request, query),
        ("unblock", ns::BLOCKING, true) => blocking::unblock(view, request, query),
        ("enable", ns::CARBONS, true) => Ok(carbons(request, true)),
        ("disable", ns::CARBONS, true) => Ok(carbons(request, false)),
        _ => return None,
    })
}

/// Message carbons on or off for this session (XEP-0280 sections 4 and 5).
fn carbons(request: &Request, on: bool) -> Proposal {
    let jid = request.from.clone();
    Proposal::nothing()
        .soft(Soft::Wants {
            jid,
            want: Want::Carbons,
            on,
        })
        .and_answer(request.stanza.result(&request.from, Vec::new()))
}

/// Forgets the older half of the rows that were removed, if there are too many.
fn forget_op(account: &Account, jid: &BareJid) -> Option<Op> {
    let is_ours = |name: &RowName| matches!(name, RowName::Token { .. } | RowName::Blocked { .. });
    let names = account.rows.too_old(is_ours);
    let record = RecordKey::Account { jid: jid.clone() };
    (!names.is_empty()).then_some(Op::Durable {
        op: Durable::Forget { record, names },
    })
}

pub(crate) fn deliver_row(
    view: &View<'_>,
    at: At,
    (record, name, row): (&RecordKey, &RowName, Option<&Row>),
    sends: &mut Sends,
) {
    match (record, name, row) {
        (RecordKey::Account { jid }, RowName::Blocked { jid: blocked }, _) => {
            blocking::deliver(view, at, (jid, blocked), row.is_some(), sends);
        }
        (RecordKey::Node, _, Some(Row::AbuseReport { report })) => {
            report::deliver(view, report, sends);
        }
        _ => {}
    }
}

/// What all get to hear, and what ends.
pub(crate) fn deliver(view: &View<'_>, op: &Soft, sends: &mut Sends) {
    match op {
        Soft::Announce { stanza } => {
            let all = view.resident_accounts();
            for (online, _) in all.flat_map(|(_, account)| account.available()) {
                sends.stanza(online.session, stanza);
            }
        }
        Soft::Kick { account, whom, why } => {
            let account = view.resident_account(account);
            for online in account.into_iter().flat_map(|one| one.online.values()) {
                let is_meant = match whom {
                    Kicked::All => true,
                    Kicked::Others { session } => online.session != *session,
                    Kicked::Resource { resource } => online.jid.resource() == &**resource,
                };
                if is_meant {
                    sends.end(online.session, *why);
                }
            }
        }
        Soft::Halt { halt } => sends.halt = Some(*halt),
        _ => {}
    }
}

pub(crate) fn answer(query: &Query, found: &Found) -> Vec<Item> {
    let answer = match (&query.question, found) {
        (Question::Accounts { purpose, .. }, _) => list::answer(query, purpose, found),
        (Question::People { search }, Found::People { people }) => {
            Some(search::answer(query, search, people))
        }
        _ => None,
    };
    let answer = answer.map(Arc::new);
    let item = answer.map(|stanza| Item::Stanza { stanza });
    item.into_iter().collect()
}
