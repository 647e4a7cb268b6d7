//! What there is to know of the service, of a node and of its items (XEP-0060 section 5).

use std::collections::BTreeSet;

use crate::disco::features;
use crate::disco::features::On;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::pubsub::Access;
use crate::pubsub::config;
use crate::pubsub::host::Place;
use crate::pubsub::pending::GET_PENDING;
use crate::pubsub::visit::Visit;
use crate::stanza::form::Field;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Writer;

pub(super) fn info(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let node = visit.query.attr("node").filter(|node| !node.is_empty());
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_INFO)
        .attr_opt("node", node.as_deref());
    match &node {
        None => {
            write_identity(&mut writer, "service", Some("Publish-subscribe"));
            let settings = visit.host.view.settings;
            let plain = [ns::COMMANDS, ns::DISCO_INFO, ns::DISCO_ITEMS].into_iter();
            for feature in plain.chain(features::of(On::Nodes, settings)) {
                writer.start("feature").attr("var", feature).end();
            }
        }
        Some(node) => {
            let place = visit.host.place(node)?;
            check_shown(visit, &place)?;
            write_identity(&mut writer, "leaf", None);
            writer.start("feature").attr("var", ns::PUBSUB).end();
            metadata(&place).write(&mut writer);
        }
    }
    writer.end();
    let payload = writer.finish();
    let stanza = &visit.request.stanza;
    Ok(Proposal::answer(
        stanza.result(&visit.request.from, payload),
    ))
}

/// Who may not even subscribe does not learn that there is a node.
fn check_shown(visit: &Visit<'_>, place: &Place<'_>) -> Result<(), Stop> {
    if place.row.config.access == Access::Authorize {
        return Ok(());
    }
    Ok(place.check_access(&visit.user)?)
}

fn write_identity(writer: &mut Writer, kind: &str, name: Option<&str>) {
    writer
        .start("identity")
        .attr("category", "pubsub")
        .attr("type", kind)
        .attr_opt("name", name)
        .end();
}

/// Section 5.4.
fn metadata(place: &Place<'_>) -> Form {
    let config = &place.row.config;
    let subscribers = place.subscriptions().filter(|one| !one.row.is_pending);
    let subscribers: BTreeSet<_> = subscribers.map(|one| one.jid).collect();
    let fields = [
        ("pubsub#title", config.title.to_string()),
        ("pubsub#description", config.description.to_string()),
        ("pubsub#type", config.payload.to_string()),
        ("pubsub#creator", place.row.creator.to_string()),
        ("pubsub#creation_date", place.row.created.to_xep0082()),
        (
            "pubsub#access_model",
            config::access_name(config.access).to_owned(),
        ),
        (
            "pubsub#publish_model",
            config::publishers_name(config.publishers).to_owned(),
        ),
        ("pubsub#max_items", config::max_of(config)),
        ("pubsub#num_subscribers", subscribers.len().to_string()),
    ];
    let form = Form::with_type(FormKind::Result, ns::NODE_META);
    let told = fields.iter().filter(|(_, value)| !value.is_empty());
    told.fold(form, |form, (var, value)| {
        form.with(Field::answer(var, value))
    })
}

/// Nodes of the service (section 5.2), or items of a node (section 5.5).
pub(super) fn items(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let node = visit.query.attr("node").filter(|node| !node.is_empty());
    let jid = visit.host.jid.as_str();
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_ITEMS)
        .attr_opt("node", node.as_deref());
    match &node {
        None => {
            // Who is let into a closed node knows its name.
            let shown = visit.host.nodes();
            let is_own = visit.host.is_own(&visit.user);
            let shown = shown.filter(|(_, row)| is_own || row.config.access != Access::Whitelist);
            for (name, row) in shown {
                let title = Some(&*row.config.title).filter(|title| !title.is_empty());
                writer
                    .start("item")
                    .attr("jid", jid)
                    .attr("node", name)
                    .attr_opt("name", title)
                    .end();
            }
        }
        Some(node) if **node == *ns::COMMANDS => {
            writer
                .start("item")
                .attr("jid", jid)
                .attr("node", GET_PENDING)
                .attr("name", "Get requests for subscriptions")
                .end();
        }
        Some(node) => {
            let place = visit.host.place(node)?;
            place.check_access(&visit.user)?;
            for (id, _) in place.items() {
                writer.start("item").attr("jid", jid).attr("name", id).end();
            }
        }
    }
    writer.end();
    let payload = writer.finish();
    let stanza = &visit.request.stanza;
    Ok(Proposal::answer(
        stanza.result(&visit.request.from, payload),
    ))
}
