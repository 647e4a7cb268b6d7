//! What the users and the administrator of the other node do.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::core::Now;
use crate::effect::settings::Settings;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::log::Kind;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::entry::Entry;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::KickReason;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route;
use crate::stanza::MessageType;
use crate::testing::sim::sequencer::NODE;
use crate::testing::sim::sequencer::Peer;

/// What one of its users or its administrator does.
#[derive(Clone, Debug)]
pub(in crate::testing::sim) enum Deed {
    Message {
        from: BareJid,
        to: BareJid,
        body: String,
    },
    /// A row of policy is written again: guards that read it fail.
    Touch {
        account: BareJid,
    },
    SetEnabled {
        account: BareJid,
        is_enabled: bool,
    },
    /// Another stream takes the resource there.
    Take {
        jid: FullJid,
    },
}

impl Peer {
    /// One of its own entries.
    pub(in crate::testing::sim) fn act(&mut self, now: Now, deed: Deed) {
        let op_id = self.op_id();
        let ops = match deed {
            Deed::Message { from, to, body } => self.message(&from, &to, &body),
            Deed::Touch { account } => self.rewrite(&account, |row| row),
            Deed::SetEnabled {
                account,
                is_enabled,
            } => {
                let state = if is_enabled {
                    AccountState::Enabled
                } else {
                    AccountState::Disabled
                };
                let mut ops = self.rewrite(&account, |row| AccountRow { state, ..row });
                if !is_enabled {
                    let why = KickReason::NotAuthorized;
                    let whom = crate::model::op::Kicked::All;
                    ops.push(Op::soft(Soft::Kick { account, whom, why }));
                }
                ops
            }
            Deed::Take { jid } => self.seize(now, &jid),
        };
        if !ops.is_empty() {
            self.number(now, op_id, None, ops, None);
        }
    }

    fn row(&self, account: &BareJid) -> Option<AccountRow> {
        let key = RecordKey::Account {
            jid: account.clone(),
        };
        match self.tables.rows(&key).row(&RowName::Account) {
            Some(Row::Account { row }) => Some(*row),
            _ => None,
        }
    }

    fn rewrite(&self, account: &BareJid, change: impl Fn(AccountRow) -> AccountRow) -> Vec<Op> {
        let key = RecordKey::Account {
            jid: account.clone(),
        };
        let row = self.row(account).map(change);
        let row = row.map(|row| Row::Account { row });
        vec![Op::row(key, RowName::Account, row)]
    }

    fn message(&self, from: &BareJid, to: &BareJid, body: &str) -> Vec<Op> {
        let (Some(sender), Some(reader)) = (self.row(from), self.row(to)) else {
            return Vec::new();
        };
        let is_usable = |row: &AccountRow| row.state == AccountState::Enabled;
        let Ok(full) = from.with_resource("there") else {
            return Vec::new();
        };
        if !is_usable(&sender) || !is_usable(&reader) {
            return Vec::new();
        }
        let message = Message {
            kind: MessageType::Chat,
            from: full.to_jid(),
            to: to.to_jid(),
            id: Some(body.into()),
            lang: None,
            payload: format!("<body>{body}</body>").into_bytes().into(),
            sender: None,
        };
        let place = |jid: &BareJid, row: AccountRow, with: &BareJid, role: Role| Place {
            owner: Owner::Account { jid: jid.clone() },
            incarnation: row.incarnation,
            with: with.to_jid(),
            role,
            archived: true,
        };
        let mut places = vec![place(to, reader, from, Role::Received)];
        if from != to {
            places.push(place(from, sender, to, Role::Sent));
        }
        vec![Op::Durable {
            op: Durable::Message {
                message: Arc::new(message),
                places,
            },
        }]
    }

    fn seize(&mut self, now: Now, jid: &FullJid) -> Vec<Op> {
        let account = self.state.accounts.get(&jid.bare());
        let online = account.and_then(|account| account.online.get(jid.resource()));
        let Some((session, rooms)) = online.map(|one| (one.session, one.rooms.clone())) else {
            return Vec::new();
        };
        let rooms: Vec<RecordKey> = rooms
            .into_iter()
            .map(|jid| RecordKey::Room { jid })
            .collect();
        self.hold(&rooms);
        let (settings, facts) = (Settings::default(), Facts::default());
        let view = View::new(&self.state, &settings, &facts);
        let Ok(end) = route::evaluate_end(&view, jid, session) else {
            return Vec::new();
        };
        let mut ops = end.ops;
        ops.push(Op::soft(Soft::Bind {
            jid: jid.clone(),
            session: SessionId(u64::from(NODE) << 56 | self.foreign),
            node: NODE,
            device: None,
            since: now.wall,
        }));
        ops
    }

    /// When accounts were disabled and enabled again, in the order of the log.
    pub(in crate::testing::sim) fn states(&self) -> Vec<(Position, String, bool)> {
        let mut found = Vec::new();
        for (position, kind, bytes) in &self.log {
            let entry = match kind {
                Kind::Entry => Entry::decode(bytes).ok(),
                Kind::Epoch => None,
            };
            for op in entry.iter().flat_map(Entry::durable_ops) {
                if let Durable::Row {
                    record: RecordKey::Account { jid },
                    row: Some(Row::Account { row }),
                    ..
                } = op
                {
                    let is_enabled = row.state == AccountState::Enabled;
                    found.push((*position, jid.as_str().to_owned(), is_enabled));
                }
            }
        }
        found
    }
}
