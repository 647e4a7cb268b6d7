//! Reports of spam and abuse (XEP-0377): filed with a block, kept for the administrators.
//!
//! Administrators who are there are told at once, the others when they log in. They read and clear reports by
//! ad-hoc commands (`meerkat:reports#list`, `#clear`), and `meerkat status` counts them. A report stays here:
//! `report-origin` and `third-party` ask for what section 5 leaves to servers, and this one tells nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::account::adhoc::Finish;
use crate::account::notice::message;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::report_limits::REPORT_MESSAGES_MAX;
use crate::base::report_limits::REPORT_NAME_BYTES_MAX;
use crate::base::report_limits::REPORT_TEXT_BYTES_MAX;
use crate::base::report_limits::REPORTS_MAX;
use crate::base::report_limits::REPORTS_PER_USER_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::sends::Sends;
use crate::effect::view::View;
use crate::model::abuse::AbuseReport;
use crate::model::abuse::Named;
use crate::model::abuse::reports;
use crate::model::op::Durable;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

/// The field of those that are to be cleared.
const FIELD: &str = "reports";

/// What the items of a block say beside their addresses (section 6).
pub(super) fn parse(
    view: &View<'_>,
    by: &BareJid,
    block: Node<'_>,
) -> Result<Vec<AbuseReport>, StanzaError> {
    let mut found = Vec::new();
    for item in block.children() {
        let Some(report) = item.child("report", ns::REPORTING) else {
            continue;
        };
        let about = item.attr("jid").unwrap_or_default();
        let about = Jid::parse(&about).map_err(|_| StanzaError::new(Condition::JidMalformed))?;
        // Section 4: there has to be one; which one is for people to judge.
        let reason = report.attr("reason").filter(|reason| !reason.is_empty());
        let reason = reason.ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        found.push(AbuseReport {
            by: by.clone(),
            about,
            at: view.now(),
            reason: short(reason.as_ref())?,
            text: text(report),
            messages: messages(report)?,
        });
    }
    if found.len() > REPORTS_PER_USER_MAX {
        let why = format!("at most {REPORTS_PER_USER_MAX} reports at a time");
        return Err(StanzaError::new(Condition::NotAcceptable).with_text(why));
    }
    Ok(found)
}

/// The texts in all languages, as far as they fit.
fn text(report: Node<'_>) -> Box<str> {
    let texts = report.children();
    let texts = texts.filter(|child| child.is("text", ns::REPORTING));
    let texts: Vec<String> = texts.map(|text| text.text().trim().to_owned()).collect();
    let text = texts.join("\n");
    let end = text.floor_char_boundary(REPORT_TEXT_BYTES_MAX);
    text.split_at(end).0.into()
}

fn messages(report: Node<'_>) -> Result<Vec<Named>, StanzaError> {
    let ids = report.children();
    let ids = ids.filter(|child| child.is("stanza-id", ns::SID));
    ids.take(REPORT_MESSAGES_MAX)
        .map(|id| {
            let value = |name| id.attr(name).unwrap_or_default();
            Ok((short(&value("by"))?, short(&value("id"))?))
        })
        .collect()
}

fn short(value: &str) -> Result<Box<str>, StanzaError> {
    if value.len() > REPORT_NAME_BYTES_MAX {
        let why = format!("a reason or id of more than {REPORT_NAME_BYTES_MAX} bytes");
        return Err(StanzaError::new(Condition::NotAcceptable).with_text(why));
    }
    Ok(value.into())
}

/// Keeps reports, and forgets the oldest where there are too many.
pub(super) fn file(
    view: &View<'_>,
    mut proposal: Proposal,
    new: Vec<AbuseReport>,
) -> Result<Proposal, Stop> {
    let Some(by) = new.first().map(|report| report.by.clone()) else {
        return Ok(proposal);
    };
    let rows = view.node()?;
    let names: Vec<RowName> = new.iter().map(AbuseReport::name).collect();
    let mut kept: Vec<&AbuseReport> = reports(rows)
        .filter(|report| !names.contains(&report.name()))
        .collect();
    kept.sort_by_key(|report| report.at);
    let own = kept.iter().filter(|report| report.by == by).count();
    let mut own_surplus = surplus(own, new.len(), REPORTS_PER_USER_MAX);
    let mut gone: Vec<RowName> = Vec::new();
    kept.retain(|report| {
        let is_surplus = report.by == by && own_surplus > 0;
        if is_surplus {
            own_surplus -= 1;
            gone.push(report.name());
        }
        !is_surplus
    });
    let surplus = surplus(kept.len(), new.len(), REPORTS_MAX);
    gone.extend(kept.iter().take(surplus).map(|report| report.name()));
    let is_ours = |name: &RowName| matches!(name, RowName::AbuseReport { .. });
    let forgotten = rows.too_old(is_ours);
    if !forgotten.is_empty() {
        proposal = proposal.durable(Durable::Forget {
            record: RecordKey::Node,
            names: forgotten,
        });
    }
    for name in gone {
        proposal = proposal.row(RecordKey::Node, name, None);
    }
    Ok(new.into_iter().fold(proposal, |proposal, report| {
        let name = report.name();
        let report = Arc::new(report);
        proposal.row(RecordKey::Node, name, Some(Row::AbuseReport { report }))
    }))
}

