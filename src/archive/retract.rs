//! Taking a message back (XEP-0424): what is to become of it in archives.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::message::Place;
use crate::model::op::Durable;
use crate::model::position::Position;
use crate::model::retraction::Named;
use crate::model::retraction::Retraction;
use crate::stanza::ns;
use crate::xml::Writer;

/// What the sender takes back of what it has sent to `to`: named by the id that the message has, and
/// looked for in the archives that the retraction itself is for (section 5.1).
pub(crate) fn of_sent(
    view: &View<'_>,
    request: &Request,
    to: &Jid,
    places: &[Place],
) -> Option<Durable> {
    let stanza = &request.stanza;
    let id = target(request)?;
    // What names itself names nothing.
    if stanza.id.as_deref() == Some(&*id) {
        return None;
    }
    let named = Named::Sent {
        from: request.from.bare(),
        to: to.clone(),
        id,
    };
    let tombstone = tombstone(view, stanza.id.as_deref(), b"");
    Some(op(named, tombstone, places.to_vec()))
}

/// The id of the message that is taken back.
pub(crate) fn target(request: &Request) -> Option<Box<str>> {
    let retract = request.stanza.root().child("retract", ns::RETRACT)?;
    retract.attr("id").map(|id| id.into_owned().into())
}

/// What a stanza id of an archive stands for; `None`: it is none of ours.
pub(crate) fn position(view: &View<'_>, id: &str, archive: &BareJid) -> Option<Position> {
    let position = view.settings.ids.position(id, archive)?;
    // What was made up leads to an epoch that never was, with all but certainty.
    let newest = view.facts.newest_epoch;
    (position.epoch().counter <= newest).then_some(position)
}

/// Section 4: what stands in the message's place. `by`: the id of what takes it back.
pub(crate) fn tombstone(view: &View<'_>, by: Option<&str>, inner: &[u8]) -> Arc<[u8]> {
    let mut writer = Writer::new();
    // The time is the first attribute: of two tombstones the earlier stays.
    writer
        .start_ns("retracted", ns::RETRACT)
        .attr("stamp", &view.now().to_xep0082())
        .attr_opt("id", by)
        .raw(inner);
    writer.finish().into()
}

pub(crate) fn op(named: Named, tombstone: Arc<[u8]>, places: Vec<Place>) -> Durable {
    Durable::Retract {
        retraction: Arc::new(Retraction { named, tombstone }),
        places,
    }
}
