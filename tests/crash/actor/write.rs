//! What a client changes: it makes something up, and writes it with its number.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::actor::Actor;
use crate::actor::BURST;
use crate::actor::CONTACTS;
use crate::actor::Change;
use crate::actor::PADDING_BYTES_MAX;
use crate::actor::WINDOW;
use crate::actor::contact_address;
use crate::actor::pair_line;
use crate::actor::room;
use crate::actor::room_line;
use crate::generator::Failure;
use crate::generator::Outcome;

impl Actor {
    /// Becomes available, enters the room, and sends again what was not confirmed.
    pub(crate) async fn settle_in(&mut self, creates: bool) -> Outcome<()> {
        // What an earlier settling could not send any more is younger than what it sent.
        let sent = self.pending.drain(..).map(|(_, change)| change);
        let mut unsent: VecDeque<Change> = sent
            .filter(|change| !matches!(change, Change::Volatile))
            .collect();
        unsent.append(&mut self.unsent);
        self.unsent = unsent;
        {
            let mut history = self.history.borrow_mut();
            history.session_began(&self.user);
            history.session_began(&self.room_view());
        }
        self.send("<presence/>", Change::Volatile)?;
        let join = format!(
            "<presence to='{}/{}'><x xmlns='http://jabber.org/protocol/muc'>\
             <history maxchars='0'/></x></presence>",
            room(),
            self.user
        );
        self.send(&join, Change::Volatile)?;
        self.wait_for_room(creates).await?;
        while let Some(change) = self.unsent.pop_front() {
            self.write(change)?;
        }
        Ok(())
    }

    /// Makes the room one that stays (XEP-0045 section 10.1.3).
    pub(crate) async fn configure_room(&mut self) -> Outcome<()> {
        let iq = format!(
            "<iq type='set' id='configure' to='{}'>\
             <query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>\
             <field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>",
            room()
        );
        self.ask("configure", &iq).await?;
        Ok(())
    }

    /// Settles in, writes and reads until the connection breaks, or until it is told to stop and all is
    /// confirmed.
    pub(crate) async fn work(mut self, stop: Rc<Cell<bool>>, is_settled: bool) -> Outcome<Self> {
        let mut ended = Ok(());
        if !is_settled {
            ended = self.settle_in(false).await;
        }
        if ended.is_ok() {
            ended = self.work_until_the_end(&stop).await;
        }
        if let Some(client) = &self.client {
            self.before.clone_from(&client.management);
        }
        match ended {
            Ok(()) | Err(Failure::Lost(_)) => Ok(self),
            Err(failure) => Err(failure),
        }
    }

    /// Only reads, until nothing is missing.
    pub(crate) async fn receive(mut self, line: String) -> Outcome<Self> {
        loop {
            let missing = self.history.borrow().undelivered(&self.user, &line);
            if missing.is_empty() && self.pending.is_empty() {
                return Ok(self);
            }
            self.ask_for_acknowledgement()?;
            let element = self.client()?.next().await?.to_vec();
            self.take(&element)?;
        }
    }

    /// XEP-0198 section 4: one question for whatever was sent since the last one.
    fn ask_for_acknowledgement(&mut self) -> Outcome<()> {
        if let Some((newest, _)) = self.pending.back()
            && *newest > self.asked
        {
            self.asked = *newest;
            self.client()?.ask();
        }
        Ok(())
    }

    fn invent(&mut self) -> Change {
        let mut history = self.history.borrow_mut();
        match self.random.below(11) {
            0..5 => Change::Message {
                number: history.message_sent(&pair_line(&self.user, &self.peer)),
            },
            5..8 => Change::RoomMessage {
                number: history.message_sent(&room_line(&self.user)),
            },
            8 => {
                self.values += 1;
                let contact = self.random.below_usize(CONTACTS);
                let stays = self.contacts[contact].is_none() || self.random.below(4) > 0;
                let value = stays.then_some(self.values);
                self.contacts[contact] = value;
                let place = history.register_written(&self.contact_register(contact), value);
                Change::Contact {
                    contact,
                    value,
                    place,
                }
            }
            9 => {
                self.values += 1;
                let value = self.values;
                let place = history.register_written(&self.private_register(), Some(value));
                Change::Private { value, place }
            }
            _ => {
                self.values += 1;
                let value = self.values;
                let place = history.register_written(&self.item_register(), Some(value));
                Change::Item { value, place }
            }
        }
    }

    pub(super) fn write(&mut self, change: Change) -> Outcome<()> {
        let padding = self.padding();
        let stanza = match &change {
            Change::Message { number } => format!(
                "<message to='{}@localhost' type='chat' id='p{number}'><body>{} {number} {padding}</body></message>",
                self.peer,
                pair_line(&self.user, &self.peer)
            ),
            Change::RoomMessage { number } => format!(
                "<message to='{}' type='groupchat' id='r{number}'><body>{} {number} {padding}</body></message>",
                room(),
                room_line(&self.user)
            ),
            Change::Contact {
                contact,
                value,
                place,
            } => {
                let address = contact_address(*contact);
                let item = match value {
                    Some(value) => format!("<item jid='{address}' name='v{value}'/>"),
                    None => format!("<item jid='{address}' subscription='remove'/>"),
                };
                format!(
                    "<iq type='set' id='c{contact}.{place}'><query xmlns='jabber:iq:roster'>{item}</query></iq>"
                )
            }
            Change::Private { value, place } => format!(
                "<iq type='set' id='x{place}'><query xmlns='jabber:iq:private'>\
                 <crash xmlns='crash:test'>{value}</crash></query></iq>"
            ),
            Change::Item { value, place } => format!(
                "<iq type='set' id='e{place}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                 <publish node='crash:test'><item id='current'><crash xmlns='crash:test'>{value}</crash></item>\
                 </publish></pubsub></iq>"
            ),
            Change::Volatile => return Ok(()),
        };
        self.send(&stanza, change)
    }

    /// Some messages are long, so that the log moves on.
    fn padding(&mut self) -> String {
        let length = if self.random.below(4) == 0 {
            self.random.below_usize(PADDING_BYTES_MAX)
        } else {
            0
        };
        "-".repeat(length)
    }

    async fn work_until_the_end(&mut self, stop: &Cell<bool>) -> Outcome<()> {
        loop {
            if !stop.get() && self.pending.len() < WINDOW {
                for _ in 0..=self.random.below(BURST) {
                    let change = self.invent();
                    self.write(change)?;
                }
            }
            if stop.get() && self.pending.is_empty() {
                return self.client()?.flush().await;
            }
            self.ask_for_acknowledgement()?;
            let element = self.client()?.next().await?.to_vec();
            self.take(&element)?;
        }
    }
}
