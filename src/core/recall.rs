//! A client resumes here a session of the other node: its stream is ended there first, and counted to its end.
//!
//! What the session had sent may still be on its way to its number there. A count that is told before that is
//! through makes the client send again what is kept already (XEP-0198 section 5: `h` of a failed resumption).

use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::Output;
use crate::core::session::LinkId;
use crate::model::op::Soft;

/// How long the other node may take; then what the log has is told.
const RECALL_MS: u64 = 10_000;

/// Who waits for the end of a stream.
#[derive(Debug)]
pub(crate) struct Recall {
    link: LinkId,
    account: BareJid,
    /// What the client has counted.
    h: u32,
    until: Monotonic,
}

impl Recall {
    /// Its count is told at the end: until then it stays in memory.
    pub(super) fn account(&self) -> BareJid {
        self.account.clone()
    }
}

impl Core {
    /// Asks the other node for the stream; `false`: there is nobody to ask.
    pub(super) fn recall(
        &mut self,
        link: LinkId,
        account: &BareJid,
        (key, h): (SmKey, u32),
    ) -> bool {
        if !self.order.is_paired {
            return false;
        }
        let recall = Recall {
            link,
            account: account.clone(),
            h,
            until: self.now.monotonic.plus_ms(RECALL_MS),
        };
        if let Some(older) = self.recalls.insert(key, recall) {
            self.answer_recall(older, key, None);
        }
        self.ask_for(account.clone(), key);
        true
    }

    /// The link broke and is back: what was asked may not have arrived.
    pub(super) fn recall_again(&mut self) {
        let recalls = self.recalls.iter();
        let again: Vec<(SmKey, BareJid)> = recalls
            .map(|(key, recall)| (*key, recall.account.clone()))
            .collect();
        for (key, account) in again {
            self.ask_for(account, key);
        }
    }

    fn ask_for(&mut self, account: BareJid, key: SmKey) {
        self.tell(Soft::Recall {
            account,
            key,
            node: self.node,
        });
    }

    /// The other node wants a stream, which may be of this one.
    pub(super) fn handle_recall(&mut self, account: &BareJid, key: SmKey, node: u8) {
        if node == self.node {
            return;
        }
        let own = self.keys.get(&key).copied();
        let own = own.filter(|id| {
            let session = self.sessions.get(id);
            session.is_some_and(|session| session.jid.bare() == *account)
        });
        if let Some(id) = own {
            self.recalled.insert(key);
            self.begin_end(id);
        } else if self.is_under_way(key) {
            // Once more, behind what is left of it.
            self.tell(Soft::Recall {
                account: account.clone(),
                key,
                node,
            });
        } else {
            let h = self.stream_count(account, key);
            self.tell(Soft::Recalled { key, h });
        }
    }

    /// A session of this node is gone, with this count.
    pub(super) fn tell_recalled(&mut self, key: SmKey, h: u32) {
        if self.recalled.remove(&key) && self.order.is_paired {
            self.tell(Soft::Recalled { key, h: Some(h) });
        }
    }

    pub(super) fn handle_recalled(&mut self, key: SmKey, h: Option<u32>) {
        if let Some(recall) = self.recalls.remove(&key) {
            self.answer_recall(recall, key, h);
        }
    }

    /// The other node takes too long.
    pub(super) fn end_late_recalls(&mut self) {
        let now = self.now.monotonic;
        let over: Vec<(SmKey, Recall)> = self
            .recalls
            .extract_if(.., |_, recall| recall.until <= now)
            .collect();
        for (key, recall) in over {
            self.disown(key);
            self.answer_recall(recall, key, None);
        }
    }

    pub(super) fn recalls_timeout(&self) -> Option<Monotonic> {
        self.recalls.values().map(|recall| recall.until).min()
    }

    fn answer_recall(&mut self, recall: Recall, key: SmKey, h: Option<u32>) {
        let Recall { link, account, .. } = recall;
        if self.closed_early.remove(&link) {
            return;
        }
        let h = self.stream_count(&account, key).max(h);
        self.outputs.push_back(Output::ResumeFailed { link, h });
    }

    /// Whether the stream that closed waits for this; then its answer goes nowhere.
    pub(super) fn forget_recall(&mut self, link: LinkId) -> bool {
        let count = self.recalls.len();
        self.recalls.retain(|_, recall| recall.link != link);
        self.recalls.len() < count
    }

    /// Nobody is there to ask any more: this node goes on with the stream, or tells what the log has of it.
    pub(super) fn ask_here(&mut self) {
        for (key, recall) in std::mem::take(&mut self.recalls) {
            let Recall {
                link, account, h, ..
            } = recall;
            self.handle_resume(link, account, key, h);
        }
    }
}
