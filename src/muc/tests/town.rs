//! People with clients, and rooms to meet in: what they send is evaluated, applied and delivered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::archive::forward;
use crate::base::ids::Incarnation;
use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::time::Timestamp;
use crate::effect::proposal::Need;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::settings::Settings;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::epochs::Epochs;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::position::subs;
use crate::model::room::Room;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::stanza_id::StanzaIds;
use crate::route;
use crate::stanza::Stanza;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Element;

/// The whole server as far as rooms need it.
pub(super) struct Town {
    pub(super) state: State,
    pub(super) settings: Settings,
    pub(super) now: Timestamp,
    seq: u64,
    sessions: BTreeMap<SessionId, FullJid>,
    kept: BTreeMap<Position, (Timestamp, Arc<Message>, Vec<Place>)>,
    ids: StanzaIds,
    inbox: BTreeMap<FullJid, Vec<String>>,
    /// Every stanza that was sent, each once, however many have got it.
    sent: Vec<Arc<Outgoing>>,
    /// What people get is counted, but not written.
    pub(super) is_deaf: bool,
    pub(super) sends: usize,
}

impl Town {
    /// Everybody named is online: `alice` with the device `alice@test/one`, `bob/two` with another.
    pub(super) fn with(people: &[&str]) -> Self {
        let settings = Settings {
            domain: "test".into(),
            rooms_host: Some("rooms.test".into()),
            ids: StanzaIds::new([1; 16]),
            ..Settings::default()
        };
        let mut town = Self {
            state: State::default(),
            settings,
            now: Timestamp::from_unix_ms(1_700_000_000_000),
            seq: 0,
            sessions: BTreeMap::new(),
            kept: BTreeMap::new(),
            ids: StanzaIds::new([1; 16]),
            inbox: BTreeMap::new(),
            sent: Vec::new(),
            is_deaf: false,
            sends: 0,
        };
        for name in people {
            town.log_in(name);
        }
        town
    }

    pub(super) fn log_in(&mut self, name: &str) {
        let jid = full(name);
        let session = SessionId(u64::try_from(self.sessions.len()).unwrap() + 1);
        self.state
            .accounts
            .entry(jid.bare())
            .or_insert_with(|| Arc::new(Account::default()));
        self.sessions.insert(session, jid.clone());
        let since = self.now;
        self.commit(&Proposal::nothing().soft(Soft::Bind {
            jid,
            session,
            node: 0,
            device: None,
            since,
        }));
    }

    /// The person's account exists, and takes messages for later.
    pub(super) fn make_account(&mut self, name: &str) {
        self.make_account_of(name, 9);
        self.send(name, "<presence xmlns='jabber:client'/>");
        self.clear();
    }

    /// The person's account is deleted, and somebody else makes one with the same name.
    pub(super) fn make_account_again(&mut self, name: &str) {
        self.make_account_of(name, 10);
    }

    fn make_account_of(&mut self, name: &str, number: u64) {
        let jid = full(name).bare();
        let row = AccountRow {
            incarnation: Incarnation(number),
            state: AccountState::Enabled,
            admin: false,
            created: self.now,
        };
        let record = RecordKey::Account { jid };
        let row = Some(Row::Account { row });
        self.commit(&Proposal::nothing().row(record, RowName::Account, row));
    }

    /// What the person sends is handled; returns what the sender is answered directly.
    pub(super) fn send(&mut self, name: &str, xml: &str) {
        let from = full(name);
        let element = Element::parse(xml.as_bytes()).unwrap();
        let request = Request {
            session: self.session(&from),
            from: from.clone(),
            stanza: Arc::new(Stanza::parse(element).unwrap()),
        };
        let proposal = self.evaluate(|view| route::evaluate(view, &request));
        let proposal = match proposal {
            Ok(proposal) => proposal,
            Err(error) => match error.answer(&request.stanza, &from) {
                Some(answer) => Proposal::answer(answer),
                None => Proposal::nothing(),
            },
        };
        let answers = proposal.answers.clone();
        let query = proposal.query.clone();
        self.commit(&proposal);
        for stanza in answers {
            self.receive(request.session, &Item::Stanza { stanza });
        }
        if let Some(query) = query {
            self.answer(request.session, &query);
        }
    }

    pub(super) fn log_out(&mut self, name: &str) {
        let jid = full(name);
        let session = self.session(&jid);
        let proposal = self
            .evaluate(|view| route::evaluate_end(view, &jid, session))
            .unwrap();
        self.commit(&proposal);
        self.sessions.remove(&session);
    }

