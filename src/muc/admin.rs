//! Lists of roles and affiliations, and changes of them (XEP-0045 sections 8 and 9).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ROOM_ITEMS_MAX;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::RoomRole;
use crate::muc::affiliate;
use crate::muc::affiliate::Wish;
use crate::muc::greet;
use crate::muc::role;
use crate::muc::user::Item;
use crate::muc::user::parse_affiliation;
use crate::muc::user::parse_role;
use crate::muc::user::role_bit;
use crate::muc::visit::Visit;
use crate::muc::visit::first_role;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// A request in the namespace of admins.
pub(super) fn evaluate(visit: &Visit<'_>, query: Node<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    let items: Vec<Node<'_>> = query
        .children()
        .filter(|child| child.is("item", ns::MUC_ADMIN))
        .collect();
    if items.is_empty() {
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    if items.len() > ROOM_ITEMS_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    match (visit.request.stanza.kind, items.as_slice()) {
        (Kind::Iq(IqType::Get), [item]) => list(visit, *item),
        (Kind::Iq(IqType::Set), items) => change(visit, items),
        _ => Err(StanzaError::new(Condition::BadRequest).into()),
    }
}

fn list(visit: &Visit<'_>, item: Node<'_>) -> Result<Proposal, Stop> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let mut writer = Writer::new();
    writer.start_ns("query", ns::MUC_ADMIN);
    if let Some(name) = item.attr("affiliation") {
        let affiliation = parse_affiliation(&name).ok_or_else(bad)?;
        check_list(visit, affiliation)?;
        write_affiliated(visit, affiliation, &mut writer);
    } else if let Some(name) = item.attr("role") {
        let role = parse_role(&name).ok_or_else(bad)?;
        check_role_list(visit, role)?;
        write_present(visit, role, &mut writer);
    } else {
        return Err(bad().into());
    }
    let stanza = &visit.request.stanza;
    Ok(Proposal::answer(
        stanza.result(&visit.request.from, writer.finish()),
    ))
}

/// Sections 9.2, 9.5, 10.5 and 10.8: who may see which list. Where everybody sees everybody's
/// address, occupants may see who the members, admins and owners are.
fn check_list(visit: &Visit<'_>, affiliation: Affiliation) -> Result<(), Stop> {
    let own = visit.affiliation();
    let config = visit.config();
    // Section 9.5: a member need not be inside to be treated as if it were.
    let role = match visit.role() {
        RoomRole::None if own >= Affiliation::Member => first_role(&config, own),
        role => role,
    };
    let is_open = config.open_addresses && config.member_list & role_bit(role) != 0;
    let may = match affiliation {
        Affiliation::Owner | Affiliation::Admin => own == Affiliation::Owner || is_open,
        Affiliation::Member => own >= Affiliation::Admin || is_open,
        Affiliation::Outcast | Affiliation::None => own >= Affiliation::Admin,
    };
    if may {
        Ok(())
    } else {
        Err(StanzaError::new(Condition::Forbidden).into())
    }
}

/// Sections 8.5 and 9.8.
fn check_role_list(visit: &Visit<'_>, role: RoomRole) -> Result<(), Stop> {
    let is_admin = visit.affiliation() >= Affiliation::Admin;
    let may = is_admin || (role < RoomRole::Moderator && visit.role() == RoomRole::Moderator);
    if may {
        Ok(())
    } else {
        Err(StanzaError::new(Condition::Forbidden).into())
    }
}

fn write_affiliated(visit: &Visit<'_>, affiliation: Affiliation, writer: &mut Writer) {
    for (user, row) in visit.affiliations() {
        if row.affiliation == affiliation && affiliation != Affiliation::None {
            let item = Item {
                affiliation,
                jid: Some(user.as_str()),
                nick: row.nick.as_deref(),
                reason: row.reason.as_deref(),
                ..Item::default()
            };
            item.write_listed(writer);
        }
    }
}

fn write_present(visit: &Visit<'_>, role: RoomRole, writer: &mut Writer) {
    for (nick, occupant) in &visit.room.occupants {
        if occupant.role == role {
            let jid = occupant.newest().map(|(jid, _)| jid.as_str());
            let item = Item {
                affiliation: visit.affiliation_of(&occupant.user),
                role,
                jid,
                nick: Some(nick),
                ..Item::default()
            };
            item.write(writer);
        }
    }
}

