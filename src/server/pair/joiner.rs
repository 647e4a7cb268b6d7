//! The board that joins: proves the invitation, and makes a copy of the other board its own data.
//!
//! The data folder says `copying` before its first row is written, and `joiner` when all are durable.
//! Whatever is cut off between, the folder is no server's: it can only join again, with a new invitation.

use std::fmt;
use std::io;
use std::io::Read;
use std::sync::Arc;

use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;

use crate::config::settings::Settings;
use crate::model::level::LEVEL;
use crate::net::certificate::CertificateError;
use crate::net::certificate::Identity;
use crate::net::peer::Purpose;
use crate::net::peer::dial;
use crate::net::peer::dial::DialError;
use crate::net::peer::identity::NodeIdentity;
use crate::net::peer::stream::PeerStream;
use crate::net::routes;
use crate::net::secret_file::write_secret;
use crate::net::tls;
use crate::server::pair::file;
use crate::server::pair::file::FileError;
use crate::server::pair::file::Membership;
use crate::server::pair::file::Peer;
use crate::server::pair::file::Stage;
use crate::server::pair::invite;
use crate::server::pair::invite::InviteLine;
use crate::server::pair::wire;
use crate::server::pair::wire::Answer;
use crate::server::pair::wire::Copied;
use crate::server::pair::wire::Hello;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::backup::BackupError;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::folder::Folder;

/// Why this board has not joined. `Domain`, `NotEmpty` and what is before them have changed nothing.
#[derive(Debug)]
pub(crate) enum JoinError {
    Disk(DiskError),
    File(FileError),
    Certificate(CertificateError),
    NotEmpty {
        folder: String,
    },
    Dial(DialError),
    WrongSecret,
    Domain {
        ours: String,
        theirs: String,
    },
    /// The other board could not take this one in.
    Failed,
    Unwritable(io::Error),
    Store(StoreError),
    /// The connection broke before the first row.
    Broken(io::Error),
    CutOff(BackupError),
}

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Joined {
    pub(crate) rows: u64,
    pub(crate) generation: u32,
}

/// Blocks until this folder holds what the other board holds. `tell`: rows so far.
pub(crate) fn join(
    settings: &Settings,
    line: &InviteLine,
    wipe: bool,
    tell: &mut dyn FnMut(u64),
) -> Result<Joined, JoinError> {
    let disk = Folder::open(&settings.data).map_err(JoinError::Disk)?;
    check_blank(settings, &disk, wipe)?;
    let identity = NodeIdentity::load_or_make(&tls::provider(), &settings.data)
        .map_err(JoinError::Certificate)?;
    let (mut stream, membership) = smol::block_on(introduce(settings, &identity, line))?;
    set_stage(settings, &membership, Stage::Copying)?;
    clear(&disk).map_err(JoinError::Disk)?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    take_certificate(settings, &mut stream)?;
    let rows = copy(settings, &disk, &mut stream, tell)?;
    set_stage(settings, &membership, Stage::Joiner)?;
    // If this is lost, the other board learns it when this one connects.
    smol::block_on(async {
        wire::write_message(&mut stream, &Copied { rows }).await?;
        stream.close().await
    })
    .ok();
    Ok(Joined {
        rows,
        generation: membership.generation,
    })
}

/// Whose data it is, if any. What an interrupted join has left is nobody's.
fn check_blank(settings: &Settings, disk: &Folder, wipe: bool) -> Result<(), JoinError> {
    let is_left_over = match file::read(&settings.data) {
        Ok(membership) => membership.is_some_and(|one| one.stage == Stage::Copying),
        Err(_) if wipe => false,
        Err(error) => return Err(JoinError::File(error)),
    };
    if wipe || is_left_over || data_files(disk).map_err(JoinError::Disk)?.is_empty() {
        return Ok(());
    }
    Err(JoinError::NotEmpty {
        folder: settings.data.display().to_string(),
    })
}

fn data_files(disk: &Folder) -> Result<Vec<String>, DiskError> {
    let names = disk.list()?.into_iter().map(|(name, _)| name);
    Ok(names.filter(|name| is_data(name)).collect())
}

/// Tables and log; keys and certificates are not data.
pub(crate) fn is_data(name: &str) -> bool {
    name.starts_with("tables") || name.starts_with("log-")
}

fn clear(disk: &Folder) -> Result<(), DiskError> {
    for name in data_files(disk)? {
        disk.remove(&name)?;
    }
    disk.sync_names()
}

/// Takes away the log of a board whose tables go beyond it.
pub(crate) fn clear_log(disk: &dyn Disk) -> Result<(), DiskError> {
    for (name, _) in disk.list()? {
        if name.starts_with("log-") {
            disk.remove(&name)?;
        }
    }
    disk.sync_names()
}