    /// Everybody is out, and memory is lost.
    pub(super) fn restart(&mut self) {
        for account in self.state.accounts.values_mut() {
            Arc::make_mut(account).online.clear();
        }
        for room in self.state.rooms.values_mut() {
            let room = Arc::make_mut(room);
            room.occupants.clear();
            room.nicks.clear();
        }
        self.sessions.clear();
    }

    /// What the person has received since the last look.
    pub(super) fn inbox(&mut self, name: &str) -> Vec<String> {
        self.inbox.remove(&full(name)).unwrap_or_default()
    }

    /// Messages that no device of the user has taken.
    pub(super) fn untaken(&self, name: &str) -> usize {
        self.state.accounts[&full(name).bare()].untaken.len()
    }

    /// How many stanzas were made, in all.
    pub(super) fn made(&self) -> usize {
        self.sent.len()
    }

    /// Nobody has anything unread.
    pub(super) fn clear(&mut self) {
        self.inbox.clear();
    }

    pub(super) fn room(&self, name: &str) -> Option<&Room> {
        let jid = BareJid::parse(&format!("{name}@rooms.test")).unwrap();
        self.state.rooms.get(&jid).map(AsRef::as_ref)
    }

    /// Enters under the given nickname.
    pub(super) fn enter(&mut self, name: &str, nick: &str) {
        let xml = format!(
            "<presence xmlns='jabber:client' to='hall@rooms.test/{nick}'>\
             <x xmlns='http://jabber.org/protocol/muc'/></presence>"
        );
        self.send(name, &xml);
    }

    /// Makes the room `hall`, open for all, with the creator inside.
    pub(super) fn open_hall(&mut self, name: &str, nick: &str) {
        self.enter(name, nick);
        self.send(
            name,
            "<iq xmlns='jabber:client' type='set' id='open' to='hall@rooms.test'>\
             <query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'/></query></iq>",
        );
        self.clear();
    }

    /// Submits these fields of the configuration.
    pub(super) fn configure(&mut self, name: &str, fields: &[(&str, &str)]) {
        let field = |(name, value): &(&str, &str)| {
            format!("<field var='muc#roomconfig_{name}'><value>{value}</value></field>")
        };
        let fields: Vec<String> = fields.iter().map(field).collect();
        let fields = fields.concat();
        let xml = format!(
            "<iq xmlns='jabber:client' type='set' id='conf' to='hall@rooms.test'>\
             <query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE'>\
             <value>http://jabber.org/protocol/muc#roomconfig</value></field>{fields}</x></query></iq>"
        );
        self.send(name, &xml);
        one(&self.inbox(name), &["type='result'", "id='conf'"]);
    }

    pub(super) fn say(&mut self, name: &str, body: &str) {
        let xml = format!(
            "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat' id='m'>\
             <body>{body}</body></message>"
        );
        self.send(name, &xml);
    }

    fn session(&self, jid: &FullJid) -> SessionId {
        let found = self.sessions.iter().find(|(_, one)| *one == jid);
        *found.unwrap().0
    }