fn surplus(kept: usize, new: usize, most: usize) -> usize {
    kept.saturating_add(new).saturating_sub(most)
}

/// Administrators who are there hear of it.
pub(super) fn deliver(view: &View<'_>, report: &AbuseReport, sends: &mut Sends) {
    let text = format!(
        "{} reports {} for {}: {}",
        report.by,
        report.about,
        reason_word(report),
        report.text
    );
    let Some(stanza) = message(view, "Report of abuse", &text).map(Arc::new) else {
        return;
    };
    let admins = view.resident_accounts();
    let admins = admins.filter(|(jid, _)| view.is_admin(jid));
    for (online, _) in admins.flat_map(|(_, account)| account.available()) {
        sends.stanza(online.session, &stanza);
    }
}

/// For people: the last word of a reason that XEP-0377 names.
fn reason_word(report: &AbuseReport) -> &str {
    let reason = &*report.reason;
    reason.strip_prefix("urn:xmpp:reporting:").unwrap_or(reason)
}

/// What an administrator is told who logs in.
pub(super) fn reminder(view: &View<'_>) -> Result<Option<Outgoing>, Stop> {
    let count = reports(view.node()?).count();
    if count == 0 {
        return Ok(None);
    }
    let text = format!("{count} kept; the commands of this server show and clear them");
    Ok(message(view, "Reports of abuse", &text))
}

/// The command that shows them, the newest first.
pub(super) fn list(view: &View<'_>) -> Result<Finish, Stop> {
    let mut all: Vec<&AbuseReport> = reports(view.node()?).collect();
    if all.is_empty() {
        return Ok(Finish::failed("there is none"));
    }
    all.sort_by_key(|report| std::cmp::Reverse(report.at));
    let mut writer = Writer::new();
    writer.start("reported");
    for (var, label) in [
        ("at", "When"),
        ("by", "Who reports"),
        ("about", "Whom"),
        ("reason", "Why"),
        ("text", "What they say"),
        ("messages", "Stanza ids, each with its archive"),
    ] {
        writer
            .start("field")
            .attr("var", var)
            .attr("label", label)
            .end();
    }
    writer.end();
    for report in all {
        let ids = report.messages.iter();
        let ids: Vec<String> = ids.map(|(by, id)| format!("{id} {by}")).collect();
        writer.start("item");
        for (var, value) in [
            ("at", report.at.to_xep0082().as_str()),
            ("by", report.by.as_str()),
            ("about", report.about.as_str()),
            ("reason", reason_word(report)),
            ("text", &report.text),
            ("messages", &ids.join("\n")),
        ] {
            writer.start("field").attr("var", var);
            writer.leaf("value", value).end();
        }
        writer.end();
    }
    Ok(Finish::result(
        &Form::new(FormKind::Result),
        &writer.finish(),
    ))
}

pub(super) fn form(form: Form) -> Form {
    let field = Field::new(FIELD, FieldKind::ListMulti).with_label("Those that are done with");
    form.with(field.required())
}

/// With the reports that there are; each is named with its time, so that nothing goes that nobody has seen.
pub(super) fn filled(view: &View<'_>, mut form: Form) -> Result<Form, Stop> {
    let options = options(view)?;
    if let Some(field) = form.fields.iter_mut().find(|field| *field.var == *FIELD) {
        field.options = options
            .iter()
            .map(|(value, report)| {
                let why = reason_word(report);
                let label = format!("{} about {}: {why}", report.by, report.about);
                (label.into(), value.as_str().into())
            })
            .collect();
    }
    Ok(form)
}

fn options<'a>(view: &View<'a>) -> Result<BTreeMap<String, &'a AbuseReport>, Stop> {
    let all = reports(view.node()?);
    let value =
        |report: &AbuseReport| format!("{:x} {} {}", report.at.unix_ms(), report.by, report.about);
    Ok(all.map(|report| (value(report), report)).collect())
}

pub(super) fn clear(view: &View<'_>, form: &Form) -> Result<Finish, Stop> {
    let options = options(view)?;
    let chosen = form.values(FIELD).filter_map(|value| options.get(value));
    let names: Vec<RowName> = chosen.map(|report| report.name()).collect();
    if names.is_empty() {
        return Ok(Finish::failed("choose reports that there are"));
    }
    let none = Proposal::nothing();
    Ok(Finish::with(names.into_iter().fold(none, |gone, name| {
        gone.row(RecordKey::Node, name, None)
    })))
}
