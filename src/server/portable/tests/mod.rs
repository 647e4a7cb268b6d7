//! Accounts out of one server and into another.

mod death;
mod mistakes;
mod others;
mod rounds;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::effect::settings::Limits;
use crate::model::account::Account;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::model::stanza_id::StanzaIds;
use crate::server::portable::Export;
use crate::server::portable::Imported;
use crate::server::portable::Target;
use crate::server::portable::import;
use crate::store::Store;
use crate::store::disk::Disk;
use crate::store::disk::memory::Memory;

const DOMAIN: &str = "capulet.example";
const CACHE_BYTES: usize = 1 << 20;
/// 2026-11-22T12:00:00Z.
const NOW_MS: u64 = 1_795_348_800_000;

/// The data of a stopped server, and a folder for files.
struct House {
    disk: Arc<dyn Disk>,
    folder: TempDir,
    limits: Limits,
}

impl House {
    fn new() -> Self {
        Self::on(Arc::new(Memory::default()))
    }

    fn on(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            folder: tempfile::tempdir().unwrap(),
            limits: Limits::default(),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// What was done, or the line that an operator reads.
    fn import(&self, path: &std::path::Path) -> Result<Imported, String> {
        self.import_with(path, &mut |_, _, _| {})
    }

    fn import_with(
        &self,
        path: &std::path::Path,
        tell: &mut crate::server::portable::Tell<'_>,
    ) -> Result<Imported, String> {
        let target = Target {
            domain: DOMAIN,
            limits: &self.limits,
            tail_bytes: 1 << 20,
            now: Now {
                monotonic: Monotonic::default(),
                wall: Timestamp::from_unix_ms(NOW_MS),
            },
        };
        let store = Store::open(Arc::clone(&self.disk), CACHE_BYTES);
        let store = store.map_err(|error| error.to_string())?;
        let home = (Arc::clone(&self.disk), store);
        import(path, &target, home, tell).map_err(|error| error.to_string())
    }

    /// One host with these users.
    fn import_users(&self, users: &str) -> Result<Imported, String> {
        let path = self.write("in.xml", &file(users));
        self.import(&path)
    }

    fn store(&self) -> Store {
        Store::open(Arc::clone(&self.disk), CACHE_BYTES).unwrap()
    }

    fn account(&self, name: &str) -> Account {
        let key = RecordKey::Account { jid: jid(name) };
        match self.store().load(&key).unwrap() {
            Record::Account { account } => account,
            other => panic!("{other:?}"),
        }
    }

    /// The file of one user; what an archive's ids are is left out.
    fn exported(&self, names: &[&str]) -> Vec<String> {
        let folder = self.folder.path().join("out");
        fs::remove_dir_all(&folder).ok();
        self.export(names).unwrap();
        let user = |name: &&str| {
            let path = folder.join(DOMAIN).join(format!("{name}.xml"));
            without_ids(&fs::read_to_string(path).unwrap())
        };
        names.iter().map(user).collect()
    }

    fn export(&self, names: &[&str]) -> Result<(), String> {
        let export = Export {
            store: Arc::new(self.store()),
            ids: StanzaIds::default(),
            domain: DOMAIN.to_owned(),
            users: names.iter().map(|name| jid(name)).collect(),
            folder: self.folder.path().join("out"),
        };
        export.run(&mut |_, _| {})
    }
}

fn jid(name: &str) -> BareJid {
    BareJid::from_parts(Some(name), DOMAIN).unwrap()
}

fn file(users: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>\n\
         <host jid='{DOMAIN}'>\n{users}\n</host>\n</server-data>\n"
    )
}

fn without_ids(text: &str) -> String {
    let mut parts = text.split(" id='");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (id, rest) = part.split_once('\'').unwrap();
        let is_ours = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        out += [" id='", if is_ours { "" } else { id }, "'", rest]
            .concat()
            .as_str();
    }
    out
}
