//! Publish-subscribe: of everybody (XEP-0163) and of nobody, on a host of its own (XEP-0060).
//!
//! One verb a file. A node is found through its owner: the account's rows, or the server's for nodes of the service, list
//! nodes with their configurations; items, affiliations and subscriptions are a record of their own, loaded when
//! somebody needs it. An item that is published is told to who hears of it when its row is delivered, on
//! every board to its own sessions; other events are volatile.

mod approve;
mod avatar;
mod bookmarks;
mod caps;
mod config;
mod deliver;
mod discover;
mod error;
mod host;
mod items;
mod last;
mod legacy;
mod manage;
mod many;
mod nodes;
mod pending;
mod publish;
mod quota;
mod retract;
mod subscribe;
#[cfg(test)]
mod tests;
mod transfer;
mod vcard;
mod visit;

pub(crate) use avatar::dress;
pub(crate) use caps::learn;
pub(crate) use caps::notice;
pub(crate) use deliver::deliver;
pub(crate) use deliver::deliver_row;
pub(crate) use deliver::retraction;
pub(crate) use last::evaluate as evaluate_last;
pub(crate) use transfer::Drafts;
pub(crate) use transfer::old_bookmarks;
pub(crate) use transfer::write_items;
pub(crate) use transfer::write_setting;

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::pubsub;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::not_found;
use crate::pubsub::host::Host;
use crate::pubsub::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;

/// Answers what is for the nodes of an account; `None`: it is not for this feature.
pub(crate) fn evaluate_iq(
    view: &View<'_>,
    request: &Request,
    target: &Target,
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    let owner = match target {
        Target::Own { account } | Target::Other { account } => account,
        Target::Server => return None,
    };
    let serve = || {
        let host = Host::account(view, owner)?;
        let visit = Visit::new(host, request, query);
        let is_get = request.stanza.kind == Kind::Iq(IqType::Get);
        match query.ns() {
            ns::DISCO_INFO if is_get => discover::info(&visit),
            ns::DISCO_ITEMS if is_get => discover::items(&visit),
            _ => act(&visit),
        }
    };
    if let Some(answered) = convert(view, request, (target, owner)) {
        return Some(answered);
    }
    match (query.name(), query.ns()) {
        ("pubsub", ns::PUBSUB | ns::PUBSUB_OWNER) => Some(serve()),
        ("command", ns::COMMANDS) if matches!(target, Target::Own { .. }) => {
            pending::is_asked(query).then(serve)
        }
        // Of a node of that name; others are for other features.
        ("query", ns::DISCO_INFO | ns::DISCO_ITEMS) => {
            let node = query.attr("node")?;
            let account = match view.account(owner) {
                Ok(account) => account,
                Err(stop) => return Some(Err(stop)),
            };
            pubsub::node(&account.rows, &node)?;
            Some(serve())
        }
        _ => None,
    }
}

/// What older clients ask elsewhere for and is kept in nodes; `None`: it is kept where they ask.
fn convert(
    view: &View<'_>,
    request: &Request,
    (target, owner): (&Target, &BareJid),
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    let is_set = request.stanza.kind == Kind::Iq(IqType::Set);
    let is_own = matches!(target, Target::Own { .. });
    let is_vcard = query.is("vCard", ns::VCARD) && (is_own || !is_set);
    let is_storage = is_own && query.is("query", ns::PRIVATE) && bookmarks::is_asked(query);
    if !is_vcard && !is_storage {
        return None;
    }
    let account = match view.account(owner) {
        Ok(account) => account,
        Err(stop) => return Some(Err(stop)),
    };
    // Nobody there is for others to tell.
    account.live()?;
    let host = match Host::account(view, owner) {
        Ok(host) => host,
        Err(stop) => return Some(Err(stop)),
    };
    let visit = Visit::new(host, request, query);
    match (is_vcard, is_set) {
        (true, false) => vcard::read(&visit),
        (true, true) => vcard::write(&visit),
        (false, false) => bookmarks::read(&visit),
        (false, true) => Some(bookmarks::write(&visit)),
    }
}

