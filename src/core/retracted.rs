//! What was taken back and is not in the tables yet: messages that come from there are changed on their
//! way.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::effect::query::Kept;
use crate::model::message::Message;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::retraction::Retraction;

/// Retractions of the tail, by their places in the log. Usually none.
#[derive(Debug, Default)]
pub(super) struct Retracted {
    open: BTreeMap<Index, Vec<Arc<Retraction>>>,
}

impl Retracted {
    pub(super) fn add(&mut self, index: Index, retraction: &Arc<Retraction>) {
        let open = self.open.entry(index).or_default();
        open.push(Arc::clone(retraction));
    }

    /// The tables have it.
    pub(super) fn remove(&mut self, index: Index) {
        self.open.remove(&index);
    }

    pub(super) fn as_left(&self, position: Position, message: &Arc<Message>) -> Arc<Message> {
        let open = self.open.values().flatten();
        let mut left = Arc::clone(message);
        for retraction in open.filter(|one| one.covers(position, message)) {
            left = Arc::new(retraction.bury_again(&left));
        }
        left
    }

    /// The same for a page.
    pub(super) fn bury(&self, rows: &mut [Kept]) {
        if self.open.is_empty() {
            return;
        }
        for row in rows {
            row.message = self.as_left(row.position, &row.message);
        }
    }
}
