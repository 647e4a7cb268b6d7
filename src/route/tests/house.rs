//! A small house for scenarios: accounts in memory, sessions with an inbox, one input after the other.
//!
//! What the core does beyond that (numbers, commits, queues, residence) is not here: an input is
//! evaluated, its ops are delivered and applied, its answers follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::effect::proposal::Need;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::records::records_of;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::LastItems;
use crate::effect::sends::Sends;
use crate::effect::settings::Settings;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::contact::Contact;
use crate::model::epochs::Epochs;
use crate::model::op::Kicked;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::position::subs;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub;
use crate::route;
use crate::stanza::Stanza;
use crate::xml::Element;

const DOMAIN: &str = "house.example";
const PUBSUB: &str = "pubsub.house.example";

/// The domain `house.example` with everything in memory.
pub(crate) struct House {
    pub(crate) state: State,
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    seq: u64,
    sessions: BTreeMap<SessionId, FullJid>,
    inboxes: BTreeMap<SessionId, Vec<String>>,
    lasts: Vec<LastItems>,
    /// Accounts that are not in memory, once `is_far` is set.
    shelf: BTreeMap<BareJid, Arc<Account>>,
    /// What is said here is delivered on another board, which has evaluated nothing.
    pub(crate) is_far: bool,
}

impl House {
    /// With these accounts, their names the local parts.
    pub(crate) fn with(names: &[&str]) -> Self {
        let mut house = Self {
            state: State {
                node: Some(Arc::default()),
                ..State::default()
            },
            settings: Settings {
                domain: DOMAIN.into(),
                pubsub_host: Some(PUBSUB.into()),
                ..Settings::default()
            },
            now: Timestamp::from_unix_ms(1_790_000_000_000),
            seq: 0,
            sessions: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            lasts: Vec::new(),
            shelf: BTreeMap::new(),
            is_far: false,
        };
        for (number, name) in (1_u64..).zip(names) {
            let jid = bare(name);
            house.state.accounts.insert(jid.clone(), Arc::default());
            let row = AccountRow {
                incarnation: Incarnation(number),
                state: AccountState::Enabled,
                admin: false,
                created: house.now,
            };
            house.set(&jid, RowName::Account, Some(Row::Account { row }));
        }
        house
    }

    /// Sets a row of an account, as an entry of its own.
    pub(crate) fn set(&mut self, jid: &BareJid, name: RowName, row: Option<Row>) {
        let record = RecordKey::Account { jid: jid.clone() };
        self.commit(&[Op::row(record, name, row)]);
    }

    /// Sets a row of the node.
    pub(crate) fn set_node(&mut self, name: RowName, row: Row) {
        self.commit(&[Op::row(RecordKey::Node, name, Some(row))]);
    }

    pub(crate) fn block(&mut self, name: &str, blocked: &str) {
        let name_of_row = RowName::Blocked {
            jid: Jid::parse(blocked).unwrap(),
        };
        self.set(&bare(name), name_of_row, Some(Row::Blocked));
    }

    /// The account is deleted, as by the command line.
    pub(crate) fn delete(&mut self, name: &str) {
        let jid = bare(name);
        let proposal = self
            .until_loaded(|view| crate::account::command::delete(view, &jid, Kicked::All))
            .unwrap();
        self.commit(&proposal.ops);
    }

    /// A session without presence; `user` is `name/resource`.
    pub(crate) fn bind(&mut self, user: &str) {
        let jid = full(user);
        let session = SessionId(u64::try_from(self.inboxes.len()).unwrap() + 1);
        self.sessions.insert(session, jid.clone());
        self.inboxes.insert(session, Vec::new());
        let since = self.now;
        self.commit(&[Op::soft(Soft::Bind {
            jid,
            session,
            node: 0,
            device: None,
            since,
        })]);
    }

    /// A session as most clients begin: roster, presence; what that brings is not in the inbox.
    pub(crate) fn log_in(&mut self, user: &str) {
        self.bind(user);
        self.send(
            user,
            "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
        );
        self.send(user, "<presence/>");
        self.take(user);
    }

    /// Two users who see each other.
    pub(crate) fn befriend(&mut self, one: &str, other: &str) {
        for (own, jid) in [(one, other), (other, one)] {
            let contact = Contact {
                listed: true,
                out: crate::model::contact::Outward::To,
                inward: crate::model::contact::Inward::From,
                ..Contact::default()
            };
            let row = Row::Contact {
                contact: Arc::new(contact),
            };
            let name = RowName::Contact { jid: bare(jid) };
            self.set(&bare(own), name, Some(row));
        }
    }

    pub(crate) fn send(&mut self, user: &str, xml: &str) {
        self.now = self.now.plus_ms(1_000);
        let (session, from) = self.session(user);
        let stanza = Stanza::parse(Element::parse(xml.as_bytes()).unwrap()).unwrap();
        let request = Request {
            session,
            from: from.clone(),
            stanza: Arc::new(stanza),
        };
        let result = self.until_loaded(|view| route::evaluate(view, &request));
        let proposal = match result {
            Ok(proposal) => proposal,
            Err(Stop::Refuse { error }) => error
                .answer(&request.stanza, &from)
                .map_or_else(Proposal::nothing, Proposal::answer),
            Err(Stop::Ignore) => Proposal::nothing(),
            Err(Stop::Need { need }) => panic!("unexpected {need:?}"),
        };
        self.commit(&proposal.ops);
        for answer in proposal.answers {
            self.push(session, &Item::Stanza { stanza: answer });
        }
    }

