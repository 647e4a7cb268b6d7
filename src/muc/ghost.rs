//! A client says that what the room sends does not arrive: its device is out (XEP-0045 section 18.1.2).

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::RoomChange;
use crate::model::room::Why;
use crate::muc::affiliate;
use crate::muc::leave;
use crate::muc::visit::Visit;
use crate::stanza::ns;
use crate::xml::Node;

/// Errors that are about delivery.
const UNDELIVERED: [&str; 6] = [
    "gone",
    "item-not-found",
    "recipient-unavailable",
    "redirect",
    "remote-server-not-found",
    "remote-server-timeout",
];

/// An error in answer to a message or presence of the room.
pub(super) fn evaluate(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let inside = visit.inside().ok_or(Stop::Ignore)?;
    let root = visit.request.stanza.root();
    let error = root.child("error", ns::CLIENT).ok_or(Stop::Ignore)?;
    let is_undelivered =
        |one: Node<'_>| one.ns() == ns::STANZA_ERRORS && UNDELIVERED.contains(&one.name());
    if !error.children().any(is_undelivered) {
        return Err(Stop::Ignore);
    }
    let change = if inside.occupant.devices.len() > 1 {
        leave::of_device(inside.nick, &visit.request.from)
    } else {
        // Section 11.1: with status 333 and without 307.
        RoomChange::Remove {
            removed: vec![affiliate::removal(inside.nick, inside.occupant)],
            why: Why {
                codes: vec![333],
                ..Why::default()
            },
        }
    };
    Ok(visit.propose().op(visit.change(change)))
}