/// Everything addressed to the service.
pub(crate) fn evaluate_service(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let unavailable = || StanzaError::new(Condition::ServiceUnavailable);
    let to = request.stanza.to.as_ref().ok_or(Stop::Ignore)?;
    if view.account(&request.from.bare())?.blocks(to) {
        return Err(StanzaError::blocked().into());
    }
    let host = Host::service(view, &to.to_bare())?;
    let kind = request.stanza.kind;
    if to.local().is_some() || to.resource().is_some() {
        return Err(unavailable().into());
    }
    match kind {
        Kind::Presence(_)
        | Kind::Message(MessageType::Error)
        | Kind::Iq(IqType::Result | IqType::Error) => Err(Stop::Ignore),
        Kind::Message(_) => {
            approve::answer(&host, request).unwrap_or_else(|| Err(unavailable().into()))
        }
        Kind::Iq(kind) => {
            let query = request.stanza.query().ok_or_else(bad_request)?;
            let visit = Visit::new(host, request, query);
            match (query.name(), query.ns(), kind) {
                ("pubsub", ns::PUBSUB | ns::PUBSUB_OWNER, _) | ("command", ns::COMMANDS, _) => {
                    act(&visit)
                }
                ("query", ns::DISCO_INFO, IqType::Get) => discover::info(&visit),
                ("query", ns::DISCO_ITEMS, IqType::Get) => discover::items(&visit),
                ("ping", ns::PING, IqType::Get) => Ok(Proposal::answer(visit.done())),
                _ => Err(unavailable().into()),
            }
        }
    }
}

/// The answer of an owner to whether somebody may subscribe to a node of its account; `None`: an ordinary message.
pub(crate) fn evaluate_approval(
    view: &View<'_>,
    request: &Request,
    own: &BareJid,
) -> Option<Result<Proposal, Stop>> {
    request.stanza.root().child("x", ns::DATA)?;
    match Host::account(view, own) {
        Ok(host) => approve::answer(&host, request),
        Err(stop) => Some(Err(stop)),
    }
}

/// What is in `<pubsub/>`, or the one command that there is.
fn act(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let is_set = visit.request.stanza.kind == Kind::Iq(IqType::Set);
    if visit.query.name() == "command" {
        return if is_set && pending::is_asked(visit.query) {
            pending::evaluate(visit)
        } else {
            Err(not_found().into())
        };
    }
    let is_owner = visit.query.ns() == ns::PUBSUB_OWNER;
    // What else may stand there goes with one of these.
    let is_beside = |child: Node<'_>| match child.name() {
        "configure" => !is_owner,
        "publish-options" => true,
        "options" => visit.child("subscribe").is_some(),
        _ => child.ns() != visit.query.ns(),
    };
    let action = visit.query.children().find(|child| !is_beside(*child));
    let action = action.ok_or_else(bad_request)?;
    if legacy::is_asked(visit, action) {
        return legacy::evaluate(visit, action, is_set);
    }
    match (is_owner, action.name(), is_set) {
        (false, "publish", true) => publish::evaluate(visit, action),
        (false, "retract", true) => retract::evaluate(visit, action),
        (false, "items", false) => items::evaluate(visit, action),
        (false, "create", true) => nodes::create(visit, action),
        (false, "subscribe", true) => subscribe::subscribe(visit, action),
        (false, "unsubscribe", true) => subscribe::unsubscribe(visit, action),
        (false, "options", _) => subscribe::options(visit, action),
        (false, "default", false) => Ok(subscribe::defaults(visit)),
        (false, "subscriptions", false) => subscribe::own(visit, action),
        (false, "affiliations", false) => subscribe::own_affiliations(visit, action),
        (true, "configure", _) => nodes::configure(visit, action),
        (true, "default", false) => Ok(nodes::defaults(visit)),
        (true, "delete", true) => nodes::delete(visit, action),
        (true, "purge", true) => retract::purge(visit, action),
        (true, "affiliations", _) => manage::affiliations(visit, action),
        (true, "subscriptions", _) => manage::subscriptions(visit, action),
        _ => Err(StanzaError::new(Condition::FeatureNotImplemented).into()),
    }
}
