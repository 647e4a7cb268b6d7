//! A small file for the owner's eyes only: whole or not at all, and there after a power cut.

use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

/// Puts `text` into the place of whatever is at `path`, which is in `folder`.
pub(crate) fn write_secret(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    if aside.exists() {
        // Left by a start that was interrupted; its mode may be anything.
        fs::remove_file(&aside)?;
    }
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fs::File::open(folder)?.sync_all()
}
