//! What there is to know about the rooms' host and about a room (XEP-0045 section 6).

use std::collections::BTreeSet;

use crate::archive;
use crate::archive::query::Archive;
use crate::base::jid::BareJid;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::view::View;
use crate::model::message::Owner;
use crate::model::room::Affiliation;
use crate::model::room::Room;
use crate::model::room::RoomConfig;
use crate::muc::hat;
use crate::muc::hat_command;
use crate::muc::search;
use crate::muc::setting;
use crate::muc::setting::Setting;
use crate::muc::subject;
use crate::muc::user::role_bit;
use crate::muc::user::sees_addresses;
use crate::muc::vcard;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
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

/// The node that asks for one's registered nickname (section 6.7).
const NICK_NODE: &str = "x-roomuser-item";

/// The node that asks what of stanzas a room does not pass on (section 18.1.1).
const TRAFFIC_NODE: &str = "http://jabber.org/protocol/muc#traffic";

/// A message keeps the id that its sender gave it (section 6.4).
///
/// COMPAT(Smack 4.5): where the host has it, too (section 7.4), leaving has to keep its id as well.
const STABLE_ID: &str = "http://jabber.org/protocol/muc#stable_id";

/// A question to the host of the rooms.
pub(super) fn evaluate_host(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let Some(query) = request.stanza.query() else {
        return Err(Stop::Ignore);
    };
    let is_get = request.stanza.kind == Kind::Iq(IqType::Get);
    match (query.name(), query.ns()) {
        ("query", ns::DISCO_INFO) if is_get => {
            no_node(query)?;
            let mut writer = Writer::new();
            writer.start_ns("query", ns::DISCO_INFO);
            identity(&mut writer, "Rooms");
            for feature in [
                ns::CHANNEL_SEARCH,
                ns::DISCO_INFO,
                ns::DISCO_ITEMS,
                ns::MUC,
                ns::MUC_SELF_PING,
                ns::OCCUPANT_ID,
                ns::PING,
                ns::VCARD,
            ] {
                writer.start("feature").attr("var", feature).end();
            }
            Ok(result(request, writer))
        }
        ("query", ns::DISCO_ITEMS) if is_get => rooms(view, request, query),
        ("search", ns::CHANNEL_SEARCH) if is_get => search::evaluate(view, request, query),
        ("ping", ns::PING) if is_get => Ok(Proposal::answer(
            request.stanza.result(&request.from, Vec::new()),
        )),
        _ => Err(StanzaError::new(Condition::ServiceUnavailable).into()),
    }
}

/// Section 6.3: the rooms that are not hidden, a page at a time.
fn rooms(view: &View<'_>, request: &Request, query: Node<'_>) -> Result<Proposal, Stop> {
    no_node(query)?;
    let page = PageRequest::parse(query)?;
    let after = page.as_ref().and_then(|page| page.after.as_deref());
    let after = match after {
        Some(after) => {
            Some(BareJid::parse(after).map_err(|_| StanzaError::new(Condition::ItemNotFound))?)
        }
        None => None,
    };
    let host = view.settings.rooms_host.as_deref().unwrap_or_default();
    let host = BareJid::parse(host).map_err(|_| StanzaError::new(Condition::ItemNotFound))?;
    Ok(Proposal::ask(Query {
        iq: request.stanza.id.clone().unwrap_or_default(),
        from: host.to_jid(),
        question: Question::Rooms {
            after,
            count_max: page.map_or(PAGE_ITEMS_MAX, |page| page.items_max()),
            public_only: true,
        },
    }))
}

pub(crate) fn answer_rooms(view: &View<'_>, query: &Query, found: Found) -> Vec<Item> {
    let (
        Found::List { jids, total },
        Question::Rooms {
            after, count_max, ..
        },
    ) = (found, &query.question)
    else {
        return Vec::new();
    };
    let (jids, total) = with_fleeting(view, (jids, total), after.as_ref(), *count_max);
    let mut writer = Writer::new();
    writer.start_ns("query", ns::DISCO_ITEMS);
    for jid in &jids {
        // A room that is not in memory persists, and nobody is inside.
        let room = view.resident_room(jid);
        let is_open = |room: &Room| room.living().is_some_and(|row| !row.locked);
        if room.is_none_or(is_open) {
            let config = room.and_then(Room::config);
            let name = config.map_or("", |config| &*config.name);
            let name = Some(name).filter(|name| !name.is_empty());
            writer
                .start("item")
                .attr("jid", jid.as_str())
                .attr_opt("name", name.or_else(|| jid.local()))
                .end();
        }
    }
    let ends = jids.first().zip(jids.last());
    let page = PageResult {
        ends: ends.map(|(first, last)| (first.as_str(), last.as_str())),
        first_index: None,
        count: usize::try_from(total).ok(),
    };
    page.write(&mut writer);
    let stanza = query.answer(IqType::Result, writer.finish());
    vec![Item::Stanza {
        stanza: stanza.into(),
    }]
}