async fn introduce(
    settings: &Settings,
    identity: &NodeIdentity,
    line: &InviteLine,
) -> Result<(PeerStream, Membership), JoinError> {
    let mut stream = dial::dial(identity, line.pin, Purpose::Join, &line.addresses)
        .await
        .map_err(JoinError::Dial)?;
    let exporter = stream.exporter()?;
    let numeric = settings.listen.mirror.iter();
    let listening: Vec<_> = numeric
        .filter(|one| one.port() != 0)
        .filter_map(|one| Some((one.ip()?, one.port()).into()))
        .collect();
    let addresses = routes::reachable(&listening);
    let hello = Hello {
        proof: invite::prove(&line.secret, &exporter, identity.pin),
        domain: settings.domain.as_str().into(),
        addresses: addresses.iter().map(|one| one.to_string().into()).collect(),
    };
    wire::write_message(&mut stream, &hello).await?;
    match wire::read_message(&mut stream).await {
        Ok(Answer::Welcome {
            pair,
            generation,
            node,
        }) => {
            let peer = Peer {
                pin: line.pin,
                addresses: line.addresses.clone(),
                has_joined: true,
            };
            let membership = Membership {
                pair,
                generation,
                node,
                stage: Stage::Copying,
                // The protocol's name says that this program reads all that there is.
                level: LEVEL,
                peer: Some(peer),
            };
            Ok((stream, membership))
        }
        Ok(Answer::WrongSecret) => Err(JoinError::WrongSecret),
        Ok(Answer::OtherDomain { domain }) => Err(JoinError::Domain {
            ours: settings.domain.clone(),
            theirs: domain.into(),
        }),
        Ok(Answer::Failed) => Err(JoinError::Failed),
        // The invitation was used by another board while this one was being greeted.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(JoinError::Dial(DialError::Refused))
        }
        Err(error) => Err(JoinError::Broken(error)),
    }
}

/// What clients know the other board by they find here too, unless this one has files of its own.
fn take_certificate(settings: &Settings, stream: &mut PeerStream) -> Result<(), JoinError> {
    let told: Option<Box<str>> = smol::block_on(wire::read_message(stream))?;
    let Some(pem) = told.filter(|_| settings.tls.is_none()) else {
        return Ok(());
    };
    let path = Identity::self_signed_path(&settings.data);
    write_secret(&settings.data, &path, &pem).map_err(JoinError::Unwritable)
}

fn copy(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    stream: &mut PeerStream,
    tell: &mut dyn FnMut(u64),
) -> Result<u64, JoinError> {
    let cache = usize::try_from(settings.limits.store_cache_bytes).unwrap_or(usize::MAX);
    let store = Store::open(Arc::clone(disk), cache).map_err(JoinError::Store)?;
    let mut incoming = Incoming {
        stream,
        left: 0,
        is_end: false,
    };
    let mut rows = 0;
    store
        .restore(&mut incoming, &mut |done| {
            rows = done;
            tell(done);
        })
        .map_err(JoinError::CutOff)?;
    // A copy that goes on behind its end is none.
    match incoming.read(&mut [0]) {
        Ok(0) => Ok(rows),
        Ok(_) => Err(JoinError::CutOff(BackupError::Damaged)),
        Err(error) => Err(JoinError::CutOff(BackupError::File(error))),
    }
}

fn set_stage(settings: &Settings, membership: &Membership, stage: Stage) -> Result<(), JoinError> {
    let membership = Membership {
        stage,
        ..membership.clone()
    };
    file::write(&settings.data, Some(&membership)).map_err(JoinError::Unwritable)
}

/// The pieces of the copy as one file that is read from its beginning to its end.
struct Incoming<'a> {
    stream: &'a mut PeerStream,
    /// Bytes of the piece that is being read.
    left: usize,
    is_end: bool,
}

impl Read for Incoming<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.is_end {
            self.left = smol::block_on(wire::read_piece_length(self.stream))?;
            self.is_end = self.left == 0;
        }
        let (out, _) = out.split_at_mut(out.len().min(self.left));
        if out.is_empty() {
            return Ok(0);
        }
        let read = smol::block_on(wire::in_time(self.stream.read(out)))?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

impl From<io::Error> for JoinError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = "ask the other board for a new invitation and join again";
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::NotEmpty { folder } => write!(
                f,
                "{folder} holds the data of a server; name another folder, or have what is in it \
                 deleted with --wipe"
            ),
            Self::Dial(DialError::Refused) => f.write_str(
                "the other board has no such invitation open: it was used, its ten minutes are \
                 over, or the server was started anew; make another with: meerkat pair invite",
            ),
            Self::Dial(error) => write!(
                f,
                "{error}; is the address in the invitation right, and its port open?"
            ),
            Self::WrongSecret => f.write_str(
                "the secret is not that of the open invitation; use the line of the last \
                 meerkat pair invite",
            ),
            Self::Domain { ours, theirs } => write!(
                f,
                "the other board serves {theirs}, this one {ours}; set domain = \"{theirs}\" and \
                 join again, the invitation is still good"
            ),
            Self::Failed => write!(
                f,
                "the other board could not take this one in, its log says why; then {again}"
            ),
            Self::Unwritable(error) => {
                write!(
                    f,
                    "the data folder cannot be written: {error}; then {again}"
                )
            }
            Self::Store(error) => write!(f, "{error}; {again}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}; {again}"),
            Self::CutOff(error) => write!(f, "the copy {error}; {again}"),
        }
    }
}
