//! Why a server does not serve any more, and what comes after it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::server::dev::RESTART_FOLDER;
use crate::server::run::RunError;

pub(super) enum Ended {
    Stopped,
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
            Self::Fetching => Err(RunError::Again(begin_again(&[]))),
            Self::Left { folder } => {
                let left = (RESTART_FOLDER, folder.as_os_str());
                Err(RunError::Left(begin_again(&[left])))
            }
        }
    }
}

/// This program in the place of itself, with nothing of what it held. Returns only if that fails.
fn begin_again(told: &[(&str, &OsStr)]) -> io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    match std::env::current_exe() {
        Ok(path) => Command::new(path)
            .arg0(name)
            .args(arguments)
            .envs(told.iter().copied())
            .exec(),
        Err(error) => error,
    }
}