/// The page, and among it the rooms that do not persist: the tables do not list them.
fn with_fleeting(
    view: &View<'_>,
    (listed, total): (Vec<BareJid>, u64),
    after: Option<&BareJid>,
    count_max: usize,
) -> (Vec<BareJid>, u64) {
    let is_fleeting = |room: &Room| {
        let config = room.config();
        config.is_some_and(|config| config.public && !config.persistent)
            && room.living().is_some_and(|row| !row.locked)
    };
    let fleeting: Vec<&BareJid> = view
        .resident_rooms()
        .filter(|(_, room)| is_fleeting(room))
        .map(|(jid, _)| jid)
        .collect();
    let total = total.saturating_add(u64::try_from(fleeting.len()).unwrap_or(u64::MAX));
    // Beyond a page that is full there are others that come first.
    let last = listed.last().filter(|_| listed.len() >= count_max).cloned();
    let mut jids: BTreeSet<BareJid> = listed.into_iter().collect();
    jids.extend(
        fleeting
            .into_iter()
            .filter(|jid| after.is_none_or(|after| *jid > after))
            .filter(|jid| last.as_ref().is_none_or(|last| *jid < last))
            .cloned(),
    );
    (jids.into_iter().take(count_max).collect(), total)
}

/// Section 6.4: what kind of room it is.
pub(super) fn info(visit: &Visit<'_>, query: Node<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    let mut writer = Writer::new();
    let node = query.attr("node");
    writer
        .start_ns("query", ns::DISCO_INFO)
        .attr_opt("node", node.as_deref());
    match node.as_deref() {
        None | Some("") => {}
        Some(NICK_NODE) => {
            let row = visit.row_of(&visit.user);
            if let Some(nick) = row.and_then(|row| row.nick.as_deref()) {
                identity(&mut writer, nick);
            }
            return Ok(result(visit.request, writer));
        }
        // Section 18.1.1: a room passes everything on.
        Some(node) if hat_command::is_command(node) => {
            hat_command::describe(visit, node, &mut writer)?;
            return Ok(result(visit.request, writer));
        }
        Some(TRAFFIC_NODE) => return Err(StanzaError::new(Condition::ServiceUnavailable).into()),
        Some(_) => return Err(StanzaError::new(Condition::ItemNotFound).into()),
    }
    let config = visit.config();
    identity(&mut writer, name_of(&config, &visit.jid));
    for feature in features(&config) {
        writer.start("feature").attr("var", feature).end();
    }
    details(visit, &config).write(&mut writer);
    Ok(result(visit.request, writer))
}

fn name_of<'a>(config: &'a RoomConfig, jid: &'a BareJid) -> &'a str {
    if config.name.is_empty() {
        jid.local().unwrap_or_default()
    } else {
        &config.name
    }
}

fn features(config: &RoomConfig) -> impl Iterator<Item = &'static str> {
    let pick = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    let archive = [
        ns::FULLTEXT,
        ns::MAM,
        ns::MAM_EXTENDED,
        ns::MODERATE,
        ns::RETRACT,
        ns::TOMBSTONE,
    ];
    let archive = config.archived.then_some(archive);
    [
        ns::COMMANDS,
        ns::DISCO_INFO,
        ns::DISCO_ITEMS,
        ns::HATS,
        ns::MUC,
        STABLE_ID,
        ns::MUC_REQUEST,
        ns::MUC_SELF_PING,
        ns::OCCUPANT_ID,
        ns::PING,
        ns::REGISTER,
        ns::SID,
        ns::VCARD,
        pick(
            config.password.is_some(),
            "muc_passwordprotected",
            "muc_unsecured",
        ),
        pick(config.public, "muc_public", "muc_hidden"),
        pick(config.persistent, "muc_persistent", "muc_temporary"),
        pick(config.members_only, "muc_membersonly", "muc_open"),
        pick(config.moderated, "muc_moderated", "muc_unmoderated"),
        pick(
            config.open_addresses,
            "muc_nonanonymous",
            "muc_semianonymous",
        ),
    ]
    .into_iter()
    .chain(archive.into_iter().flatten())
}

