//! The past of a room for one who enters (XEP-0045 sections 7.2.13 to 7.2.15).

use std::sync::Arc;

use crate::base::limits::ROOM_HISTORY_DEFAULT;
use crate::base::time::Timestamp;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::effect::view::View;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::room::Nicks;
use crate::model::room::Room;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRow;
use crate::muc::setting;
use crate::muc::visit::Visit;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::delay;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;

/// What a message has beyond its payload, when characters are counted.
const ENVELOPE_BYTES: usize = 160;

/// What is asked for in `<history/>`; `None`: nothing.
pub(super) fn page(
    visit: &Visit<'_>,
    row: &RoomRow,
    config: &RoomConfig,
    (ask, silenced): (Node<'_>, Arc<Nicks>),
) -> Option<Question> {
    let wish = ask.child("history", ns::MUC);
    let number = |name| {
        let text = wish?.attr(name)?;
        text.trim().parse::<u64>().ok()
    };
    let count = number("maxstanzas").map_or(ROOM_HISTORY_DEFAULT, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    });
    let count = count.min(setting::history_max(visit.room));
    let bytes = number("maxchars").map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if !config.archived || count == 0 || bytes == Some(0) {
        return None;
    }
    let ago =
        number("seconds").map(|seconds| visit.view.now().minus_ms(seconds.saturating_mul(1_000)));
    let since = wish
        .and_then(|wish| wish.attr("since"))
        .and_then(|since| Timestamp::parse_xep0082(&since).ok());
    let start = ago.max(since);
    Some(Question::RoomHistory {
        page: ArchivePage {
            owner: Owner::Room {
                jid: visit.jid.clone(),
            },
            incarnation: row.incarnation,
            with: None,
            start,
            end: None,
            after: None,
            before: None,
            ids: Vec::new(),
            backwards: true,
            count_max: count,
            flipped: false,
        },
        since: start,
        bytes_max: bytes,
        silenced,
    })
}

/// The page, oldest first, and the subject behind it.
pub(crate) fn answer(view: &View<'_>, query: &Query, found: Found) -> Vec<Item> {
    let Question::RoomHistory {
        bytes_max,
        silenced,
        ..
    } = &query.question
    else {
        return Vec::new();
    };
    let rows = match found {
        Found::Page { rows, .. } => rows,
        _ => Vec::new(),
    };
    let mut items: Vec<Item> = newest_within(&rows, *bytes_max)
        .iter()
        .filter(|kept| {
            let nick = kept.message.from.resource();
            // XEP-0424 section 5: what was taken back is not said again.
            !kept.message.is_tombstone() && nick.is_none_or(|nick| !silenced.contains(nick))
        })
        .map(|kept| Item::Kept {
            position: kept.position,
            how: How::RoomHistory,
        })
        .collect();
    let room = query.from.to_bare();
    if let Some(record) = view.resident_room(&room) {
        let stanza = Arc::new(subject(&query.from, record));
        items.push(Item::Stanza { stanza });
    }
    items
}

/// The newest messages whose characters stay below the bound (section 7.2.14).
fn newest_within(rows: &[Kept], bytes_max: Option<usize>) -> &[Kept] {
    let Some(bytes_max) = bytes_max else {
        return rows;
    };
    let mut sum = 0_usize;
    let count = rows
        .iter()
        .rev()
        .take_while(|kept| {
            sum = sum
                .saturating_add(kept.message.payload.len())
                .saturating_add(ENVELOPE_BYTES);
            sum <= bytes_max
        })
        .count();
    rows.get(rows.len().saturating_sub(count)..)
        .unwrap_or_default()
}

/// Section 7.2.15: the subject ends what one who enters gets; without one it is empty.
pub(super) fn subject(room: &crate::base::jid::Jid, record: &Room) -> Outgoing {
    let Some(subject) = record.subject() else {
        return Outgoing {
            kind: Kind::Message(MessageType::Groupchat),
            from: room.clone(),
            to: None,
            id: None,
            lang: None,
            payload: Arc::from(&b"<subject></subject>"[..]),
        };
    };
    let mut payload = subject.message.payload.to_vec();
    payload.extend_from_slice(&delay::to_bytes(subject.at, Some(room.as_str())));
    Outgoing {
        payload: payload.into(),
        ..as_said(&subject.message)
    }
}

/// A message of the room as it is sent out.
pub(super) fn as_said(message: &Message) -> Outgoing {
    Outgoing {
        kind: Kind::Message(message.kind),
        from: message.from.clone(),
        to: None,
        id: message.id.clone(),
        lang: message.lang.clone(),
        payload: Arc::clone(&message.payload),
    }
}
