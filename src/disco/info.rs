//! disco#info and disco#items of the server and of accounts (XEP-0030), and the server's
//! capabilities (XEP-0115).

use base64ct::Base64;
use base64ct::Encoding as _;
use ring::digest;

use crate::base::jid::BareJid;
use crate::disco::features;
use crate::disco::features::On;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::settings::Settings;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Inward;
use crate::model::pubsub;
use crate::model::pubsub::Access;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// The node of the server's capabilities (XEP-0115 section 4).
pub(crate) const CAPS_NODE: &str = "urn:x-meerkat:server";

/// XEP-0157: the form's type.
const SERVER_INFO: &str = ns::SERVER_INFO;

pub(super) fn info(
    view: &View<'_>,
    request: &Request,
    target: &Target,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let node = query.attr("node");
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_INFO)
        .attr_opt("node", node.as_deref());
    match target {
        Target::Server => {
            let version = version(view.settings);
            let is_caps = |node: &str| {
                node.strip_prefix(CAPS_NODE)
                    .and_then(|rest| rest.strip_prefix('#'))
                    == Some(version.as_str())
            };
            if node.as_deref().is_some_and(|node| !is_caps(node)) {
                return Err(StanzaError::new(Condition::ItemNotFound).into());
            }
            write_server(view.settings, &mut writer);
        }
        Target::Own { account } => {
            view.account(account)?;
            write_account(view.settings, node.as_deref(), &mut writer)?;
        }
        Target::Other { account } => {
            if !is_trusted(view.account(account)?, &request.from.bare()) {
                // XEP-0030 section 8: the same answer as for nobody.
                return Err(StanzaError::new(Condition::ServiceUnavailable).into());
            }
            write_account(view.settings, node.as_deref(), &mut writer)?;
        }
    }
    writer.end();
    Ok(Proposal::answer(
        request.stanza.result(&request.from, writer.finish()),
    ))
}

/// Whether `asker` may see the account's presence, and so that it is there.
pub(crate) fn is_trusted(account: &Account, asker: &BareJid) -> bool {
    account.exists()
        && account
            .contact(asker)
            .is_some_and(|contact| contact.inward == Inward::From)
}

fn write_account(settings: &Settings, node: Option<&str>, writer: &mut Writer) -> Result<(), Stop> {
    if node.is_some() {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    }
    writer
        .start("identity")
        .attr("category", "account")
        .attr("type", "registered")
        .end();
    // XEP-0163 section 6.1.
    writer
        .start("identity")
        .attr("category", "pubsub")
        .attr("type", "pep")
        .end();
    write_features(On::Account, settings, writer);
    Ok(())
}

fn write_server(settings: &Settings, writer: &mut Writer) {
    writer
        .start("identity")
        .attr("category", "server")
        .attr("type", "im")
        .attr("name", "meerkat")
        .end();
    write_features(On::Server, settings, writer);
    if let Some(form) = contact_form(settings) {
        form.write(writer);
    }
}

fn write_features(on: On, settings: &Settings, writer: &mut Writer) {
    for feature in features::of(on, settings) {
        writer.start("feature").attr("var", feature).end();
    }
}

/// XEP-0157: whom to write to about the server.
fn contact_form(settings: &Settings) -> Option<Form> {
    let filled = settings
        .contacts
        .iter()
        .filter(|(_, uris)| !uris.is_empty());
    let fields: Vec<Field> = filled
        .map(|(field, uris)| {
            Field::new(field, FieldKind::ListMulti).with_values(uris.iter().cloned())
        })
        .collect();
    if fields.is_empty() {
        return None;
    }
    let form = Form::with_type(FormKind::Result, SERVER_INFO);
    Some(fields.into_iter().fold(form, Form::with))
}

/// The verification string of what the server announces (XEP-0115 section 5.1).
pub(crate) fn version(settings: &Settings) -> String {
    let mut text = String::from("server/im//meerkat<");
    for feature in features::of(On::Server, settings) {
        text.push_str(feature);
        text.push('<');
    }
    if contact_form(settings).is_some() {
        text.push_str(SERVER_INFO);
        text.push('<');
        // A map: the fields are in order already.
        for (field, uris) in settings
            .contacts
            .iter()
            .filter(|(_, uris)| !uris.is_empty())
        {
            text.push_str(field);
            text.push('<');
            let mut uris: Vec<&str> = uris.iter().map(AsRef::as_ref).collect();
            uris.sort_unstable();
            for uri in uris {
                text.push_str(uri);
                text.push('<');
            }
        }
    }
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    Base64::encode_string(hash.as_ref())
}

/// The server's `<c/>`, for the stream features (XEP-0115 section 6.3).
pub(crate) fn caps(settings: &Settings) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .start_ns("c", ns::CAPS)
        .attr("hash", "sha-1")
        .attr("node", CAPS_NODE)
        .attr("ver", &version(settings))
        .end();
    writer.finish()
}

pub(super) fn items(
    view: &View<'_>,
    request: &Request,
    target: &Target,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let node = query.attr("node");
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_ITEMS)
        .attr_opt("node", node.as_deref());
    match target {
        Target::Server if node.is_some() => {
            return Err(StanzaError::new(Condition::ItemNotFound).into());
        }
        Target::Server => {
            if let Some(rooms) = &view.settings.rooms_host {
                writer
                    .start("item")
                    .attr("jid", rooms)
                    .attr("name", "Chat rooms")
                    .end();
            }
            if let Some(nodes) = &view.settings.pubsub_host {
                writer
                    .start("item")
                    .attr("jid", nodes)
                    .attr("name", "Publish-subscribe")
                    .end();
            }
            if let Some(upload) = &view.settings.upload {
                writer
                    .start("item")
                    .attr("jid", &upload.host)
                    .attr("name", "Files")
                    .end();
            }
        }
        Target::Own { account } | Target::Other { account } => {
            let record = view.account(account)?;
            let is_own = matches!(target, Target::Own { .. });
            // XEP-0030 section 8: whoever may not see presence sees an empty list.
            if node.is_none() && (is_own || is_trusted(record, &request.from.bare())) {
                for (online, _) in record.available() {
                    writer.start("item").attr("jid", online.jid.as_str()).end();
                }
                // XEP-0060 section 5.2: what everybody may see who sees presence.
                let shown = pubsub::nodes(&record.rows).filter(|(_, row)| {
                    is_own || matches!(row.config.access, Access::Open | Access::Presence)
                });
                for (name, _) in shown {
                    let item = writer.start("item").attr("jid", account.as_str());
                    item.attr("node", name).end();
                }
            }
        }
    }
    writer.end();
    Ok(Proposal::answer(
        request.stanza.result(&request.from, writer.finish()),
    ))
}
