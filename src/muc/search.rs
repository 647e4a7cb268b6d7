//! Looking for rooms by the words in their names, descriptions and addresses (XEP-0433).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::room_limits::SEARCH_BYTES_MAX;
use crate::base::room_limits::SEARCH_WORDS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::ChannelSearch;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::view::View;
use crate::model::room::RoomConfig;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::IqType;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::rsm::PageRequest;
use crate::stanza::rsm::PageResult;
use crate::xml::Node;
use crate::xml::Writer;

/// Orders of the answer (section 6.1).
const BY_OCCUPANTS: &str = "{urn:xmpp:channel-search:0:order}nusers";
const BY_ADDRESS: &str = "{urn:xmpp:channel-search:0:order}address";

/// What kind of rooms there are to be found here (section 6.2).
const SERVICE: &str = "xep-0045";

/// A request for the form, or the form filled in.
pub(super) fn evaluate(
    view: &View<'_>,
    request: &Request,
    search: Node<'_>,
) -> Result<Proposal, Stop> {
    let Some(form) = Form::parse_in(search)? else {
        return Ok(Proposal::answer(
            request.stanza.result(&request.from, form()),
        ));
    };
    if form.form_type() != Some(ns::CHANNEL_SEARCH_PARAMS) {
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    let mut wanted = parse(&form)?;
    wanted.page = PageRequest::parse(search)?.unwrap_or_default();
    let host = view.settings.rooms_host.as_deref().unwrap_or_default();
    let host = BareJid::parse(host).map_err(|_| StanzaError::new(Condition::ItemNotFound))?;
    Ok(Proposal::ask(Query {
        iq: request.stanza.id.clone().unwrap_or_default(),
        from: host.to_jid(),
        question: Question::Channels { search: wanted },
    }))
}

fn form() -> Vec<u8> {
    let switch = |name: &str, label: &str, is: bool| Field::boolean(name, is).with_label(label);
    let form = Form::with_type(FormKind::Form, ns::CHANNEL_SEARCH_PARAMS)
        .with(Field::new("q", FieldKind::TextSingle).with_label("Search for"))
        .with(Field::new("all", FieldKind::Boolean).with_label("All rooms, whatever the words"))
        .with(switch("sinname", "Search in names", true))
        .with(switch("sindescription", "Search in descriptions", true))
        .with(switch("sinaddress", "Search in addresses", true))
        .with(
            Field::new("types", FieldKind::ListMulti)
                .with_label("Kinds of rooms")
                .with_value(SERVICE)
                .with_option("XEP-0045 rooms", SERVICE),
        )
        .with(
            Field::new("key", FieldKind::ListSingle)
                .with_label("Order")
                .with_value(BY_OCCUPANTS)
                .with_option("Number of occupants", BY_OCCUPANTS)
                .with_option("Address", BY_ADDRESS),
        );
    let mut writer = Writer::new();
    writer.start_ns("search", ns::CHANNEL_SEARCH);
    form.write(&mut writer);
    writer.finish()
}

/// Sections 4.2.2.2 to 4.2.2.7: what cannot be looked for.
fn parse(form: &Form) -> Result<ChannelSearch, StanzaError> {
    let refuse = |condition, kind, why| {
        Err(StanzaError::new(condition)
            .with_type(kind)
            .with_detail(why, ns::CHANNEL_SEARCH_ERROR))
    };
    let text = form.value("q").filter(|text| !text.is_empty());
    let is_all = form.boolean("all")?.unwrap_or(false);
    let words: Vec<Box<str>> = text
        .unwrap_or_default()
        .split_whitespace()
        .map(|word| word.to_lowercase().into())
        .collect();
    match (text, is_all) {
        (Some(_), true) => {
            return refuse(
                Condition::BadRequest,
                ErrorType::Modify,
                "conflicting-fields",
            );
        }
        (None, false) => {
            let why = "no-search-conditions";
            return refuse(Condition::BadRequest, ErrorType::Cancel, why);
        }
        (Some(text), false)
            if words.is_empty()
                || words.len() > SEARCH_WORDS_MAX
                || text.len() > SEARCH_BYTES_MAX =>
        {
            let why = "invalid-search-terms";
            return refuse(Condition::BadRequest, ErrorType::Modify, why);
        }
        _ => {}
    }
    let by_occupants = match form.value("key") {
        None | Some(BY_OCCUPANTS) => true,
        Some(BY_ADDRESS) => false,
        Some(_) => {
            let why = "invalid-sort-key";
            return refuse(Condition::FeatureNotImplemented, ErrorType::Modify, why);
        }
    };
    let is_other =
        form.field("types").is_some() && form.values("types").all(|kind| kind != SERVICE);
    let switch = |name: &str| form.boolean(name).map(|is| is.unwrap_or(true));
    Ok(ChannelSearch {
        is_for_rooms: !is_other,
        words,
        in_name: switch("sinname")?,
        in_description: switch("sindescription")?,
        in_address: switch("sinaddress")?,
        by_occupants,
        page: PageRequest::default(),
    })
}

/// A room that was found.
struct Channel {
    jid: BareJid,
    config: Arc<RoomConfig>,
    occupants: usize,
}

/// The rooms of the tables and those in memory, which know better, in the order that was asked for.
pub(crate) fn answer(
    view: &View<'_>,
    query: &Query,
    (search, found): (&ChannelSearch, Found),
) -> Vec<Item> {
    let Found::Channels { rooms } = found else {
        return Vec::new();
    };
    let mut all: BTreeMap<BareJid, Channel> = BTreeMap::new();
    for (jid, config) in rooms {
        let occupants = 0;
        all.insert(
            jid.clone(),
            Channel {
                jid,
                config,
                occupants,
            },
        );
    }
    for (jid, room) in view.resident_rooms() {
        let is_open = room.living().is_some_and(|row| !row.locked);
        let config = room.config().filter(|config| is_open && config.public);
        match config.filter(|config| search.matches(jid, config)) {
            Some(config) => {
                let channel = Channel {
                    jid: jid.clone(),
                    config: Arc::clone(config),
                    occupants: room.occupants.len(),
                };
                all.insert(jid.clone(), channel);
            }
            None => {
                all.remove(jid);
            }
        }
    }
    let mut all: Vec<Channel> = all.into_values().collect();
    if search.by_occupants {
        // Equals stay in the order of their addresses.
        all.sort_by_key(|channel| std::cmp::Reverse(channel.occupants));
    }
    let (kind, payload) = if let Some(page) = page(&all, &search.page) {
        (IqType::Result, result(page, all.len()))
    } else {
        // XEP-0059 section 2.1: the page begins at what is not there.
        let error = StanzaError::new(Condition::ItemNotFound);
        (IqType::Error, error.to_payload())
    };
    vec![Item::Stanza {
        stanza: Arc::new(query.answer(kind, payload)),
    }]
}

/// The part of the list that is asked for; `None`: it begins at something that is not in the list.
fn page<'a>(all: &'a [Channel], wanted: &PageRequest) -> Option<&'a [Channel]> {
    let place = |name: &str| all.iter().position(|channel| channel.jid.as_str() == name);
    let named = |name: &Option<Box<str>>| name.clone().filter(|name| !name.is_empty());
    let from = match named(&wanted.after) {
        Some(after) => place(&after)?.saturating_add(1),
        None => 0,
    };
    let upto = match named(&wanted.before) {
        Some(before) => place(&before)?,
        None => all.len(),
    };
    let part = all.get(from..upto).unwrap_or_default();
    let count = wanted.items_max().min(part.len());
    if wanted.is_backwards() {
        part.get(part.len().saturating_sub(count)..)
    } else {
        part.get(..count)
    }
}

