//! All accounts into a folder: a file a user, one that includes those of the host, one for all.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::percent;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Question;
use crate::model::account::Account;
use crate::model::message::Owner;
use crate::model::position::Position;
use crate::model::pubsub::LeafKey;
use crate::model::pubsub::nodes;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::model::row::Rows;
use crate::model::stanza_id::StanzaIds;
use crate::model::vector::Vector;
use crate::pubsub;
use crate::server::portable::MAIN_FILE;
use crate::server::portable::write;
use crate::store::Store;
use crate::store::StoreError;

/// Longest name of a file that every file system takes, in bytes.
const FILE_NAME_BYTES_MAX: usize = 255;

/// What is to be written, and where to.
pub(crate) struct Export {
    pub(crate) store: Arc<Store>,
    /// Archives keep the ids that clients have seen.
    pub(crate) ids: StanzaIds,
    pub(crate) domain: String,
    pub(crate) users: Vec<BareJid>,
    pub(crate) folder: PathBuf,
}

/// Called with accounts done and accounts in all; also in the middle of a large one.
pub(crate) type Tell<'a> = dyn FnMut(u64, u64) + 'a;

impl Export {
    /// Under another name first: a folder with the name that was asked for is a whole export.
    pub(crate) fn run(&self, tell: &mut Tell<'_>) -> Result<(), String> {
        let folder = &self.folder;
        let is_taken = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if is_taken || fs::symlink_metadata(folder).is_ok_and(|meta| !meta.is_dir()) {
            let remedy = "is there already; name a folder that is empty or absent";
            return Err(format!("{}: {remedy}", folder.display()));
        }
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(".unfinished");
        let unfinished = folder.with_file_name(name);
        make_folder(&unfinished).map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::AlreadyExists => " (of an export that was cut short?); remove it",
                _ => "",
            };
            format!("{}: {error}{remedy}", unfinished.display())
        })?;
        let done = self.write_all(&unfinished, tell).and_then(|()| {
            fs::rename(&unfinished, folder)
                .and_then(|()| sync_folder(folder.parent().unwrap_or(folder)))
                .map_err(|error| format!("{}: {error}", folder.display()))
        });
        if done.is_err() {
            fs::remove_dir_all(&unfinished).ok();
        }
        done
    }

    fn write_all(&self, root: &Path, tell: &mut Tell<'_>) -> Result<(), String> {
        let below = root.join(&self.domain);
        make_folder(&below).map_err(|error| format!("{}: {error}", below.display()))?;
        let reach = self.store.reach().map_err(|error| error.to_string())?;
        let total = u64::try_from(self.users.len()).unwrap_or(u64::MAX);
        let (mut done, mut files) = (0_u64, Vec::new());
        for jid in &self.users {
            tell(done, total);
            let user = UserFile {
                store: &self.store,
                ids: &self.ids,
                jid,
                reach: &reach,
            };
            let name = file_name(jid.local().unwrap_or_default(), done);
            let is_there = user
                .write(&below.join(&name), &mut || tell(done, total))
                .map_err(|error| error.told(&below.join(&name)))?;
            if is_there {
                files.push(format!(
                    "{}/{}",
                    percent::encode(&self.domain),
                    percent::encode(&name)
                ));
            }
            done = done.saturating_add(1);
        }
        let host_name = format!("{}.xml", self.domain);
        let host = write::including("host", Some(&self.domain), &files);
        let main = write::including("server-data", None, &[percent::encode(&host_name)]);
        for (name, bytes) in [(host_name.as_str(), host), (MAIN_FILE, main)] {
            let path = root.join(name);
            write_file(&path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let synced = sync_folder(&below).and_then(|()| sync_folder(root));
        synced.map_err(|error| format!("{}: {error}", root.display()))
    }
}

/// Why a user's file was not written.
enum WriteError {
    Store(StoreError),
    File(io::Error),
}

impl WriteError {
    fn told(self, path: &Path) -> String {
        match self {
            Self::Store(error) => error.to_string(),
            Self::File(error) => format!("{}: {error}", path.display()),
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

struct UserFile<'a> {
    store: &'a Store,
    ids: &'a StanzaIds,
    jid: &'a BareJid,
    /// What came later is not in the file.
    reach: &'a Vector,
}

impl UserFile<'_> {
    /// `false`: the user was deleted meanwhile.
    fn write(&self, path: &Path, tell: &mut dyn FnMut()) -> Result<bool, WriteError> {
        let key = RecordKey::Account {
            jid: self.jid.clone(),
        };
        let Record::Account { account } = self.store.load(&key)? else {
            return Ok(false);
        };
        let (true, Some(archive)) = (account.exists(), account.incarnation()) else {
            return Ok(false);
        };
        let mut file = BufWriter::new(new_file(path)?);
        file.write_all(&write::head(self.jid, &account))?;
        self.write_nodes(&account, archive, &mut file)?;
        self.write_waiting(&account, &mut file)?;
        self.write_archive(archive, &mut file, tell)?;
        file.write_all(write::USER_END)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(true)
    }

    /// One node in memory at a time: first how they are, then what is in them (XEP-0227 section 4.10).
    fn write_nodes(
        &self,
        account: &Account,
        incarnation: Incarnation,
        file: &mut BufWriter<File>,
    ) -> Result<(), WriteError> {
        let leaf = |node: &str| {
            let key = RecordKey::Leaf {
                leaf: LeafKey {
                    owner: self.jid.clone(),
                    incarnation,
                    node: node.into(),
                },
            };
            self.store.load(&key).map(|record| match record {
                Record::Leaf { rows } => rows,
                Record::Node { .. } | Record::Account { .. } | Record::Room { .. } => {
                    Rows::default()
                }
            })
        };
        if nodes(&account.rows).next().is_none() {
            return Ok(());
        }
        file.write_all(write::NODES_START)?;
        for (node, row) in nodes(&account.rows) {
            file.write_all(b"\n")?;
            file.write_all(&pubsub::write_setting(node, row, &leaf(node)?))?;
        }
        file.write_all(write::NODES_END)?;
        file.write_all(write::ITEMS_START)?;
        for (node, _) in nodes(&account.rows) {
            file.write_all(b"\n")?;
            file.write_all(&pubsub::write_items(self.jid, node, &leaf(node)?))?;
        }
        Ok(file.write_all(write::NODES_END)?)
    }

    fn write_waiting(
        &self,
        account: &Account,
        file: &mut BufWriter<File>,
    ) -> Result<(), WriteError> {
        let untaken = account.untaken.iter().copied();
        let positions: Vec<Position> = untaken.filter(|one| self.reach.covers(*one)).collect();
        if positions.is_empty() {
            return Ok(());
        }
        file.write_all(write::OFFLINE_START)?;
        for page in positions.chunks(PAGE_ITEMS_MAX) {
            for kept in self.store.fetch(page, usize::MAX)? {
                let mut out = Vec::new();
                let id = self.ids.id(kept.position, self.jid);
                write::waiting(&mut out, self.jid, &id, &kept);
                file.write_all(&out)?;
            }
        }
        Ok(file.write_all(write::OFFLINE_END)?)
    }

    fn write_archive(
        &self,
        archive: Incarnation,
        file: &mut BufWriter<File>,
        tell: &mut dyn FnMut(),
    ) -> Result<(), WriteError> {
        file.write_all(write::ARCHIVE_START)?;
        let mut after = None;
        loop {
            let rows = match self.page(archive, after)? {
                Some(rows) => rows,
                // What was the last one has expired since, and so has all before it.
                None => self.page(archive, None)?.unwrap_or_default(),
            };
            let Some(last) = rows.last() else { break };
            after = Some(last.position);
            for kept in rows.iter().filter(|kept| self.reach.covers(kept.position)) {
                let mut out = Vec::new();
                write::archived(&mut out, &self.ids.id(kept.position, self.jid), kept);
                file.write_all(&out)?;
            }
            tell();
        }
        Ok(file.write_all(write::ARCHIVE_END)?)
    }

    /// `None`: there is no `after` any more.
    fn page(
        &self,
        archive: Incarnation,
        after: Option<Position>,
    ) -> Result<Option<Vec<Kept>>, StoreError> {
        let page = ArchivePage {
            owner: Owner::Account {
                jid: self.jid.clone(),
            },
            incarnation: archive,
            with: None,
            start: None,
            end: None,
            after,
            before: None,
            ids: Vec::new(),
            backwards: false,
            count_max: PAGE_ITEMS_MAX,
            flipped: false,
        };
        let question = Question::Archive {
            query_id: None,
            page,
            shows_senders: false,
        };
        Ok(match self.store.ask(&question, &Horizon::none())?.0 {
            Found::Page { rows, .. } => Some(rows),
            _ => None,
        })
    }
}

/// After the user, as XEP-0227 proposes; a name that no file can have becomes a number. No user is
/// called like that, since no name contains `@`.
fn file_name(local: &str, number: u64) -> String {
    let name = format!("{local}.xml");
    if name.len() <= FILE_NAME_BYTES_MAX {
        name
    } else {
        format!("@{number}.xml")
    }
}

/// Keys of passwords are inside: nobody else reads it.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = new_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)?.sync_all()
}
