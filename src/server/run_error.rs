//! Why a server did not start, or had to end, with the remedy.

use crate::core::engine::EngineError;
use crate::core::engine::RecordError;
use crate::net::certificate::CertificateError;
use crate::net::tls::TlsError;
use crate::server::dev::seed::SeedError;
use crate::server::pair::PairError;
use crate::server::pair::file::FileError;
use crate::server::start::StartError;
use crate::store::backup::BackupError;

/// Why a server did not start, or had to end.
#[derive(Debug)]
pub(crate) enum RunError {
    Start(StartError),
    Certificate(CertificateError),
    Tls(TlsError),
    Listen {
        key: &'static str,
        address: String,
        error: std::io::Error,
    },
    Name(String),
    /// What a server to try out begins with.
    Seed(SeedError),
    /// What it has in memory cannot be left for the next process, or taken from the last one.
    Left(std::io::Error),
    Failed(EngineError),
    Signals(std::io::Error),
    /// The local network cannot be told of the server.
    Mdns(std::io::Error),
    Backup(BackupError),
    /// A restore goes into an empty folder only.
    NotEmpty(String),
    Pair(PairError),
    PairFile(FileError),
    /// A join was cut off here.
    HalfJoined(String),
    /// It may change nothing before it has met the other board.
    Joiner,
    /// It is on the way to having what the other board has.
    Fetching,
    /// It has to be started anew for that, which has failed.
    Again(std::io::Error),
    /// An administrator wants it to start again, which has failed.
    NotAgain(std::io::Error),
    AdminSocket(std::io::Error),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(error) => error.fmt(out),
            Self::Certificate(error) => error.fmt(out),
            Self::Tls(error) => write!(out, "TLS cannot be set up: {error}"),
            Self::Listen {
                key,
                address,
                error,
            } => {
                write!(out, "{key}: cannot listen on {address}: {error}; ")?;
                out.write_str(match error.kind() {
                    std::io::ErrorKind::AddrInUse => "stop what uses the port, or choose another",
                    std::io::ErrorKind::PermissionDenied => {
                        "choose a port of 1024 or more, or allow the program to bind low ports"
                    }
                    _ => "choose an address of this machine",
                })
            }
            Self::Name(name) => write!(out, "{name} is no name for a user"),
            Self::Seed(error) => error.fmt(out),
            Self::Left(error) => write!(
                out,
                "the restart has failed ({error}): make room in the folder for temporary files"
            ),
            Self::Failed(EngineError::LocalRecord {
                error: RecordError::LocalFull,
            }) => out.write_str(
                "the disk is full, and the other board goes on without this one: make room and start \
                 again; what was acknowledged is safe",
            ),
            Self::Failed(error) => write!(
                out,
                "the disk has failed ({error:?}); what was acknowledged is safe: \
                 check the disk and start again"
            ),
            Self::AdminSocket(error) => write!(
                out,
                "the socket for administration in the data folder cannot be made: {error}; \
                 the folder has to be writable, and its path short"
            ),
            Self::Backup(error) => write!(out, "the backup {error}"),
            Self::NotEmpty(path) => write!(
                out,
                "{path} holds the data of a server; name another folder, or move this one away"
            ),
            Self::Pair(error) => error.fmt(out),
            Self::PairFile(error) => error.fmt(out),
            Self::HalfJoined(path) => write!(
                out,
                "{path} holds a part of a copy only: a join was cut off; ask the other board for a \
                 new invitation and repeat meerkat pair join"
            ),
            Self::Joiner => out.write_str(
                "this board has joined and not met its other board yet: start it, or do this there",
            ),
            Self::Mdns(error) => write!(
                out,
                "mdns.name: port 5353 cannot be used: {error}; leave the key out, or end what has the port alone"
            ),
            Self::Fetching => out.write_str(
                "this board was away for long and takes what differs from the other one, or will when it \
                 is started; see: meerkat pair status",
            ),
            Self::Again(error) => write!(
                out,
                "this board has to fetch what it lacks from the other one: start it again ({error})"
            ),
            Self::NotAgain(error) => write!(out, "start it again: it could not itself ({error})"),
            Self::Signals(error) => write!(out, "signals cannot be received: {error}"),
        }
    }
}
