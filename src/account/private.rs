//! Private XML (XEP-0049) and vcard-temp (XEP-0054): elements that a user stores, by name.

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Elements in one request for private XML.
///
/// Clients ask for one; several share the request's size. More are refused with `bad-request`.
const ELEMENTS_MAX: usize = 16;

/// XEP-0049 section 2: gives back what was stored under the same name and namespace, or the empty
/// element that was asked with.
pub(super) fn read(view: &View<'_>, request: &Request, query: Node<'_>) -> Result<Proposal, Stop> {
    let account = view.account(&request.from.bare())?;
    let mut writer = Writer::new();
    writer.start_ns("query", ns::PRIVATE);
    for asked in elements(query)? {
        match account.bytes(&name_of(asked)) {
            Some(bytes) => writer.raw(bytes),
            None => writer.empty_ns(asked.name(), asked.ns()),
        };
    }
    writer.end();
    Ok(Proposal::answer(
        request.stanza.result(&request.from, writer.finish()),
    ))
}

pub(super) fn write(view: &View<'_>, request: &Request, query: Node<'_>) -> Result<Proposal, Stop> {
    let rows = elements(query)?
        .into_iter()
        .map(|element| (name_of(element), Some(element.outer().into_owned())))
        .collect();
    store(view, request, rows)
}

fn elements(query: Node<'_>) -> Result<Vec<Node<'_>>, Stop> {
    let elements: Vec<Node<'_>> = query.children().take(ELEMENTS_MAX + 1).collect();
    let are_named = elements.iter().all(|element| element.ns() != ns::PRIVATE);
    // XEP-0049 section 2.3: an element in a namespace of its own has to be there.
    if elements.is_empty() || elements.len() > ELEMENTS_MAX || !are_named {
        let error = StanzaError::new(Condition::NotAcceptable).with_type(ErrorType::Modify);
        return Err(error.into());
    }
    Ok(elements)
}

/// The row that keeps an element.
pub(crate) fn name_of(element: Node<'_>) -> RowName {
    RowName::Private {
        name: format!("{{{}}}{}", element.ns(), element.name()).into(),
    }
}

/// XEP-0054 section 3: of oneself or of anybody.
pub(super) fn vcard(view: &View<'_>, request: &Request, target: &Target) -> Result<Proposal, Stop> {
    let (jid, missing) = match target {
        Target::Own { account } => (account, Condition::ItemNotFound),
        // Nobody there and nothing stored look alike.
        Target::Other { account } => (account, Condition::ServiceUnavailable),
        Target::Server => return Err(StanzaError::new(Condition::ServiceUnavailable).into()),
    };
    let account = view.account(jid)?;
    match account.bytes(&RowName::VCard).filter(|_| account.exists()) {
        Some(bytes) => Ok(Proposal::answer(
            request.stanza.result(&request.from, bytes.to_vec()),
        )),
        None => Err(StanzaError::new(missing).into()),
    }
}

pub(super) fn set_vcard(
    view: &View<'_>,
    request: &Request,
    vcard: Node<'_>,
) -> Result<Proposal, Stop> {
    let is_empty = vcard.children().next().is_none();
    let bytes = (!is_empty).then(|| vcard.outer().into_owned());
    store(view, request, vec![(RowName::VCard, bytes)])
}

fn store(
    view: &View<'_>,
    request: &Request,
    rows: Vec<(RowName, Option<Vec<u8>>)>,
) -> Result<Proposal, Stop> {
    let jid = request.from.bare();
    let account = view.account(&jid)?;
    let replaced = |name: &RowName| rows.iter().any(|(row, _)| row == name);
    let kept = stored_bytes(account, |name| !replaced(name));
    let fresh: usize = rows
        .iter()
        .filter_map(|(_, bytes)| bytes.as_ref())
        .map(Vec::len)
        .sum();
    if kept.saturating_add(fresh) > view.settings.limits.private_bytes_max {
        let error = StanzaError::new(Condition::ResourceConstraint)
            .with_text("the account's private data has reached its limit");
        return Err(error.into());
    }
    let record = RecordKey::Account { jid };
    let guard = view.guard(record.clone(), RowName::Account);
    let mut proposal = Proposal::nothing().guarded(guard);
    for (name, bytes) in rows {
        let row = bytes.map(|bytes| Row::Bytes {
            bytes: Arc::from(bytes),
        });
        proposal = proposal.row(record.clone(), name, row);
    }
    Ok(proposal.and_answer(request.stanza.result(&request.from, Vec::new())))
}

/// What the account has stored under these names, in bytes.
fn stored_bytes(account: &Account, is_counted: impl Fn(&RowName) -> bool) -> usize {
    let cells = account.rows.iter().filter(|(name, _)| is_counted(name));
    cells
        .map(|(_, cell)| match &cell.row {
            Some(Row::Bytes { bytes }) => bytes.len(),
            _ => 0,
        })
        .sum()
}