fn result(page: &[Channel], total: usize) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start_ns("result", ns::CHANNEL_SEARCH);
    for channel in page {
        write_channel(channel, &mut writer);
    }
    let ends = page.first().zip(page.last());
    PageResult {
        ends: ends.map(|(first, last)| (first.jid.as_str(), last.jid.as_str())),
        first_index: None,
        count: Some(total),
    }
    .write(&mut writer);
    writer.finish()
}

/// Section 6.2.
fn write_channel(channel: &Channel, writer: &mut Writer) {
    let config = &channel.config;
    writer.start("item").attr("address", channel.jid.as_str());
    let name = if config.name.is_empty() {
        channel.jid.local().unwrap_or_default()
    } else {
        &config.name
    };
    writer.leaf("name", name);
    for (element, text) in [
        ("description", &config.description),
        ("language", &config.lang),
    ] {
        if !text.is_empty() {
            writer.leaf(element, text);
        }
    }
    writer.leaf("nusers", &channel.occupants.to_string());
    writer.leaf("service-type", SERVICE);
    let is_open = !config.members_only && config.password.is_none();
    writer.leaf("is-open", if is_open { "true" } else { "false" });
    let mode = if config.open_addresses {
        "{urn:xmpp:channel-search:0:anonymity}none"
    } else {
        "muc_semianonymous"
    };
    writer.leaf("anonymity-mode", mode);
    writer.end();
}