    fn evaluate(
        &mut self,
        ask: impl Fn(&View<'_>) -> Result<Proposal, Stop>,
    ) -> Result<Proposal, crate::stanza::StanzaError> {
        let mut random = [7; 32];
        random[..8].copy_from_slice(&self.seq.to_be_bytes());
        random[24..].copy_from_slice(&self.seq.to_be_bytes());
        let facts = Facts {
            now: self.now,
            newest_epoch: 1,
            random,
            ..Facts::default()
        };
        loop {
            let view = View::new(&self.state, &self.settings, &facts);
            match ask(&view) {
                Ok(proposal) => return Ok(proposal),
                Err(Stop::Refuse { error }) => return Err(error),
                Err(Stop::Ignore) => return Ok(Proposal::nothing()),
                Err(Stop::Need {
                    need: Need::Load { key },
                }) => self.load(key),
                Err(Stop::Need { .. }) => panic!("no passwords in town"),
            }
        }
    }

    fn load(&mut self, key: RecordKey) {
        match key {
            RecordKey::Account { jid } => {
                self.state.accounts.insert(jid, Arc::default());
            }
            RecordKey::Room { jid } => {
                self.state.rooms.insert(jid, Arc::default());
            }
            RecordKey::Node => self.state.node = Some(Arc::default()),
            RecordKey::Leaf { leaf } => drop(self.state.leaves.insert(leaf, Arc::default())),
        }
    }

    fn commit(&mut self, proposal: &Proposal) {
        self.seq += 1;
        let epoch = Epoch {
            counter: 1,
            node: 0,
            salt: 0,
        };
        let facts = Facts {
            now: self.now,
            ..Facts::default()
        };
        for (sub, op) in subs().zip(&proposal.ops) {
            let at = At {
                position: Position::new(epoch, self.seq, sub),
                stamp: Hlc::default(),
            };
            if let Op::Durable {
                op: Durable::Message { message, places },
            } = op
            {
                let row = (self.now, Arc::clone(message), places.clone());
                self.kept.insert(at.position, row);
            }
            if let Op::Durable {
                op: Durable::Retract { retraction, .. },
            } = op
            {
                let mut kept = self.kept.iter_mut().rev();
                let found = kept.find(|(at, (_, message, _))| retraction.covers(**at, message));
                if let Some((_, (_, message, _))) = found {
                    *message = Arc::new(retraction.bury_again(message));
                }
            }
            let mut sends = Sends::default();
            let view = View::new(&self.state, &self.settings, &facts);
            route::deliver(&view, at, op, &mut sends);
            self.state.apply(at, op, &Epochs::default());
            for (session, item) in sends.items {
                self.receive(session, &item);
            }
        }
    }

    fn answer(&mut self, session: SessionId, query: &Query) {
        let found = match &query.question {
            Question::RoomHistory { page, .. } => self.page(page),
            // Nothing that persists is in town.
            Question::Channels { .. } => Found::Channels { rooms: Vec::new() },
            _ => Found::List {
                jids: Vec::new(),
                total: 0,
            },
        };
        let facts = Facts::default();
        let view = View::new(&self.state, &self.settings, &facts);
        for item in route::answer(&view, query, found) {
            self.receive(session, &item);
        }
    }

    fn page(&self, page: &ArchivePage) -> Found {
        let mut rows: Vec<Kept> = self
            .kept
            .iter()
            .filter(|(position, (at, _, places))| {
                places
                    .iter()
                    .any(|place| place.owner == page.owner && page.matches(**position, *at, place))
            })
            .map(|(position, (at, message, _))| Kept {
                position: *position,
                at: *at,
                message: Arc::clone(message),
            })
            .collect();
        rows.drain(..rows.len().saturating_sub(page.count_max));
        Found::Page {
            rows,
            complete: true,
            total: None,
        }
    }

    fn receive(&mut self, session: SessionId, item: &Item) {
        self.sends += 1;
        let reader = self.sessions.get(&session).filter(|_| !self.is_deaf);
        let Some(reader) = reader.cloned() else {
            return;
        };
        let mut out = Vec::new();
        match item {
            Item::Stanza { stanza } => {
                if !self.sent.iter().any(|one| Arc::ptr_eq(one, stanza)) {
                    self.sent.push(Arc::clone(stanza));
                }
                stanza.write(&mut out, &reader, b"");
            }
            Item::Kept { position, how } => {
                let (at, message, _) = &self.kept[position];
                let owner = if *how == How::Direct {
                    reader.bare()
                } else {
                    message.from.to_bare()
                };
                let id = self.ids.id(*position, &owner);
                let late = (*how == How::RoomHistory).then_some((*at, owner.as_str()));
                let id = Some((&id, &owner));
                forward::write_direct(&mut out, Some(&reader), message, id, late);
            }
            Item::Bytes { .. } | Item::Result { .. } => {}
        }
        let text = String::from_utf8(out).unwrap();
        // What leaves is well-formed.
        assert!(Element::parse(text.as_bytes()).is_ok(), "{text}");
        self.inbox.entry(reader).or_default().push(text);
    }
}

/// `alice` is `alice@test/one`, `alice/two` another device of hers.
fn full(name: &str) -> FullJid {
    let (user, device) = name.split_once('/').unwrap_or((name, "one"));
    FullJid::parse(&format!("{user}@test/{device}")).unwrap()
}

/// The one stanza that has all of `parts` in it.
pub(super) fn one<'a>(inbox: &'a [String], parts: &[&str]) -> &'a str {
    let found = all(inbox, parts);
    assert!(found.len() == 1, "{parts:?} in {inbox:#?}");
    found[0]
}

pub(super) fn all<'a>(inbox: &'a [String], parts: &[&str]) -> Vec<&'a str> {
    let has = |text: &&String| parts.iter().all(|part| text.contains(part));
    inbox.iter().filter(has).map(String::as_str).collect()
}

pub(super) fn none(inbox: &[String], parts: &[&str]) {
    assert!(all(inbox, parts).is_empty(), "{parts:?} in {inbox:#?}");
}
