//! What devices have taken since the frontier was last saved.
//!
//! A device that has a message (acknowledged it, or had it written where there is no stream
//! management) frees the account of it. That is remembered here at once and saved later as the
//! account's frontier: a crash in between repeats messages, with the same ids, and loses none.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Core;
use crate::core::order::Asked;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::model::account::StreamRow;
use crate::model::entry::Origin;
use crate::model::frontier::Frontier;
use crate::model::op::Op;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

/// A frontier is saved at most this often.
const SAVE_MS: u64 = 30_000;

/// But before this many messages wait for it, because the untaken count towards a quota.
const SAVE_COUNT: usize = 1_024;

/// Accounts in one entry: an op's number is a byte.
const ACCOUNTS_PER_ENTRY: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Taken {
    accounts: BTreeMap<BareJid, BTreeSet<Position>>,
    save_at: Option<Monotonic>,
}

impl Taken {
    pub(crate) fn take(&mut self, account: &BareJid, position: Position, now: Monotonic) {
        let taken = match self.accounts.get_mut(account) {
            Some(taken) => taken,
            None => self.accounts.entry(account.to_compact()).or_default(),
        };
        taken.insert(position);
        let due = if taken.len() >= SAVE_COUNT {
            now
        } else {
            now.plus_ms(SAVE_MS)
        };
        self.save_at = Some(self.save_at.map_or(due, |at| at.min(due)));
    }

    pub(crate) fn has(&self, account: &BareJid, position: Position) -> bool {
        self.accounts
            .get(account)
            .is_some_and(|taken| taken.contains(&position))
    }

    pub(crate) fn holds(&self, account: &BareJid) -> bool {
        self.accounts.contains_key(account)
    }

    pub(crate) fn timeout(&self) -> Option<Monotonic> {
        self.save_at
    }

    /// The frontier was applied: what it covers needs no memory any more.
    fn forget(&mut self, account: &BareJid, untaken: &BTreeSet<Position>) {
        if let Some(taken) = self.accounts.get_mut(account) {
            taken.retain(|position| untaken.contains(position));
            if taken.is_empty() {
                self.accounts.remove(account);
            }
        }
    }
}

impl Core {
    /// Moves the frontiers of accounts whose devices took something, without a gap.
    pub(super) fn save_frontiers(&mut self, at_once: bool) {
        let now = self.now.monotonic;
        if !at_once && self.taken.save_at.is_none_or(|at| at > now) {
            return;
        }
        self.taken.save_at = None;
        let mut ops = Vec::new();
        let accounts: Vec<BareJid> = self.taken.accounts.keys().cloned().collect();
        for jid in accounts {
            let Some(account) = self.states.delivered.accounts.get(&jid).cloned() else {
                continue;
            };
            self.taken.forget(&jid, &account.untaken);
            let Some(taken) = self.taken.accounts.get(&jid) else {
                continue;
            };
            let gapless = account.untaken.iter();
            let mut gapless = gapless
                .take_while(|position| taken.contains(position))
                .peekable();
            if gapless.peek().is_none() {
                continue;
            }
            let mut frontier = match account.rows.row(&RowName::Frontier) {
                Some(Row::Frontier { frontier }) => frontier.as_ref().clone(),
                _ => Frontier::default(),
            };
            // Of each branch of the log, as far as it was taken.
            gapless.for_each(|position| frontier.advance(*position));
            frontier.compact(|a, b| self.states.epochs.follows(a, b));
            let row = Row::Frontier {
                frontier: Arc::new(frontier),
            };
            ops.push(Op::row(
                RecordKey::Account { jid },
                RowName::Frontier,
                Some(row),
            ));
        }
        for chunk in ops.chunks(ACCOUNTS_PER_ENTRY) {
            self.open(
                Asked::Own {
                    ops: chunk.to_vec(),
                },
                None,
                None,
            );
        }
    }

    /// What the account's devices have not taken goes to this session, oldest first.
    pub(super) fn replay(&mut self, id: SessionId) {
        let shadow = self.peer.shadows.get(id);
        let (account, mut queued) = match (self.sessions.get(&id), shadow) {
            (Some(session), _) => (session.jid.bare(), session.queue.positions()),
            (None, Some(shadow)) => (shadow.jid.bare(), shadow.positions()),
            (None, None) => return,
        };
        let Some(record) = self.states.delivered.accounts.get(&account) else {
            return;
        };
        let copies = record.rows.aliases();
        let copies = copies.filter(|copy| queued.contains(&copy.alias));
        let copied = copies.map(|copy| record.rows.entry_of(copy.alias));
        let copied: Vec<Position> = copied.collect();
        queued.extend(copied);
        let waits = |position: &&Position| {
            !self.is_taken(&account, record, **position)
                && !queued.contains(*position)
                && !self.copies.is_later(**position)
        };
        let positions: Vec<Position> = record.untaken.iter().filter(waits).copied().collect();
        for position in positions {
            self.push(
                id,
                Item::Kept {
                    position,
                    how: How::Late,
                },
            );
        }
        self.begin_catch_up(id);
    }
}

/// The row that keeps a stream's count across a crash (XEP-0198 section 5: `h` in `<failed/>`).
pub(crate) fn stream_row(origin: &Origin, stamp: Hlc) -> Op {
    let stream = StreamRow {
        h: origin.h,
        iq: origin.iq.clone(),
        at: Timestamp::from_unix_ms(stamp.unix_ms()),
    };
    Op::row(
        RecordKey::Account {
            jid: origin.jid.bare(),
        },
        RowName::Stream { key: origin.key },
        Some(Row::Stream {
            stream: Arc::new(stream),
        }),
    )
}
