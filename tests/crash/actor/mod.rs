//! A client that never gives up: it writes, remembers what is unconfirmed, and sends it again after a crash.
//!
//! What it sends again follows XEP-0198 section 5: everything above the `h` of `<resumed/>` or `<failed/>`, in
//! the old order. It reads until the connection breaks, so that it knows everything the server said before
//! it died.

mod read;
mod write;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::generator::Failure;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Management;
use crate::generator::client::Ports;
use crate::generator::client::Resumption198;
use crate::generator::client::Security;
use crate::generator::server::ROOM_HOST;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::history::Complaint;
use crate::history::History;
use crate::random::Random;

/// Unconfirmed changes that a client has at most.
const WINDOW: usize = 12;
/// Changes that a client makes in one go.
const BURST: u64 = 4;
const CONTACTS: usize = 5;
const PAGE: usize = 100;
const PADDING_BYTES_MAX: usize = 8_192;

pub(crate) type Shared = Rc<RefCell<History>>;

pub(crate) fn room() -> String {
    format!("crash@{ROOM_HOST}")
}

/// The line of a sender in the room.
pub(crate) fn room_line(user: &str) -> String {
    format!("{user}-room")
}

pub(crate) fn pair_line(from: &str, to: &str) -> String {
    format!("{from}-{to}")
}

/// Something whose confirmation has to be waited for.
#[derive(Clone, Debug)]
enum Change {
    Message {
        number: u64,
    },
    RoomMessage {
        number: u64,
    },
    Contact {
        contact: usize,
        value: Option<u64>,
        place: usize,
    },
    Private {
        value: u64,
        place: usize,
    },
    /// An item of a node of its own (XEP-0163).
    Item {
        value: u64,
        place: usize,
    },
    /// A stanza that may be forgotten: presence, a question.
    Volatile,
}

/// One user, over all crashes.
pub(crate) struct Actor {
    pub(crate) user: String,
    peer: String,
    history: Shared,
    random: Random,
    client: Option<Client>,
    /// Counters of the last stream, for the resumption.
    before: Option<Management>,
    /// What was sent and not acknowledged, with its number in the stream.
    pending: VecDeque<(u32, Change)>,
    /// What has to be sent again and was not yet.
    unsent: VecDeque<Change>,
    /// The highest acknowledged number of a durable change in this stream.
    durable: u32,
    /// The highest number that an acknowledgement was asked for in this stream.
    asked: u32,
    values: u64,
    /// The newest value of each contact; only what is there is removed.
    contacts: [Option<u64>; CONTACTS],
    /// Whether the server promises to know `h` after a crash.
    is_strict: bool,
}

impl Actor {
    pub(crate) fn new(
        user: &str,
        peer: &str,
        history: &Shared,
        random: Random,
        is_strict: bool,
    ) -> Self {
        Self {
            user: user.to_owned(),
            peer: peer.to_owned(),
            history: Rc::clone(history),
            random,
            client: None,
            before: None,
            pending: VecDeque::new(),
            unsent: VecDeque::new(),
            durable: 0,
            asked: 0,
            values: 0,
            contacts: [None; CONTACTS],
            is_strict,
        }
    }

    /// Logs in, tries to resume, takes in what the server still knows. The session is not yet available.
    pub(crate) async fn arrive(mut self, ground: Rc<Ground>, ports: Ports) -> Outcome<Self> {
        let mut client = ground
            .authenticate(ports, Security::Plain, &self.user)
            .await?;
        if let Some(before) = self.before.take() {
            match client.resume(&before).await? {
                Resumption198::Failed { h } => self.take_failed(h),
                Resumption198::Resumed { .. } => {
                    return unexpected("a session that outlives a crash");
                }
            }
        }
        client.bind("crash").await?;
        client.enable().await?;
        self.durable = 0;
        self.asked = 0;
        self.client = Some(client);
        Ok(self)
    }

    /// XEP-0198 section 5: the server may say how far it came in a session that it cannot resume.
    fn take_failed(&mut self, h: Option<u32>) {
        if self.is_strict && h.unwrap_or(0) < self.durable {
            self.history.borrow_mut().complain(Complaint::Forgotten {
                client: self.user.clone(),
                acknowledged: self.durable,
                h,
            });
        }
        if let Some(h) = h {
            self.take_acknowledged(h);
        }
    }

    fn take_acknowledged(&mut self, h: u32) {
        while let Some((number, change)) = self.pending.front() {
            if *number > h {
                break;
            }
            if !matches!(change, Change::Volatile) {
                self.durable = *number;
            }
            let change = change.clone();
            self.promised(&change);
            self.pending.pop_front();
        }
    }

    fn promised(&self, change: &Change) {
        let mut history = self.history.borrow_mut();
        match change {
            Change::Message { number } => {
                history.message_promised(&pair_line(&self.user, &self.peer), *number);
            }
            Change::RoomMessage { number } => {
                history.message_promised(&room_line(&self.user), *number);
            }
            Change::Contact { contact, place, .. } => {
                history.register_promised(&self.contact_register(*contact), *place);
            }
            Change::Private { place, .. } => {
                history.register_promised(&self.private_register(), *place);
            }
            Change::Item { place, .. } => {
                history.register_promised(&self.item_register(), *place);
            }
            Change::Volatile => {}
        }
    }

    fn contact_register(&self, contact: usize) -> String {
        format!("{} contact {contact}", self.user)
    }

    fn private_register(&self) -> String {
        format!("{} private", self.user)
    }

    fn item_register(&self) -> String {
        format!("{} item", self.user)
    }

    fn client(&mut self) -> Outcome<&mut Client> {
        self.client
            .as_mut()
            .ok_or_else(|| Failure::Unexpected("no connection".to_owned()))
    }

    fn send(&mut self, stanza: &str, change: Change) -> Outcome<()> {
        let number = self.client()?.send(stanza);
        self.pending.push_back((number, change));
        Ok(())
    }

    async fn wait_for_room(&mut self, creates: bool) -> Outcome<()> {
        loop {
            let element = self.client()?.next().await?.to_vec();
            self.take(&element)?;
            if !xml::is(&element, "presence") || !xml::contains(&element, "muc#user") {
                continue;
            }
            let created = xml::has_status(&element, "201");
            if created && !creates {
                return unexpected("a persistent room is gone");
            }
            if xml::has_status(&element, "110") {
                return Ok(());
            }
        }
    }

    pub(crate) fn incoming_line(&self) -> String {
        pair_line(&self.peer, &self.user)
    }

    /// The room's archive as this user saw it arrive.
    pub(crate) fn room_view(&self) -> String {
        format!("room seen by {}", self.user)
    }
}

fn contact_address(contact: usize) -> String {
    format!("contact{contact}@example.net")
}
