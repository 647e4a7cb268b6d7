//! A client that never gives up: it writes, remembers what is unconfirmed, and sends it again after a crash.
//!
//! What it sends again follows XEP-0198 section 5: everything above the `h` of `<resumed/>` or `<failed/>`, in
//! the old order. It reads until the connection breaks, so that it knows everything the server said before
//! it died.

use std::cell::Cell;
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
use crate::generator::client::tree;
use crate::generator::server::ROOM_HOST;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::generator::xml::Node;
use crate::history::Complaint;
use crate::history::Entry;
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
            Change::Volatile => {}
        }
    }

    fn contact_register(&self, contact: usize) -> String {
        format!("{} contact {contact}", self.user)
    }

    fn private_register(&self) -> String {
        format!("{} private", self.user)
    }

    fn client(&mut self) -> Outcome<&mut Client> {
        self.client
            .as_mut()
            .ok_or_else(|| Failure::Unexpected("no connection".to_owned()))
    }

    /// Compares own archive, roster and private element with what was promised.
    pub(crate) async fn audit(mut self, whole: bool) -> Outcome<Self> {
        let lines = [
            pair_line(&self.user, &self.peer),
            pair_line(&self.peer, &self.user),
        ];
        let name = self.user.clone();
        self.audit_archive(&name, None, &lines, whole).await?;

        let roster = self
            .ask(
                "roster",
                "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>",
            )
            .await?;
        for contact in 0..CONTACTS {
            let address = contact_address(contact);
            let items = roster.child("query").map(|query| query.children.as_slice());
            let shown = items
                .unwrap_or_default()
                .iter()
                .find(|item| item.attr("jid") == Some(&address))
                .and_then(|item| item.attr("name")?.strip_prefix('v')?.parse().ok());
            let register = self.contact_register(contact);
            self.history.borrow_mut().check_register(&register, shown);
        }

        let private = self
            .ask(
                "private",
                "<iq type='get' id='private'><query xmlns='jabber:iq:private'>\
                 <crash xmlns='crash:test'/></query></iq>",
            )
            .await?;
        let shown = private
            .at(&["query", "crash"])
            .and_then(|element| element.text.parse().ok());
        let register = self.private_register();
        self.history.borrow_mut().check_register(&register, shown);
        Ok(self)
    }

    /// Reads an archive (its new part, or all of it) and hands it to the checker.
    pub(crate) async fn audit_archive(
        &mut self,
        name: &str,
        to: Option<&str>,
        lines: &[String],
        whole: bool,
    ) -> Outcome<()> {
        let mut entries = if whole {
            Vec::new()
        } else {
            self.history.borrow().known(name).to_vec()
        };
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        loop {
            let after = entries.last().map_or_else(String::new, |entry| {
                format!("<after>{}</after>", xml::escaped(&entry.id))
            });
            let query = format!(
                "<iq type='set' id='page'{to}><query xmlns='urn:xmpp:mam:2' queryid='page'>\
                 <set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{after}</set></query></iq>"
            );
            self.send(&query, Change::Volatile)?;
            if self.read_page(&mut entries).await? {
                break;
            }
        }
        self.history
            .borrow_mut()
            .check_archive(name, lines, entries);
        Ok(())
    }

    /// Adds a page of messages; true if it was the last one.
    async fn read_page(&mut self, entries: &mut Vec<Entry>) -> Outcome<bool> {
        loop {
            let element = tree(self.client()?.next().await?)?;
            if element.name == "message" {
                entries.extend(archived(&element));
            } else if element.attr("id") == Some("page") {
                let Some(fin) = element.child("fin") else {
                    return unexpected(format!("{element:?}"));
                };
                return Ok(fin.attr("complete") == Some("true"));
            }
        }
    }

    async fn ask(&mut self, id: &str, iq: &str) -> Outcome<Node> {
        self.send(iq, Change::Volatile)?;
        loop {
            let element = tree(self.client()?.next().await?)?;
            if element.attr("id") != Some(id) {
                continue;
            }
            if element.attr("type") != Some("result") {
                return unexpected(format!("{element:?}"));
            }
            return Ok(element);
        }
    }

    fn send(&mut self, stanza: &str, change: Change) -> Outcome<()> {
        let number = self.client()?.send(stanza);
        self.pending.push_back((number, change));
        Ok(())
    }

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
        match self.random.below(10) {
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
            _ => {
                self.values += 1;
                let value = self.values;
                let place = history.register_written(&self.private_register(), Some(value));
                Change::Private { value, place }
            }
        }
    }

    fn write(&mut self, change: Change) -> Outcome<()> {
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

    /// Takes in whatever comes.
    fn take(&mut self, element: &[u8]) -> Outcome<()> {
        if xml::is(element, "a") {
            let acked = self.client()?.management.as_ref().map_or(0, |it| it.acked);
            self.take_acknowledged(acked);
        } else if xml::is(element, "iq") {
            self.take_iq(element)?;
        } else if xml::is(element, "message") {
            self.take_message(&tree(element)?)?;
        }
        Ok(())
    }

    fn take_iq(&mut self, element: &[u8]) -> Outcome<()> {
        let id = xml::attr(element, "id").unwrap_or_default();
        match xml::attr(element, "type") {
            Some("result") => {
                self.take_result(id);
                Ok(())
            }
            // RFC 6121 section 2.1.6: a roster push wants an answer, which is a stanza like others.
            Some("set" | "get") => {
                let answer = format!("<iq type='result' id='{id}'/>");
                self.send(&answer, Change::Volatile)
            }
            _ => unexpected(String::from_utf8_lossy(element)),
        }
    }

    fn take_result(&self, id: &str) {
        let confirmed = self.pending.iter().find(|(_, change)| match change {
            Change::Contact { contact, place, .. } => id == format!("c{contact}.{place}"),
            Change::Private { place, .. } => id == format!("x{place}"),
            _ => false,
        });
        if let Some((_, change)) = confirmed {
            self.promised(change);
        }
    }

    fn take_message(&mut self, message: &Node) -> Outcome<()> {
        if message.attr("type") == Some("error") {
            return unexpected(format!("{message:?}"));
        }
        let is_room = message.attr("type") == Some("groupchat");
        let archive_address = if is_room {
            room()
        } else {
            format!("{}@localhost", self.user)
        };
        let Some((line, number)) = message
            .child("body")
            .and_then(|body| parse_body(&body.text))
        else {
            return Ok(());
        };
        let stanza_id = message.children.iter().find(|child| {
            child.name == "stanza-id" && child.attr("by") == Some(archive_address.as_str())
        });
        let Some(id) = stanza_id.and_then(|element| element.attr("id")) else {
            return unexpected(format!("a message without the archive's id: {message:?}"));
        };
        let entry = Entry {
            id: id.to_owned(),
            line,
            number,
        };
        let view = if is_room {
            self.room_view()
        } else {
            self.user.clone()
        };
        self.history.borrow_mut().message_delivered(&view, entry);
        Ok(())
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

fn parse_body(body: &str) -> Option<(String, u64)> {
    let mut words = body.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// A message of an archive page (XEP-0313 section 4.2), if it has a body of ours.
fn archived(message: &Node) -> Option<Entry> {
    let result = message.child("result")?;
    let body = result.at(&["forwarded", "message", "body"])?;
    let (line, number) = parse_body(&body.text)?;
    Some(Entry {
        id: result.attr("id")?.to_owned(),
        line,
        number,
    })
}
