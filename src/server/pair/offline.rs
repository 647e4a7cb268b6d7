//! The pair of a server that is stopped: what its file says.

use std::path::Path;

use crate::config::settings::Settings;
use crate::server::pair::PairError;
use crate::server::pair::PairReport;
use crate::server::pair::boot::Use;
use crate::server::pair::file;
use crate::server::pair::file::Membership;
use crate::server::pair::file::Stage;
use crate::server::run;
use crate::server::run::RunError;
use crate::store::disk::folder::Folder;

/// What the board of a folder is to its pair. A folder that an interrupted join has left is no server's.
pub(crate) fn check(folder: &Path, usage: Use) -> Result<Option<Membership>, RunError> {
    let membership = file::read(folder).map_err(RunError::PairFile)?;
    match membership.as_ref().map(|one| one.stage) {
        Some(Stage::Copying) => Err(RunError::HalfJoined(folder.display().to_string())),
        Some(Stage::Fetching) => Err(RunError::Fetching),
        // Rule R5 of the mirror.
        Some(Stage::Joiner) if usage == Use::Change => Err(RunError::Joiner),
        _ => Ok(membership),
    }
}

/// Whether there is another board, or may be one: the file cannot be read.
pub(crate) fn has_peer(folder: &Path) -> bool {
    !matches!(
        file::read(folder),
        Ok(None | Some(Membership { peer: None, .. }))
    )
}

/// What the folder of a server that is stopped says of its pair.
pub(crate) fn report(settings: &Settings) -> Result<PairReport, RunError> {
    let membership = file::read(&settings.data).map_err(RunError::PairFile)?;
    Ok(PairReport::stopped(membership.as_ref()))
}

/// Makes the board of a server that is stopped one of its own again.
pub(crate) fn leave(settings: &Settings) -> Result<(), RunError> {
    let _lock = Folder::open(&settings.data).map_err(run::disk_error)?;
    check(&settings.data, Use::Look)?;
    match file::read(&settings.data).map_err(RunError::PairFile)? {
        None => Err(RunError::Pair(PairError::NoPair)),
        Some(_) => file::write(&settings.data, None)
            .map_err(|error| RunError::Pair(PairError::Unwritable(error))),
    }
}
