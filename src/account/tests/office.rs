//! A domain with accounts, some of them online: what is asked is evaluated, and applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::account;
use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::effect::people::PeopleSearch;
use crate::effect::people::Person;
use crate::effect::proposal::Need;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::settings::Settings;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountState;
use crate::model::account::Credentials;
use crate::model::account::Present;
use crate::model::account::ScramKeys;
use crate::model::epochs::Epochs;
use crate::model::op::Halt;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::position::subs;
use crate::model::row::Cell;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::route;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::Stanza;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Element;

pub(super) struct Office {
    pub(super) state: State,
    pub(super) settings: Settings,
    pub(super) now: Timestamp,
    /// Passwords that were to be derived, by account.
    pub(super) passwords: Vec<Secret>,
    /// What sessions got, and which of them ended.
    pub(super) inbox: Vec<(SessionId, String)>,
    pub(super) ended: Vec<SessionId>,
    /// Ends of the server that were ordered.
    pub(super) halts: Vec<Halt>,
    sessions: BTreeMap<FullJid, SessionId>,
    seq: u64,
}

impl Office {
    /// `boss@test` administers; it and the others have accounts, and nobody is online.
    pub(super) fn with(people: &[&str]) -> Self {
        let mut rows = Rows::default();
        let secret = Row::Bytes {
            bytes: [7; 32].as_slice().into(),
        };
        let name = RowName::Secret {
            purpose: "login".into(),
        };
        rows.put(name, cell(secret));
        let mut office = Self {
            state: State {
                node: Some(Arc::new(rows)),
                ..State::default()
            },
            settings: Settings {
                domain: "test".into(),
                admins: [bare("boss@test")].into(),
                registration: true,
                ..Settings::default()
            },
            now: Timestamp::from_unix_ms(1_700_000_000_000),
            passwords: Vec::new(),
            inbox: Vec::new(),
            ended: Vec::new(),
            halts: Vec::new(),
            sessions: BTreeMap::new(),
            seq: 0,
        };
        for name in people.iter().chain(&["boss@test"]) {
            let add = |view: &View<'_>| {
                account::command::add(view, &bare(name), &Secret::from("secret"), false)
            };
            let proposal = office.evaluate(add).unwrap();
            office.commit(&proposal);
        }
        office
    }

    pub(super) fn log_in(&mut self, name: &str) -> SessionId {
        let jid = full(name);
        let session = SessionId(u64::try_from(self.sessions.len()).unwrap() + 1);
        self.sessions.insert(jid.clone(), session);
        let since = self.now;
        let said = Arc::new(Outgoing {
            kind: Kind::Presence(PresenceType::Available),
            from: jid.to_jid(),
            to: None,
            id: None,
            lang: None,
            payload: Vec::new().into(),
        });
        let here = Present {
            priority: 0,
            stanza: Arc::clone(&said),
        };
        let bind = Soft::Bind {
            jid: jid.clone(),
            session,
            node: 0,
            device: None,
            since,
        };
        let come = Soft::Presence {
            jid,
            presence: Some(here),
            said,
        };
        for op in [bind, come] {
            self.apply(At::default(), &Op::soft(op));
        }
        session
    }

    /// What the person asks is answered, and done: the answer as it is written.
    pub(super) fn ask(&mut self, name: &str, xml: &str) -> String {
        let from = full(name);
        let element = Element::parse(xml.as_bytes()).unwrap();
        let request = Request {
            session: self.sessions[&from],
            from: from.clone(),
            stanza: Arc::new(Stanza::parse(element).unwrap()),
        };
        let answer = match self.evaluate(|view| route::iq::evaluate(view, &request)) {
            Ok(proposal) => {
                self.commit(&proposal);
                let found = proposal.query.as_ref().map(|query| self.find(query));
                let items = found.into_iter().flatten();
                let found = items.map(|item| match item {
                    Item::Stanza { stanza } => stanza,
                    other => panic!("{other:?} answers no question about accounts"),
                });
                proposal.answers.iter().cloned().chain(found).next()
            }
            Err(Stop::Refuse { error }) => error.answer(&request.stanza, &from).map(Arc::new),
            Err(stop) => panic!("{stop:?}"),
        };
        let mut out = Vec::new();
        answer.unwrap().write(&mut out, &from, b"");
        String::from_utf8(out).unwrap()
    }

    fn find_people(&self, search: &PeopleSearch) -> Found {
        let all = self.state.accounts.iter();
        let people = all.filter_map(|(jid, account)| {
            let person = Person::parse(jid, account.bytes(&RowName::VCard)?);
            person.filter(|person| search.matches(person))
        });
        Found::People {
            people: people.collect(),
        }
    }

    fn find(&self, query: &crate::effect::query::Query) -> Vec<Item> {
        if let Question::People { search } = &query.question {
            return account::answer(query, &self.find_people(search));
        }
        let Question::Accounts {
            after,
            count_max,
            disabled_only,
            ..
        } = &query.question
        else {
            panic!("not about accounts");
        };
        let all = self.state.accounts.iter().filter(|(_, account)| {
            let disabled = account.row().map(|row| row.state) == Some(AccountState::Disabled);
            account.exists() && (disabled || !disabled_only)
        });
        let all: Vec<BareJid> = all.map(|(jid, _)| jid.clone()).collect();
        let total = u64::try_from(all.len()).unwrap();
        let jids = all
            .into_iter()
            .filter(|jid| after.as_ref().is_none_or(|after| jid > after))
            .take(*count_max)
            .collect();
        account::answer(query, &Found::List { jids, total })
    }

    /// As the core does: what is needed is brought, then it is evaluated again.
    pub(super) fn evaluate(
        &mut self,
        feature: impl Fn(&View<'_>) -> Result<Proposal, Stop>,
    ) -> Result<Proposal, Stop> {
        self.seq += 1;
        let mut facts = Facts {
            now: self.now,
            random: [u8::try_from(self.seq % 251).unwrap(); 32],
            ..Facts::default()
        };
        loop {
            let view = View::new(&self.state, &self.settings, &facts);
            match feature(&view) {
                Err(Stop::Need {
                    need: Need::Load { key },
                }) => {
                    let crate::model::row::RecordKey::Account { jid } = key else {
                        panic!("{key:?} is always here");
                    };
                    self.state
                        .accounts
                        .insert(jid, Arc::new(Account::default()));
                }
                Err(Stop::Need {
                    need: Need::Derive { password },
                }) => {
                    self.passwords.push(password);
                    facts.derived = Some(Arc::new(keys()));
                }
                result => return result,
            }
        }
    }

    pub(super) fn commit(&mut self, proposal: &Proposal) {
        self.seq += 1;
        for (sub, op) in subs().zip(&proposal.ops) {
            let at = At {
                position: Position::new(Epoch::default(), self.seq, 0).with_sub(sub),
                stamp: Hlc::default(),
            };
            let facts = Facts::default();
            let view = View::new(&self.state, &self.settings, &facts);
            let mut sends = Sends::default();
            route::deliver(&view, at, op, &mut sends);
            self.ended.extend(sends.ended.iter().map(|(id, _)| *id));
            self.halts.extend(sends.halt);
            for (session, item) in sends.items {
                if let Item::Stanza { stanza } = item {
                    let text = String::from_utf8(stanza.payload.to_vec()).unwrap();
                    self.inbox.push((session, text));
                }
            }
            self.apply(at, op);
        }
    }

    fn apply(&mut self, at: At, op: &Op) {
        self.state.apply(at, op, &Epochs::default());
    }

    pub(super) fn account(&self, name: &str) -> &Account {
        &self.state.accounts[&bare(name)]
    }
}

pub(super) fn bare(name: &str) -> BareJid {
    BareJid::parse(name).unwrap()
}

pub(super) fn full(name: &str) -> FullJid {
    FullJid::parse(name).unwrap()
}

fn cell(row: Row) -> Cell {
    Cell::new(Position::ZERO, Hlc::default(), Some(row))
}

fn keys() -> Credentials {
    let keys = || ScramKeys {
        salt: vec![1; 16],
        iterations: 4_096,
        stored_key: Secret::from("stored"),
        server_key: Secret::from("server"),
    };
    Credentials {
        sha1: keys(),
        sha256: keys(),
    }
}
