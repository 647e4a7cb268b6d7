//! Rooms (XEP-0045).
//!
//! One verb a file: what somebody wants to do in a room is evaluated there, against the room as it is.
//! Rows (configuration, subject, affiliations, kept messages) are durable; who is inside is not. The
//! files named after what occupants experience (`arrive`, `depart`, `notify`) deliver.
//!
//! Everything of a room has one order: joins, messages, kicks. What is built for a thousand readers
//! is built once, in two versions: with real addresses, and without.
//!
//! What of XEP-0045 is left out on purpose (`tests::clauses` has what is there):
//!
//! | clause | what | why |
//! |---|---|---|
//! | 5.1 | roles that outlast the visit | lasting voice is membership, and that admins give |
//! //! | 7.2.18 | groupchat 1.0: presence without `<x/>` as a way in | clients out of step would stay so |
//! | 7.4 | owners who speak without being inside | nobody could answer them |
//! | 7.6, 7.10 | nicknames that are locked down, `not-acceptable` | a registered one is kept from others, no more |
//! | 8.4 | that nobody takes voice from its equal | moderators without affiliation could moderate nobody |
//! | 9.2 | bans of domains and of devices | all users are of one domain, and have as many devices as they like |
//! | 10.1.3 | values for whois, getmemberlist by affiliation | roles say who is inside; who is not needs open addresses |
//! | 11.1 | status 333 for a session that is lost | whether it comes back the room learns later than that it went |
//! | 16.5.4 | `roominfo_ldapgroup`, `roominfo_logs` | there are neither groups of LDAP nor logs on the web |
//! | 16.6 | status 102, 103, 174 | nobody who is unavailable is inside; no room hides addresses from its moderators |

mod admin;
mod admit;
mod affiliate;
mod arrive;
mod configure;
mod create;
mod deliver;
mod depart;
mod destroy;
mod discover;
mod enter;
mod follow;
mod form;
mod ghost;
mod greet;
mod hat;
mod hat_command;
mod history;
mod hush;
mod invite;
mod leave;
mod moderate;
mod notify;
mod owner;
mod register;
mod relay;
mod role;
mod search;
mod setting;
mod show;
mod speak;
mod subject;
mod user;
mod vcard;
mod visit;
mod voice;
mod whisper;

#[cfg(test)]
mod tests;

pub(crate) use deliver::deliver_change;
pub(crate) use deliver::deliver_message;
pub(crate) use deliver::deliver_private;
pub(crate) use deliver::deliver_row;
pub(crate) use discover::answer_rooms;
pub(crate) use follow::follow;
pub(crate) use history::answer as answer_history;
pub(crate) use hush::block_ops;
pub(crate) use leave::evaluate_emptied;
pub(crate) use leave::farewells;
pub(crate) use leave::leave_ops;
pub(crate) use owner::evaluate_ownerless;
pub(crate) use owner::is_ownerless;
pub(crate) use search::answer as answer_search;

use crate::archive;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::ns;

/// Everything addressed to the rooms' host, a room, or an occupant.
pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let Some(to) = &request.stanza.to else {
        return Err(Stop::Ignore);
    };
    hush::check(view, &request.from, (to, request.stanza.kind))?;
    if to.local().is_none() {
        return match request.stanza.kind {
            Kind::Iq(_) => discover::evaluate_host(view, request),
            Kind::Message(_) | Kind::Presence(_) => {
                Err(StanzaError::new(Condition::ServiceUnavailable).into())
            }
        };
    }
    let visit = Visit::new(view, request, &to.to_bare())?;
    match request.stanza.kind {
        Kind::Presence(kind) => presence(&visit, kind),
        Kind::Message(kind) => message(&visit, kind),
        Kind::Iq(kind) => iq(&visit, kind),
    }
}

fn iq(visit: &Visit<'_>, kind: IqType) -> Result<Proposal, Stop> {
    if let Some(nick) = visit.nick() {
        return relay::evaluate(visit, nick);
    }
    let Some(query) = visit.request.stanza.query() else {
        return Err(Stop::Ignore);
    };
    match (query.name(), query.ns(), kind) {
        ("query", ns::MUC_OWNER, _) => configure::evaluate(visit, query),
        ("query", ns::MUC_ADMIN, _) => admin::evaluate(visit, query),
        ("query", ns::REGISTER, _) => register::evaluate(visit, query),
        ("query", ns::DISCO_INFO, IqType::Get) => discover::info(visit, query),
        ("query", ns::DISCO_ITEMS, IqType::Get) => discover::items(visit, query),
        ("command", ns::COMMANDS, IqType::Set) => hat_command::evaluate(visit, query),
        ("moderate", ns::MODERATE, IqType::Set) => moderate::evaluate(visit, query),
        ("vCard", ns::VCARD, _) => vcard::evaluate(visit, query),
        ("ping", ns::PING, IqType::Get) => {
            visit.living()?;
            Ok(Proposal::answer(visit.done()))
        }
        _ if archive::query::is_for_archive(query) => discover::read_archive(visit),
        _ => {
            visit.living()?;
            Err(StanzaError::new(Condition::ServiceUnavailable).into())
        }
    }
}

fn presence(visit: &Visit<'_>, kind: PresenceType) -> Result<Proposal, Stop> {
    match kind {
        PresenceType::Available => {
            let Some(nick) = visit.nick() else {
                // Section 7.2.1.
                return Err(StanzaError::new(Condition::JidMalformed).into());
            };
            match visit.inside() {
                Some(inside) if &**inside.nick != nick => {
                    show::evaluate_rename(visit, &inside, nick)
                }
                Some(inside) if !is_entering(visit) => show::evaluate(visit, &inside),
                _ => enter::evaluate(visit, nick),
            }
        }
        PresenceType::Unavailable => leave::evaluate(visit),
        PresenceType::Error => ghost::evaluate(visit),
        PresenceType::Probe
        | PresenceType::Subscribe
        | PresenceType::Subscribed
        | PresenceType::Unsubscribe
        | PresenceType::Unsubscribed => Err(Stop::Ignore),
    }
}

/// Whether the presence asks to enter; from somebody who is inside: once more, with everything.
fn is_entering(visit: &Visit<'_>) -> bool {
    visit.request.stanza.root().has_child("x", ns::MUC)
}

fn message(visit: &Visit<'_>, kind: MessageType) -> Result<Proposal, Stop> {
    match (kind, visit.nick()) {
        (MessageType::Error, _) => ghost::evaluate(visit),
        (MessageType::Groupchat, None) => speak::evaluate(visit),
        (MessageType::Groupchat, Some(_)) => Err(StanzaError::new(Condition::BadRequest).into()),
        (_, Some(nick)) => whisper::evaluate(visit, nick, kind),
        (_, None) => to_room(visit),
    }
}

/// A message to the room itself: about invitations, voice or membership.
fn to_room(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let root = visit.request.stanza.root();
    if let Some(ask) = root.child("x", ns::MUC_USER) {
        return invite::evaluate(visit, ask);
    }
    match Form::parse_in(root)? {
        Some(form) if form.form_type() == Some(ns::MUC_REGISTER) => admit::answer(visit, &form),
        Some(form) => voice::evaluate(visit, &form),
        None => Err(StanzaError::new(Condition::BadRequest).into()),
    }
}
