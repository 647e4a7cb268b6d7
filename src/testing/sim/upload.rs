//! Files of users (XEP-0363), as far as the core knows of them: the web door's part is played here, without bytes.

use std::sync::Arc;

use crate::base::time::Timestamp;
use crate::core::Input;
use crate::effect::request::Command;
use crate::effect::request::FileAsk;
use crate::effect::request::Outcome;
use crate::effect::settings::Upload;
use crate::model::file::FileKeys;
use crate::model::file::FileRow;
use crate::model::row::Row;
use crate::testing::sim::machine::DOMAIN;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::options::Event;
use crate::upload;

const URL: &str = "https://sim.example";
const KEPT_MS: u64 = 400 * 86_400_000;

/// Where files go, and no quota that anybody reaches.
pub(super) fn uploads() -> Upload {
    Upload {
        host: "upload.sim.example".into(),
        url: URL.into(),
        file_bytes_max: 1 << 20,
        bytes_max: 1 << 40,
        day_bytes_max: 1 << 40,
        files_max: 100_000,
        kept_ms: KEPT_MS,
    }
}

impl Machine {
    /// A file has come to the address of a slot and is on the disk, here and where the other board serves on its disk,
    /// too: [`Event::Kept`] tells what becomes of it. `body`: what it is found by in the log.
    pub fn put(&mut self, id: u64, url: &str, body: &str) {
        let keys = FileKeys::new(&[5; 32]);
        let parts = url.strip_prefix(URL).and_then(|url| url.split_once('?'));
        let Some((path, query)) = parts else {
            return;
        };
        let mut parts = path.rsplit('/');
        let (Some(name), Some(sealed)) = (parts.next(), parts.next()) else {
            return;
        };
        let Some((slot, mac)) = upload::parse_put(&keys, DOMAIN, (sealed, name), query) else {
            return;
        };
        let file = FileRow {
            name: slot.name.clone(),
            content_type: format!("<body>{body}</body>").into(),
            bytes: slot.bytes,
            hash: [0; 32],
            uploaded: Timestamp::default(),
            expires: Timestamp::default(),
        };
        let ask = FileAsk::Keep {
            slot: Arc::new(slot),
            mac,
            file: Arc::new(file),
        };
        let command = Command::File { ask };
        self.step(Input::Command { id, command });
    }

    pub(super) fn tell_outcome(&mut self, id: u64, outcome: &Outcome) {
        let is_kept = matches!(outcome, Outcome::File { .. });
        self.events.push_back(Event::Kept { id, is_kept });
    }

    /// Names of the files of an account, after [`Machine::archive`].
    pub fn files(&self, account: &str) -> Vec<String> {
        let Some(account) = self.account(account) else {
            return Vec::new();
        };
        let names = account.rows.iter().filter_map(|(_, cell)| match &cell.row {
            Some(Row::File { file }) => Some(file.name.to_string()),
            _ => None,
        });
        names.collect()
    }
}
