//! What the users do: they connect, write into their outboxes, and send what is there.

use std::collections::VecDeque;

use crate::client::Outgoing;
use crate::client::State;
use crate::client::Up;
use crate::world::Link;
use crate::world::Reading;
use crate::world::World;
use crate::world::between;

impl World {
    /// A client does something.
    pub(super) fn act(&mut self) {
        let index = self.rng.index(self.devices.len());
        match self.devices[index].state {
            State::Offline if self.is_away(index) => {}
            State::Offline => self.connect(index),
            State::Opening => {}
            State::Online => {
                if !self.is_calm && !self.rng.one_in(4) {
                    self.write_something(index);
                }
                let device = &mut self.devices[index];
                let mut up = device.flush();
                let is_reading = self.reading != Reading::Not;
                let pages = if is_reading { 3 } else { 40 };
                let wants_page = !self.is_calm || is_reading && !device.is_caught_up;
                if wants_page && self.rng.one_in(pages) {
                    self.next_op += 1;
                    up.extend(device.ask_page(self.next_op, 1 + self.rng.below(20)));
                }
                self.put_file(index);
                up.extend(self.ask_items(index));
                let device = &mut self.devices[index];
                let has_stream = device.stream.as_ref().is_some_and(|one| one.id.is_some());
                if has_stream && self.rng.one_in(3) {
                    up.push(Up::AskAck);
                }
                if has_stream && device.owes_ack {
                    device.owes_ack = false;
                    let h = device.stream.as_ref().map_or(0, |one| one.received);
                    up.push(Up::Ack { h });
                }
                self.send(index, up);
            }
        }
    }

    pub(super) fn connect(&mut self, index: usize) {
        let Some(board) = self.board_for(index) else {
            return;
        };
        let id = self.next_link;
        self.next_link += 1;
        let device = &mut self.devices[index];
        let hello = device.hello();
        device.link = Some(id);
        self.note(|| format!("link {id}: {index} says {hello:?} to {board}"));
        let link = Link {
            device: index,
            board,
            up: VecDeque::from([hello]),
            down: VecDeque::new(),
            is_ready: false,
            is_cut: false,
            lives_until: 0,
            taken: 0,
        };
        self.links.insert(id, link);
    }

    pub(super) fn send(&mut self, index: usize, up: Vec<Up>) {
        let session = (index, self.devices[index].session);
        let is_inside = self.devices[index].inside_from.is_some();
        let Some(link) = self.devices[index].link else {
            return;
        };
        let board = self.links.get(&link).map_or(0, |link| link.board);
        let is_apart = self.is_apart();
        for one in &up {
            if let Up::Stanza { text } = one
                && let Some(body) = name_of(text)
            {
                if self
                    .net
                    .as_mut()
                    .is_some_and(|net| net.sent_twice(body, board, is_apart))
                {
                    self.checker.doubled.insert(body.to_owned());
                }
                self.checker.sent_again(body, session, is_inside);
            }
        }
        if let Some(link) = self.links.get_mut(&link) {
            link.up.extend(up);
        }
    }

    /// The client will send again what this count leaves.
    pub(super) fn doubt_what_is_left(&mut self, board: usize, link: u64, h: Option<u32>) {
        if !self.is_apart() {
            return;
        }
        let device = self.links.get(&link).map(|link| link.device);
        let stream = device.and_then(|index| self.devices[index].stream.as_ref());
        let unacked = stream.into_iter().flat_map(|stream| &stream.unacked);
        let left = unacked.filter(|(number, _)| h.is_none_or(|h| *number > h));
        let left = left.filter_map(|(_, outgoing)| outgoing.body.clone());
        if let Some(net) = &mut self.net {
            net.doubt(board, left);
        }
    }

    /// The user writes: it goes into the outbox, whatever the state of the connection.
    fn write_something(&mut self, index: usize) {
        let number = self.next_op;
        self.next_op += 1;
        let from = self.devices[index].jid();
        let reader = self.rng.index(self.devices.len());
        let to = if self.rng.one_in(6) {
            self.devices[reader].jid()
        } else {
            self.devices[reader].account.clone()
        };
        let is_talker = self.devices[index].is_talker;
        let outgoing = if is_talker && self.rng.one_in(3) {
            self.say_something(index, number)
        } else if self.rng.one_in(8) {
            self.store_something(index, number)
        } else if self.rng.one_in(5) {
            // Not kept, but it must not overtake what is.
            let state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
            Outgoing {
                body: None,
                text: format!("<message type='chat' id='v{number}' to='{to}'>{state}</message>"),
            }
        } else {
            let body = format!("m{number}");
            let session = (index, self.devices[index].session);
            self.checker.sent(&body, number, &from, &to, session);
            let text =
                format!("<message type='chat' id='{body}' to='{to}'><body>{body}</body></message>");
            Outgoing {
                body: Some(body),
                text,
            }
        };
        self.devices[index].outbox.push_back(outgoing);
    }
}

/// What a stanza is known by: its body, or the id of what takes an item back.
fn name_of(text: &str) -> Option<&str> {
    let id = || between(text, "<iq type='set' id='", "'").filter(|id| id.starts_with('d'));
    between(text, "<body>", "</body>").or_else(id)
}
