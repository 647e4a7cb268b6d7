//! A new session, and what it begins with (RFC 6120 section 7, XEP-0386).

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::core::Core;
use crate::core::Lookup;
use crate::core::Output;
use crate::core::order::Bind;
use crate::core::order::WantedResource;
use crate::core::queue::Queue;
use crate::core::session::LinkId;
use crate::core::session::Session;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::sends::Item;
use crate::model::account::Account;
use crate::model::account::AccountState;
use crate::model::message::Owner;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::stanza::Condition;

impl Core {
    /// The session exists from here on, or the stream is told that it cannot have it.
    pub(super) fn finish_bind(
        &mut self,
        link: LinkId,
        bind: &Bind,
        ops: &[Op],
        refused: Option<Condition>,
    ) {
        let bound = ops.iter().find_map(|op| match op {
            Op::Soft {
                op: Soft::Bind { jid, session, .. },
            } => Some((jid.clone(), *session)),
            _ => None,
        });
        let Some((jid, id)) = bound else {
            self.outputs.push_back(Output::Bound {
                link,
                bound: Err(refused),
                metadata: None,
            });
            self.closed_early.remove(&link);
            return;
        };
        let queue = Queue::new(self.limits.stanza_bytes);
        let mut session = Session::new(id, jid.clone(), link, queue);
        session.is_binding = bind.catches_up;
        session.catch_up.is_named = matches!(bind.resource, WantedResource::Named { .. });
        session.catch_up.bound = Some(self.order.delivering);
        session.catch_up.copies_since = bind.carbons.then_some(self.order.delivering);
        self.sessions.insert(id, session);
        self.find_pushes(id);
        self.wake_no_more(id);
        self.links.insert(link, id);
        if bind.catches_up {
            self.catch_up(id, &jid);
        } else {
            self.outputs.push_back(Output::Bound {
                link,
                bound: Ok(jid),
                metadata: None,
            });
        }
        if self.closed_early.remove(&link) {
            self.handle_closed(link, false);
        }
    }

    /// XEP-0386 section 3.2: what waits for the account is not sent, since the archive has it; where
    /// the archive ends at this moment is told with the bind.
    fn catch_up(&mut self, id: SessionId, jid: &FullJid) {
        let account = jid.bare();
        let Some(record) = self.states.delivered.accounts.get(&account).cloned() else {
            return self.finish_inline(id, &[]);
        };
        for position in record.untaken.difference(&record.unarchived) {
            self.taken.take(&account, *position, self.now.monotonic);
        }
        let Some(incarnation) = record.incarnation() else {
            return self.finish_inline(id, &[]);
        };
        let query = Query {
            iq: "".into(),
            from: account.to_jid(),
            question: Question::ArchiveEnds {
                owner: Owner::Account { jid: account },
                incarnation,
            },
        };
        self.inquire(id, query, true);
    }

    /// The ends of the archive are known: the stream hears of its session, and its items may follow.
    pub(super) fn finish_inline(&mut self, id: SessionId, items: &[Item]) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.is_binding = false;
        let metadata = items.iter().find_map(|item| match item {
            Item::Stanza { stanza } => Some(Arc::clone(&stanza.payload)),
            _ => None,
        });
        if let Some(link) = session.link {
            self.outputs.push_back(Output::Bound {
                link,
                bound: Ok(session.jid.clone()),
                metadata,
            });
        }
        self.touched.insert(id);
    }
}

/// A resource that nobody can guess (RFC 6120 section 7.6).
pub(super) fn resource_from(random: [u8; 32]) -> Box<str> {
    let mut text = String::with_capacity(16);
    for byte in random.iter().take(8) {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text.into()
}

/// What authentication needs of an account.
pub(super) fn look_up(account: Option<&Account>, device: Option<&str>) -> Lookup {
    let state = account.and_then(Account::row).map(|row| row.state);
    Lookup {
        token: account
            .zip(device)
            .and_then(|(account, device)| account.token(device).cloned()),
        usable: state == Some(AccountState::Enabled),
        disabled: state == Some(AccountState::Disabled),
        keys: account.and_then(|account| account.credentials().cloned()),
    }
}