/// The form with details (section 16.5.4).
fn details(visit: &Visit<'_>, config: &RoomConfig) -> Form {
    // Section 14.4: what is said in a room, and by how many, is for those who may read there.
    let is_told = may_read(visit).is_ok();
    let subject = visit.room.subject().filter(|_| is_told);
    let subject = subject.map(|one| subject::text(one));
    let occupants = visit.room.occupants.len().to_string();
    let mut form = Form::with_type(FormKind::Result, ns::MUC_ROOM_INFO)
        .with(Field::answer(
            "muc#roominfo_description",
            &config.description,
        ))
        .with(Field::answer(
            "muc#roominfo_subject",
            subject.as_deref().unwrap_or_default(),
        ))
        .with(Field::boolean(
            "muc#roominfo_subjectmod",
            config.anyone_changes_subject,
        ))
        .with(Field::answer("muc#roominfo_lang", &config.lang))
        .with(Field::boolean(
            "muc#roomconfig_changesubject",
            config.anyone_changes_subject,
        ))
        .with(Field::boolean(
            "muc#roomconfig_allowinvites",
            config.anyone_invites,
        ));
    if is_told {
        form = form.with(Field::answer("muc#roominfo_occupants", &occupants));
    }
    let most = setting::history_max(visit.room).to_string();
    form = form.with(Field::answer(Setting::HistoryMax.field(), &most));
    for (setting, kind) in [
        (Setting::Contacts, FieldKind::JidMulti),
        (Setting::Node, FieldKind::TextSingle),
    ] {
        let text = setting.text(visit.room);
        if !text.is_empty() {
            form = form.with(Field::new(setting.field(), kind).with_values(text.lines()));
        }
    }
    if let Some(hash) = hat::hash(visit.room) {
        form = form.with(Field::answer("hats#hash", &hash));
    }
    match vcard::hashes(visit.room) {
        Some(hashes) => form.with(
            Field::new("muc#roominfo_avatarhash", FieldKind::TextMulti)
                .with_values(hashes.split(' ')),
        ),
        None => form,
    }
}

/// Section 6.5: who is inside, where that is no secret.
pub(super) fn items(visit: &Visit<'_>, query: Node<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    if query.attr("node").as_deref() == Some(ns::COMMANDS) {
        return Ok(result(visit.request, hat_command::listed(visit)));
    }
    no_node(query)?;
    let config = visit.config();
    let is_shown = visit.inside().is_some() || (config.public && !config.members_only);
    let mut writer = Writer::new();
    writer.start_ns("query", ns::DISCO_ITEMS);
    for (nick, occupant) in &visit.room.occupants {
        if is_shown && config.presence_broadcast & role_bit(occupant.role) != 0 {
            let address = address_of(&visit.jid, nick);
            writer.start("item").attr("jid", address.as_str()).end();
        }
    }
    Ok(result(visit.request, writer))
}

/// The room's archive (XEP-0313), for those who may read it.
pub(super) fn read_archive(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let row = visit.living()?;
    let shows_senders = may_read(visit)?;
    let archive = Archive {
        owner: Owner::Room {
            jid: visit.jid.clone(),
        },
        incarnation: row.incarnation,
        shows_senders,
    };
    archive::query::evaluate(visit.view, visit.request, &archive)
}

/// Whoever may enter may read; says whether it may see real addresses.
pub(super) fn may_read(visit: &Visit<'_>) -> Result<bool, StanzaError> {
    let config = visit.config();
    let affiliation = visit.affiliation();
    let is_closed = config.members_only || config.password.is_some();
    let may = affiliation >= Affiliation::Member
        || (affiliation == Affiliation::None && (visit.inside().is_some() || !is_closed));
    if !may {
        return Err(StanzaError::new(Condition::Forbidden));
    }
    let mut inside = visit.room.occupants.values();
    let is_moderator = affiliation >= Affiliation::Admin
        || inside.any(|one| one.user == visit.user && sees_addresses(&config, one.role));
    Ok(is_moderator || config.open_addresses)
}

fn identity(writer: &mut Writer, name: &str) {
    writer
        .start("identity")
        .attr("category", "conference")
        .attr("type", "text")
        .attr("name", name)
        .end();
}

fn no_node(query: Node<'_>) -> Result<(), StanzaError> {
    match query.attr("node") {
        Some(node) if !node.is_empty() => Err(StanzaError::new(Condition::ItemNotFound)),
        _ => Ok(()),
    }
}

fn result(request: &Request, writer: Writer) -> Proposal {
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}
