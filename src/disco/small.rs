//! Small questions: ping (XEP-0199), version (XEP-0092), time (XEP-0202), last activity (XEP-0012).

use crate::disco::info::is_trusted;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Writer;

pub(super) fn ping(request: &Request) -> Proposal {
    Proposal::answer(request.stanza.result(&request.from, Vec::new()))
}

pub(super) fn version(request: &Request) -> Proposal {
    let mut writer = Writer::new();
    writer.start_ns("query", ns::VERSION);
    writer
        .leaf("name", "meerkat")
        .leaf("version", env!("CARGO_PKG_VERSION"))
        .end();
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}

pub(super) fn time(view: &View<'_>, request: &Request) -> Proposal {
    let mut writer = Writer::new();
    writer.start_ns("time", ns::TIME);
    writer
        .leaf("tzo", "+00:00")
        .leaf("utc", &view.now().to_xep0082())
        .end();
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}

/// Of the server: how long it has been up. Of a user: how long ago the last session ended.
pub(super) fn last(view: &View<'_>, request: &Request, target: &Target) -> Result<Proposal, Stop> {
    let (seconds, status) = match target {
        Target::Server => (view.now().since_ms(view.settings.started) / 1_000, None),
        Target::Own { account } => last_of(view, view.account(account)?)?,
        Target::Other { account } => {
            let record = view.account(account)?;
            if !is_trusted(record, &request.from.bare()) {
                // XEP-0012 section 4: only who may see the presence may see this.
                let condition = if record.exists() {
                    Condition::Forbidden
                } else {
                    Condition::ServiceUnavailable
                };
                return Err(StanzaError::new(condition).into());
            }
            last_of(view, record)?
        }
    };
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::LAST)
        .attr("seconds", &seconds.to_string());
    if let Some(status) = status {
        writer.text(&status);
    }
    writer.end();
    Ok(Proposal::answer(
        request.stanza.result(&request.from, writer.finish()),
    ))
}

fn last_of(view: &View<'_>, account: &Account) -> Result<(u64, Option<Box<str>>), Stop> {
    if account.available().next().is_some() {
        return Ok((0, None));
    }
    match account.rows.row(&RowName::LastSeen) {
        Some(Row::LastSeen { seen }) => {
            Ok((view.now().since_ms(seen.at) / 1_000, seen.status.clone()))
        }
        _ => Err(StanzaError::new(Condition::ServiceUnavailable).into()),
    }
}