    /// A service of an account is told (XEP-0357).
    pub(crate) fn notify(&mut self, user: &BareJid, name: &RowName, count: u32) {
        let proposal = self
            .until_loaded(|view| route::own::notify(view, user, name, count))
            .unwrap();
        self.commit(&proposal.ops);
    }

    /// The session is over, whatever the reason.
    pub(crate) fn end(&mut self, user: &str) {
        self.now = self.now.plus_ms(1_000);
        let (session, jid) = self.session(user);
        let proposal = self
            .until_loaded(|view| route::evaluate_end(view, &jid, session))
            .unwrap();
        self.commit(&proposal.ops);
        self.sessions.remove(&session);
    }

    /// What the session got since it was last asked.
    pub(crate) fn take(&mut self, user: &str) -> Vec<String> {
        let (session, _) = self.session(user);
        std::mem::take(self.inboxes.get_mut(&session).unwrap())
    }

    /// What was taken too early.
    pub(crate) fn give_back(&mut self, user: &str, texts: Vec<String>) {
        let (session, _) = self.session(user);
        let inbox = self.inboxes.get_mut(&session).unwrap();
        inbox.splice(0..0, texts);
    }

    pub(crate) fn account(&self, name: &str) -> &Account {
        &self.state.accounts[&bare(name)]
    }

    pub(crate) fn contact(&self, own: &str, other: &str) -> Option<&Contact> {
        self.account(own).contact(&bare(other))
    }

    fn session(&self, user: &str) -> (SessionId, FullJid) {
        let jid = full(user);
        let found = self.sessions.iter().rev().find(|(_, one)| **one == jid);
        (*found.unwrap().0, jid)
    }

    fn until_loaded(
        &mut self,
        evaluate: impl Fn(&View<'_>) -> Result<Proposal, Stop>,
    ) -> Result<Proposal, Stop> {
        loop {
            let facts = self.facts();
            let view = View::new(&self.state, &self.settings, &facts);
            match evaluate(&view) {
                Err(Stop::Need {
                    need:
                        Need::Load {
                            key: RecordKey::Account { jid },
                        },
                }) => {
                    let account = self.shelf.remove(&jid).unwrap_or_default();
                    self.state.accounts.insert(jid, account);
                }
                Err(Stop::Need {
                    need:
                        Need::Load {
                            key: RecordKey::Leaf { leaf },
                        },
                }) => {
                    self.state.leaves.insert(leaf, Arc::default());
                }
                result => return result,
            }
        }
    }

    fn facts(&self) -> Facts {
        // As good as drawn: no two inputs are of one moment.
        let mut random = [0; 32];
        random[8..16].copy_from_slice(&self.now.unix_ms().to_be_bytes());
        Facts {
            now: self.now,
            random,
            ..Facts::default()
        }
    }

    pub(crate) fn commit(&mut self, ops: &[Op]) {
        if ops.is_empty() {
            return;
        }
        self.seq += 1;
        let epoch = Epoch {
            counter: 1,
            node: 0,
            salt: 7,
        };
        if self.is_far {
            let is_away = |_: &BareJid, account: &mut Arc<Account>| account.online.is_empty();
            let away = self.state.accounts.extract_if(.., is_away);
            self.shelf.extend(away);
        }
        for key in records_of(ops) {
            match key {
                RecordKey::Leaf { leaf } => {
                    self.state.leaves.entry(leaf).or_default();
                }
                RecordKey::Account { jid } => {
                    if let Some(account) = self.shelf.remove(&jid) {
                        self.state.accounts.insert(jid, account);
                    }
                }
                RecordKey::Room { .. } | RecordKey::Node => {}
            }
        }
        for (sub, op) in subs().zip(ops) {
            let at = At {
                position: Position::new(epoch, self.seq, sub),
                stamp: Hlc::default().next(self.now.unix_ms(), 0),
            };
            let facts = self.facts();
            let view = View::new(&self.state, &self.settings, &facts);
            let mut sends = Sends::default();
            route::deliver(&view, at, op, &mut sends);
            self.state.apply(at, op, &Epochs::default());
            for (session, item) in &sends.items {
                self.push(*session, item);
            }
            for wish in sends.lasts {
                for owner in &wish.owners {
                    let step = LastItems {
                        owners: vec![owner.clone()],
                        ..wish.clone()
                    };
                    self.lasts.push(step);
                }
            }
            for session in sends.replays {
                self.inboxes
                    .entry(session)
                    .or_default()
                    .push("replay".into());
            }
        }
        for wish in std::mem::take(&mut self.lasts) {
            let found = self.until_loaded(|view| pubsub::evaluate_last(view, &wish));
            self.commit(&found.unwrap().ops);
        }
    }

    fn push(&mut self, session: SessionId, item: &Item) {
        let Some(reader) = self.sessions.get(&session) else {
            return;
        };
        let text = match item {
            Item::Stanza { stanza } => {
                let mut out = Vec::new();
                stanza.write(&mut out, reader, b"");
                String::from_utf8(out).unwrap()
            }
            Item::Kept { how, .. } => format!("kept {how:?}"),
            other => format!("{other:?}"),
        };
        self.inboxes.entry(session).or_default().push(text);
    }
}

pub(crate) fn bare(name: &str) -> BareJid {
    let text = if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}@{DOMAIN}")
    };
    BareJid::parse(&text).unwrap()
}

fn full(user: &str) -> FullJid {
    let (name, resource) = user.split_once('/').unwrap();
    FullJid::parse(&format!("{name}@{DOMAIN}/{resource}")).unwrap()
}
