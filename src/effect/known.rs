//! What is known of records that are not in memory: how many rooms there are, and who administers.

use crate::effect::state::State;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

impl State {
    /// A row is about to be this.
    pub(super) fn note(&mut self, (record, name, row): (&RecordKey, &RowName, Option<&Row>)) {
        match name {
            RowName::Room => self.count_room(record, row),
            RowName::Account => self.note_admin(record, row),
            _ => {}
        }
    }

    fn count_room(&mut self, record: &RecordKey, row: Option<&Row>) {
        let Some(rows) = self.rows(record) else {
            return;
        };
        let is_there = |row: Option<&Row>| matches!(row, Some(Row::Room { row }) if !row.destroyed);
        match (is_there(rows.row(&RowName::Room)), is_there(row)) {
            (false, true) => self.rooms_there = self.rooms_there.saturating_add(1),
            (true, false) => self.rooms_there = self.rooms_there.saturating_sub(1),
            _ => {}
        }
    }

    fn note_admin(&mut self, record: &RecordKey, row: Option<&Row>) {
        let RecordKey::Account { jid } = record else {
            return;
        };
        if matches!(row, Some(Row::Account { row }) if row.administers()) {
            self.admins.insert(jid.clone());
        } else {
            self.admins.remove(jid);
        }
    }
}
