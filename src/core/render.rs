//! Writing out: what a session's queue holds becomes the bytes of its stream.

use std::sync::Arc;

use crate::archive::forward;
use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::base::limits::FETCH_ROWS_MAX;
use crate::base::time::Timestamp;
use crate::core::Core;
use crate::core::Output;
use crate::core::queue::Slot;
use crate::core::session::LinkId;
use crate::effect::query::Kept;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::model::message::Message;
use crate::model::position::Position;
use crate::model::stanza_id::StanzaIds;

impl Core {
    /// Appends what the link's session has to say, up to about `budget` bytes. Returns whether
    /// there is more to write at once.
    pub(crate) fn write(&mut self, link: LinkId, out: &mut Vec<u8>, budget: usize) -> bool {
        let Some(id) = self.links.get(&link).copied() else {
            return false;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        session.announced = false;
        if session.is_binding {
            return false;
        }
        let before = out.len();
        out.append(&mut session.notes);
        if let Some(h) = session.take_ack() {
            out.extend_from_slice(format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>").as_bytes());
        }
        // Where something goes out anyway, what could wait goes along.
        if out.len() > before {
            session.queue.press();
        }
        let is_last = self.peer.reports.are_last;
        let is_held = is_last || !session.queue.wants_write(session.active);
        let mut taken = Vec::new();
        while !is_held && out.len() < budget {
            match self.write_next(id, out) {
                Wrote::Item { gone } => taken.extend(gone),
                Wrote::Nothing => break,
            }
        }
        self.taken_by(id, &taken);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.queue.tag = self.peer.tag;
        }
        self.note_report(id);
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        if session.queue.has_unacknowledged()
            && let Some(management) = &mut session.management
            && !management.asked
        {
            management.asked = true;
            out.extend_from_slice(b"<r xmlns='urn:xmpp:sm:3'/>");
        }
        if session.queue.front().is_none() {
            session.held_until = None;
        }
        session.announced = session.wants_write() && session.fetching.is_empty() && !is_last;
        session.announced
    }

    fn write_next(&mut self, id: SessionId, out: &mut Vec<u8>) -> Wrote {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Wrote::Nothing;
        };
        let Some(Slot::Item { item, .. }) = session.queue.front() else {
            return Wrote::Nothing;
        };
        let key = match item {
            Item::Kept { position, .. } | Item::Result { position, .. } => Some(*position),
            Item::Stanza { .. } | Item::Bytes { .. } => None,
        };
        let row = match key {
            None => None,
            Some(key) => match self.tail.message(key) {
                Some((at, message)) => Some((at, Arc::clone(message))),
                None => match session.fetched.get(&key) {
                    Some(Some(kept)) => Some((kept.at, self.tail.as_left(key, &kept.message))),
                    Some(None) if !session.fetching.is_empty() => return Wrote::Nothing,
                    // It has expired since: there is nothing to send.
                    Some(None) => {
                        session.fetched.remove(&key);
                        session.queue.skip();
                        return Wrote::Item { gone: None };
                    }
                    None => {
                        self.fetch(id);
                        return Wrote::Nothing;
                    }
                },
            },
        };
        let lean = match item {
            Item::Stanza { stanza } if self.settings.caps_optimization => {
                session.told.lean(session.link, &session.jid, stanza)
            }
            _ => None,
        };
        let lean = lean.map(|lean| Item::Stanza {
            stanza: Arc::new(lean),
        });
        let form = Form {
            reader: &session.jid,
            ids: &self.ids,
            out,
        };
        form.write(lean.as_ref().unwrap_or(item), row.as_ref());
        if let Some(key) = key {
            session.fetched.remove(&key);
        }
        Wrote::Item {
            gone: session.queue.wrote(),
        }
    }

    /// Asks for the rows that the next items need, a handful at a time.
    fn fetch(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if !session.fetching.is_empty() {
            return;
        }
        let positions: Vec<Position> = session
            .queue
            .unwritten()
            .filter_map(|slot| match slot {
                Slot::Item {
                    item: Item::Kept { position, .. } | Item::Result { position, .. },
                    ..
                } => Some(*position),
                Slot::Item { .. } | Slot::Page { .. } => None,
            })
            .filter(|position| self.tail.message(*position).is_none())
            .take(FETCH_ROWS_MAX)
            .collect();
        for position in &positions {
            session.fetched.insert(*position, None);
        }
        session.fetching.clone_from(&positions);
        self.outputs.push_back(Output::Fetch {
            session: id,
            positions,
        });
    }

    pub(super) fn handle_fetched(&mut self, id: SessionId, rows: Vec<Kept>) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let added = session.keep_fetched(rows);
        self.holdings.add(added);
        self.touched.insert(id);
    }
}

enum Wrote {
    Item { gone: Option<Item> },
    Nothing,
}

/// How an item looks to its reader.
struct Form<'a> {
    reader: &'a FullJid,
    ids: &'a StanzaIds,
    out: &'a mut Vec<u8>,
}

impl Form<'_> {
    fn write(self, item: &Item, row: Option<&(Timestamp, Arc<Message>)>) {
        match (item, row) {
            (Item::Stanza { stanza }, _) => stanza.write(self.out, self.reader, b""),
            (Item::Bytes { bytes }, _) => self.out.extend_from_slice(bytes),
            (Item::Kept { position, how }, Some((at, message))) => {
                self.write_kept(*position, *how, *at, message);
            }
            (Item::Result { position, query }, Some((at, message))) => {
                let id = self.ids.id(*position, &query.archive);
                forward::write_result(self.out, self.reader, query, &id, *at, message);
            }
            (Item::Kept { .. } | Item::Result { .. }, None) => {}
        }
    }

    fn write_kept(self, position: Position, how: How, at: Timestamp, message: &Message) {
        let account = self.reader.bare();
        // A private message in a room was sent to an occupant, and is for who that is.
        let to = message.sender.as_ref().map(|_| self.reader);
        match how {
            How::Direct => {
                let id = self.ids.id(position, &account);
                forward::write_direct(self.out, to, message, Some((&id, &account)), None);
            }
            How::Late => {
                let id = self.ids.id(position, &account);
                let late = Some((at, account.domain()));
                forward::write_direct(self.out, to, message, Some((&id, &account)), late);
            }
            How::CarbonSent | How::CarbonReceived => {
                let id = self.ids.id(position, &account);
                let sent = how == How::CarbonSent;
                forward::write_carbon(self.out, self.reader, message, (&id, &account), sent);
            }
            How::Room | How::RoomHistory => {
                let room = message.from.to_bare();
                let id = self.ids.id(position, &room);
                let late = (how == How::RoomHistory).then_some((at, room.as_str()));
                forward::write_direct(
                    self.out,
                    Some(self.reader),
                    message,
                    Some((&id, &room)),
                    late,
                );
            }
        }
    }
}
