//! Why a server does not serve any more, and what comes after it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::server::dev::RESTART_FOLDER;
use crate::server::run::RunError;

pub(super) enum Ended {
    Stopped,
    /// It begins again.
    Again,
    /// It begins again, and takes what it lacks from the other board first.
    Fetching,
    /// It begins again with what it has left there.
    Left {
        folder: PathBuf,
    },
}

impl Ended {
    pub(super) fn finish(self) -> Result<(), RunError> {
        match self {
            Self::Stopped => Ok(()),
            Self::Again => Err(RunError::NotAgain(begin_again(&[]))),
            Self::Fetching => Err(RunError::Again(begin_again(&[]))),
            Self::Left { folder } => {
                let left = (RESTART_FOLDER, folder.as_os_str());
                Err(RunError::Left(begin_again(&[left])))
            }
        }
    }
}

/// This program in the place of itself, with nothing of what it held. Returns only if that fails, and whatever watches
/// over the process starts it again.
fn begin_again(told: &[(&str, &OsStr)]) -> io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    match program() {
        Ok(path) => Command::new(path)
            .arg0(name)
            .args(arguments)
            .envs(told.iter().copied())
            .exec(),
        Err(error) => error,
    }
}

/// The program as it is on the disk: after an upgrade the system says of the one that runs that it was deleted.
fn program() -> io::Result<PathBuf> {
    let running = std::env::current_exe()?;
    let deleted = running.as_os_str().as_bytes().strip_suffix(b" (deleted)");
    let newer = deleted.map(|path| PathBuf::from(OsStr::from_bytes(path)));
    Ok(newer.filter(|path| path.exists()).unwrap_or(running))
}
