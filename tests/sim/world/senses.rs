//! What the clients read, and what the checker hears of it.

use meerkat::testing::sim::Mutation;
use meerkat::testing::sim::Seen;
use meerkat::testing::sim::Text;
use meerkat::testing::sim::read;

use crate::checker::excuse::Excuse;
use crate::checker::sets::By;
use crate::client::Down;
use crate::client::Kind;
use crate::client::ROOM;
use crate::client::Up;
use crate::world::World;

const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";

impl World {
    /// A client reads from its connection.
    pub(super) fn go_down(&mut self) -> Result<(), String> {
        let full: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| !link.is_cut && !link.down.is_empty())
            .map(|(id, _)| *id)
            .collect();
        if full.is_empty() {
            return Ok(());
        }
        let id = full[self.rng.index(full.len())];
        let Some(link) = self.links.get_mut(&id) else {
            return Ok(());
        };
        let (index, taken) = (link.device, link.taken);
        let Some(down) = link.down.pop_front() else {
            return Ok(());
        };
        match down {
            Down::Bound { is_bound: true } => {
                let board = self.links.get(&id).map(|link| link.board);
                self.devices[index].board = board;
                self.devices[index].boot = board.map_or(0, |one| self.machines[one].boots());
                self.devices[index].is_older = self.is_mixed();
                let up = self.devices[index].handle_bound();
                self.send(index, up);
            }
            // Disabled, for example: it tries again later.
            Down::Bound { is_bound: false } | Down::Ended => self.hang_up(index, id),
            Down::Resumed { h } => {
                self.note(|| format!("{index} resumes, h={h}"));
                let board = self.links.get(&id).map_or(0, |link| link.board);
                let (is_other, has_moved) = self.note_board(index, board);
                let device = &mut self.devices[index];
                let told = device.stream.as_ref().map_or(0, |stream| stream.told);
                if is_other && h < told {
                    // Both boards lived, and each took the other for dead: such a client begins anew.
                    self.checker.excuses.admit(Excuse::BeginsAnew, true);
                    self.begin_anew(index, id);
                    return Ok(());
                }
                if has_moved {
                    self.checker.moved.insert((index, device.session));
                    // A page that is answered by neither is asked for again, after a while.
                    device.is_paging = false;
                }
                self.count(index, h, false)?;
                let link = self.links.get_mut(&id);
                if let Some(link) = link {
                    link.taken = h;
                }
                let up = self.devices[index].handle_resumed();
                self.send(index, up);
            }
            Down::Failed { h, is_paired } => {
                self.note(|| format!("{index} cannot resume, h={h:?}"));
                if let Some(h) = h {
                    self.check_memory(index, h, is_paired)?;
                    self.count(index, h, true)?;
                }
                self.devices[index].forget_session();
                self.send(index, vec![Up::Bind]);
            }
            Down::Bytes(bytes) => {
                let bytes = String::from_utf8_lossy(&bytes).into_owned();
                for seen in read(bytes.as_bytes())? {
                    self.see(index, seen, taken)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the session goes on at another board than before, and whether it has moved: what a board that died
    /// goes on with was at the other one in between (rule U7).
    fn note_board(&mut self, index: usize, board: usize) -> (bool, bool) {
        let boot = self.machines[board].boots();
        let device = &mut self.devices[index];
        let is_other = device.board.replace(board).is_some_and(|one| one != board);
        let is_back = std::mem::replace(&mut device.boot, boot) != boot;
        (is_other, is_other || is_back && self.net.is_some())
    }

    /// The count cannot be: whatever the client has not seen acknowledged goes into a new session.
    fn begin_anew(&mut self, index: usize, id: u64) {
        let stream = self.devices[index].stream.as_ref();
        let unacked = stream.into_iter().flat_map(|stream| &stream.unacked);
        let bodies: Vec<String> = unacked.filter_map(|(_, one)| one.body.clone()).collect();
        self.checker.doubled.extend(bodies);
        self.devices[index].forget_session();
        self.hang_up(index, id);
    }

    /// After a crash the count may fall short of what was told by stanzas that are not kept, no more. A board that
    /// is not one with the other knows less.
    fn check_memory(&mut self, index: usize, h: u32, is_paired: bool) -> Result<(), String> {
        let Some(stream) = &self.devices[index].stream else {
            return Ok(());
        };
        let may_be_less = self.net.is_some() && !is_paired;
        let excuses = &self.checker.excuses;
        let mut counted = stream.counted.iter().rev();
        let kept = counted.find(|(_, body)| self.was_on_disk(body));
        let kept = kept.map_or(0, |(number, _)| *number);
        let is_less = h < kept && !self.is_follower;
        if is_less && !excuses.admit(Excuse::ToldElsewhere, may_be_less) {
            return Err(format!("h={h} of a lost session, but {kept} was told"));
        }
        Ok(())
    }

    fn hang_up(&mut self, index: usize, id: u64) {
        let board = self.links.get(&id).map(|link| link.board);
        let is_frozen = board.is_some_and(|board| self.is_frozen(board));
        let link = if is_frozen {
            if let Some(link) = self.links.get_mut(&id) {
                link.is_cut = true;
                link.up.clear();
            }
            None
        } else {
            self.links.remove(&id)
        };
        let device = &self.devices[index];
        if device.stream.as_ref().is_none_or(|one| one.id.is_none()) {
            self.checker.may_lose_direct(&device.account);
        }
        self.devices[index].handle_cut();
        if let Some(link) = link {
            self.machines[link.board].closed(id, false);
        }
    }

    pub(super) fn count(&mut self, index: usize, h: u32, may_go_back: bool) -> Result<(), String> {
        let jid = self.devices[index].jid();
        let bodies = self.devices[index]
            .handle_count(h, may_go_back)
            .map_err(|error| format!("{jid}: {error}"))?;
        for body in bodies {
            let is_durable = self.is_safe(&body);
            self.checker.acked(&body, is_durable, self.may_refuse)?;
        }
        let device = &mut self.devices[index];
        if device.presence.is_some_and(|number| number <= h) {
            device.presence = None;
            device.available_from = Some(self.next_op);
        }
        Ok(())
    }

    fn is_safe(&self, body: &str) -> bool {
        self.is_blind || self.machines.iter().any(|one| one.is_durable(body))
    }

    pub(super) fn see(&mut self, index: usize, seen: Seen, taken: u32) -> Result<(), String> {
        self.note(|| format!("{index} reads {seen:?}"));
        let device = &mut self.devices[index];
        let is_stanza = matches!(
            seen,
            Seen::Message(_) | Seen::Presence { .. } | Seen::Iq { .. } | Seen::Result { .. }
        );
        if is_stanza && let Some(stream) = device.stream.as_mut().filter(|one| one.id.is_some()) {
            stream.received += 1;
        }
        match seen {
            Seen::Message(text) => self.see_message(index, &text),
            Seen::Ack { h } => {
                let counts = self.mutation == Some(Mutation::CountUncommitted);
                self.count(index, if counts { h.max(taken) } else { h }, false)
            }
            Seen::AckRequest => {
                device.owes_ack = true;
                Ok(())
            }
            Seen::Enabled { id } => {
                if let Some(stream) = &mut device.stream {
                    stream.id = id;
                }
                Ok(())
            }
            Seen::Presence { from, kind } => {
                let is_own = from == device.nick();
                if is_own && kind.is_empty() && device.inside_from.is_none() {
                    device.inside_from = Some(self.next_op);
                }
                if is_own && !kind.is_empty() {
                    device.inside_from = None;
                }
                if from.starts_with(ROOM) && kind.is_empty() {
                    device.occupants.insert(from);
                } else {
                    device.occupants.remove(&from);
                }
                Ok(())
            }
            Seen::Result { id, body } => {
                device.known.insert(body.clone());
                if device.archive.last().is_none_or(|(last, _)| *last != id) {
                    device.archive.push((id, body));
                }
                Ok(())
            }
            Seen::Iq {
                id,
                kind,
                from,
                about,
                found,
                is_complete,
            } => match kind.as_str() {
                "get" if about == DISCO_INFO => {
                    self.answer_what_it_hears_of(index, &id, &from);
                    Ok(())
                }
                "result" | "error" => {
                    self.see_answer(index, &id, kind == "error", found, is_complete)
                }
                _ => Ok(()),
            },
            Seen::Other { name } => Err(format!("the server says <{name}>")),
        }
    }

    fn see_answer(
        &mut self,
        index: usize,
        id: &str,
        is_error: bool,
        found: Vec<(String, String)>,
        is_complete: Option<bool>,
    ) -> Result<(), String> {
        let device = &mut self.devices[index];
        if id.starts_with('p') {
            device.is_paging = false;
            device.is_caught_up = is_complete == Some(true);
            if is_error && !self.checker.swept.is_empty() {
                // Its place may be gone (XEP-0313: item-not-found): it begins anew.
                device.archive.clear();
            }
        }
        if let Some(number) = id.strip_prefix('q').and_then(|one| one.parse().ok()) {
            device.answers.insert(number, found.clone());
        }
        // There may be nothing to take back, and nothing to look at.
        let may_lack = id.starts_with(['d', 'q']);
        if is_error && !may_lack && !self.may_refuse {
            return Err(format!("{id} is answered with an error"));
        }
        if is_error {
            return Ok(());
        }
        if id.starts_with('u')
            && let Some((_, url)) = found.into_iter().next()
        {
            self.devices[index].slots.push((id.to_owned(), url));
            return Ok(());
        }
        if id.starts_with('k') {
            let is_apart = self.has_trouble() && self.is_apart();
            self.checker.moderated(id, is_apart);
        }
        let is_durable = self.is_safe(id);
        let by = By {
            board: self.devices[index].board.unwrap_or_default(),
            is_alone: self.is_apart(),
        };
        self.checker.item_resulted(id, by, is_durable)?;
        self.checker.resulted(id, by, is_durable)
    }

    fn see_message(&mut self, index: usize, text: &Text) -> Result<(), String> {
        let device = &self.devices[index];
        let who = (index, device.session);
        if let Some(change) = &text.change {
            self.hear_change(index, change);
            return Ok(());
        }
        if text.kind == "error" {
            self.checker.refused(&text.id);
            return Ok(());
        }
        if text.kind == "groupchat" {
            if text.body.is_empty() {
                return Ok(());
            }
            let is_durable = self.is_safe(&text.body);
            let is_inside = self.devices[index].inside_from.is_some();
            let may_have_moved = self.checker.moved.contains(&who);
            let excuses = &self.checker.excuses;
            if !is_inside && !excuses.admit(Excuse::PresenceGone, may_have_moved) {
                return Err(format!(
                    "{} was heard by {who:?}, who is not inside",
                    text.body
                ));
            }
            self.checker.heard(who, text, is_durable)?;
            self.remember_line(index, text);
            return Ok(());
        }
        if let Some(number) = text.id.strip_prefix('v').and_then(|one| one.parse().ok()) {
            // What such a client wrote before may be lost on the way.
            let mut senders = self.devices.iter();
            let may_lose = senders.any(|one| one.kind == Kind::Plain && one.jid() == text.from);
            // What went before may be at the other board, and that apart from this one.
            let may_lose = may_lose || self.has_trouble();
            let Some(available_from) = device.available_from.filter(|_| !may_lose) else {
                return Ok(());
            };
            let account = device.account.clone();
            return self
                .checker
                .volatile(who, &text.from, &account, number, available_from);
        }
        let is_durable = self.is_safe(&text.body);
        let device = &mut self.devices[index];
        device.known.insert(text.body.clone());
        let account = device.account.clone();
        self.checker.shown(who, &account, text, is_durable)
    }
}