fn change(visit: &Visit<'_>, items: &[Node<'_>]) -> Result<Proposal, Stop> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let mut wishes = Vec::new();
    let mut roles = Vec::new();
    for item in items {
        let reason = reason(*item)?;
        if let Some(name) = item.attr("affiliation") {
            if item.attr("role").is_some() {
                // Section 17.4, rule 4.
                return Err(bad().into());
            }
            let affiliation = parse_affiliation(&name).ok_or_else(bad)?;
            let user = user_of(visit, *item)?;
            visit.live(&user)?;
            let wish = Wish {
                user,
                affiliation,
                nick: nick_of(visit, *item)?,
                reason,
            };
            check_affiliation(visit, &wish)?;
            wishes.push(wish);
        } else {
            let name = item.attr("role").ok_or_else(bad)?;
            let role = parse_role(&name).ok_or_else(bad)?;
            let nick = item.attr("nick").ok_or_else(bad)?;
            roles.push(role::evaluate(visit, &nick, role, reason)?);
        }
    }
    let mut proposal = visit.propose();
    if !wishes.is_empty() {
        let config = visit.config();
        proposal = affiliate::apply(visit, &config, &wishes, proposal)?;
        proposal = greet::propose(visit, &config, &wishes, proposal)?;
    }
    for change in roles {
        proposal = proposal.op(visit.change(change));
    }
    Ok(proposal.and_answer(visit.done()))
}

/// The tables of section 5.2.1, with the errors of sections 9 and 10.
fn check_affiliation(visit: &Visit<'_>, wish: &Wish) -> Result<(), Stop> {
    let own = visit.affiliation();
    let old = visit.affiliation_of(&wish.user);
    if own < Affiliation::Admin {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    if wish.affiliation == Affiliation::Outcast && wish.user == visit.user {
        return Err(StanzaError::new(Condition::Conflict).into());
    }
    let is_above = old.max(wish.affiliation) >= Affiliation::Admin;
    if own == Affiliation::Admin && is_above {
        // Section 9.1 for bans, section 10 for everything else.
        let condition = match wish.affiliation {
            Affiliation::Outcast => Condition::NotAllowed,
            _ => Condition::Forbidden,
        };
        return Err(StanzaError::new(condition).into());
    }
    Ok(())
}

/// Whose affiliation it is: by address, or by the nickname of somebody inside.
fn user_of(visit: &Visit<'_>, item: Node<'_>) -> Result<BareJid, StanzaError> {
    if let Some(jid) = item.attr("jid") {
        let jid = Jid::parse(&jid).map_err(|_| StanzaError::new(Condition::JidMalformed))?;
        return Ok(jid.to_bare().to_compact());
    }
    let nick = item
        .attr("nick")
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let occupant = visit.room.occupants.get(&*nick);
    occupant
        .map(|occupant| occupant.user.clone())
        .ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
}

/// The nickname that comes with an address (section 9.3), prepared; an empty one takes it away
/// (section 9.5).
fn nick_of(visit: &Visit<'_>, item: Node<'_>) -> Result<Option<Box<str>>, StanzaError> {
    let Some(nick) = item.attr("nick").filter(|_| item.attr("jid").is_some()) else {
        return Ok(None);
    };
    if nick.is_empty() {
        return Ok(Some(nick.into_owned().into()));
    }
    let full = visit.jid.with_resource(&nick);
    full.map(|full| Some(full.resource().into()))
        .map_err(|_| StanzaError::new(Condition::JidMalformed))
}

fn reason(item: Node<'_>) -> Result<Option<Box<str>>, StanzaError> {
    match item.child_text("reason", ns::MUC_ADMIN) {
        Some(text) if text.len() > ROOM_TEXT_BYTES_MAX => {
            Err(StanzaError::new(Condition::NotAcceptable))
        }
        Some(text) => Ok(Some(text.into_owned().into())),
        None => Ok(None),
    }
}

/// The nickname of who acts, if it is inside.
pub(super) fn actor(visit: &Visit<'_>) -> Option<Arc<str>> {
    visit.inside().map(|inside| Arc::clone(inside.nick))
}
