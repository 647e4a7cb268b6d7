//! What a user wants archived (XEP-0441).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::account::ArchiveDefault;
use crate::model::account::Preferences;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Addresses in both lists together; more are refused with `resource-constraint`.
pub(crate) const ADDRESSES_MAX: usize = 512;

pub(super) fn read(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let account = view.account(&request.from.bare())?;
    let preferences = account.preferences().cloned().unwrap_or_default();
    Ok(Proposal::answer(
        request.stanza.result(&request.from, write(&preferences)),
    ))
}

pub(super) fn store(view: &View<'_>, request: &Request, prefs: Node<'_>) -> Result<Proposal, Stop> {
    let default = prefs.attr("default");
    // Section 2: the attribute has to be there.
    let default = default
        .and_then(|default| ArchiveDefault::parse(&default))
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let (always, never) = (list(prefs, "always")?, list(prefs, "never")?);
    if always.len().saturating_add(never.len()) > ADDRESSES_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    let preferences = Preferences {
        default,
        always,
        never,
    };
    let answer = request.stanza.result(&request.from, write(&preferences));
    let record = RecordKey::Account {
        jid: request.from.bare(),
    };
    let row = Row::Preferences {
        preferences: Arc::new(preferences),
    };
    Ok(Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Account))
        .row(record, RowName::Preferences, Some(row))
        .and_answer(answer))
}

fn list(prefs: Node<'_>, name: &str) -> Result<BTreeSet<Jid>, StanzaError> {
    let Some(list) = prefs.child(name, ns::MAM) else {
        return Ok(BTreeSet::new());
    };
    let jids = list.children().filter(|child| child.is("jid", ns::MAM));
    jids.map(|jid| Jid::parse(jid.text().trim()))
        .collect::<Result<_, _>>()
        .map_err(|_| StanzaError::new(Condition::JidMalformed))
}

/// `<prefs/>`, as clients are told it and as it stands in exported files.
pub(crate) fn write(preferences: &Preferences) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .start_ns("prefs", ns::MAM)
        .attr("default", preferences.default.name());
    for (name, list) in [
        ("always", &preferences.always),
        ("never", &preferences.never),
    ] {
        writer.start(name);
        for jid in list {
            writer.leaf("jid", jid.as_str());
        }
        writer.end();
    }
    writer.end();
    writer.finish()
}
