//! The file that says which pair this board belongs to, and who the other board is.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;

use miniserde::Deserialize;
use miniserde::Serialize;
use miniserde::json;

use crate::base::mirror_limits::PAIR_FILE_BYTES_MAX;
use crate::base::mirror_limits::PEER_ADDRESSES_MAX;
use crate::base::random::Entropy as _;
use crate::model::codec;
use crate::model::level::LEVEL;
use crate::model::level::LEVEL_FIRST;
use crate::model::vector::Vector;
use crate::net::address::Address;
use crate::net::entropy::SystemEntropy;
use crate::net::peer::identity::Pin;
use crate::net::secret_file::write_secret;

/// In the data folder.
pub(crate) const PAIR_FILE: &str = "pair.json";
const FORMAT: u32 = 1;

/// Beside it, while a board fetches what differs.
const HELD_FILE: &str = "pair.held";

/// What this board is to its pair. Absent: it is alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Membership {
    /// Names the pair for ever, whatever boards it is made of.
    pub(crate) pair: u128,
    /// Grows with each board that is replaced.
    pub(crate) generation: u32,
    /// 0 for the board that invited first, 1 for the one that joined; a board that replaces one takes
    /// its number.
    pub(crate) node: u8,
    pub(crate) stage: Stage,
    /// What is stored here may be of this level: a board that joins the pair has to read that.
    pub(crate) level: u8,
    pub(crate) peer: Option<Peer>,
}

/// How far this board has come with becoming a member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// The copy is not whole. Nothing may be done with this folder but joining again.
    Copying,
    /// The copy is whole, and there was no epoch with the other board yet: it may not go on alone (rule R5
    /// of the mirror).
    Joiner,
    Member,
    /// Away for so long that the other board's log no longer held what was missing: the tables are on the
    /// way to becoming those of the other board, which has everything that was here. It is no server's before.
    Fetching,
}

/// The other board.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Peer {
    pub(crate) pin: Pin,
    /// Where it listens.
    pub(crate) addresses: Vec<Address>,
    /// It has said that its copy is whole, or was seen on the link.
    pub(crate) has_joined: bool,
}

impl Peer {
    /// Where it is as far as that is said by numbers: as the operator says (`mirror.peer`), then as was learnt.
    pub(crate) fn ips(&self, hints: &[Address]) -> Vec<IpAddr> {
        let all = hints.iter().chain(&self.addresses);
        all.filter_map(Address::ip).collect()
    }
}

/// Why the file says nothing.
#[derive(Debug)]
pub(crate) enum FileError {
    Unreadable(PathBuf, io::Error),
    /// Damaged, or of a newer version.
    Unclear(PathBuf),
    /// What is stored here may be of a level that this program does not read.
    Newer(PathBuf, u8),
}

#[derive(Deserialize, Serialize)]
struct Text {
    format: u32,
    pair: String,
    generation: u32,
    node: u8,
    stage: String,
    /// Absent: the first.
    level: Option<u8>,
    peer: Option<PeerText>,
}

#[derive(Deserialize, Serialize)]
struct PeerText {
    key: String,
    addresses: Vec<String>,
    has_joined: bool,
}

impl Stage {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Joiner => "joiner",
            Self::Member => "member",
            Self::Fetching => "fetching",
        }
    }
}

impl Membership {
    /// A new pair, of this board alone.
    pub(crate) fn found() -> Self {
        Self {
            pair: SystemEntropy::new().u128(),
            generation: 1,
            node: 0,
            stage: Stage::Member,
            level: LEVEL,
            peer: None,
        }
    }

    /// The next generation, with a place to fill.
    pub(crate) fn without_peer(self) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            stage: Stage::Member,
            peer: None,
            ..self
        }
    }
}

/// `None`: there is no pair.
pub(crate) fn read(folder: &Path) -> Result<Option<Membership>, FileError> {
    let path = folder.join(PAIR_FILE);
    let bytes = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::Unreadable(path, error)),
        Ok(found) => found.len(),
    };
    if bytes > PAIR_FILE_BYTES_MAX {
        return Err(FileError::Unclear(path));
    }
    match fs::read_to_string(&path) {
        Err(error) => Err(FileError::Unreadable(path, error)),
        Ok(text) => match parse(&text) {
            Some(one) if one.level > LEVEL => Err(FileError::Newer(path, one.level)),
            Some(one) => Ok(Some(one)),
            None => Err(FileError::Unclear(path)),
        },
    }
}

/// Durable when it returns; `None` takes the file away.
pub(crate) fn write(folder: &Path, membership: Option<&Membership>) -> io::Result<()> {
    let path = folder.join(PAIR_FILE);
    let Some(membership) = membership else {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::File::open(folder)?.sync_all(),
        };
    };
    write_secret(folder, &path, &(spell(membership) + "\n"))
}

/// Everything that the log of a board held when it began to fetch; who gives has to have that.
pub(crate) fn write_held(folder: &Path, held: &Vector) -> io::Result<()> {
    let bytes = codec::to_bytes(held);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A string takes everything.
        write!(text, "{byte:02x}").ok();
    }
    write_secret(folder, &folder.join(HELD_FILE), &text)
}

pub(crate) fn read_held(folder: &Path) -> Result<Vector, FileError> {
    let path = folder.join(HELD_FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) => return Err(FileError::Unreadable(path, error)),
    };
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.chunks(2).map(byte).collect();
    bytes
        .and_then(|bytes| codec::from_bytes(&bytes).ok())
        .ok_or(FileError::Unclear(path))
}

pub(crate) fn remove_held(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(HELD_FILE))
}

fn spell(membership: &Membership) -> String {
    let peer = membership.peer.as_ref().map(|peer| PeerText {
        key: peer.pin.to_string(),
        addresses: peer.addresses.iter().map(ToString::to_string).collect(),
        has_joined: peer.has_joined,
    });
    json::to_string(&Text {
        format: FORMAT,
        pair: format!("{:032x}", membership.pair),
        generation: membership.generation,
        node: membership.node,
        stage: membership.stage.word().to_owned(),
        level: Some(membership.level),
        peer,
    })
}

fn parse(text: &str) -> Option<Membership> {
    let text: Text = json::from_str(text).ok()?;
    if text.format != FORMAT || text.node > 1 {
        return None;
    }
    let stages = [
        Stage::Copying,
        Stage::Joiner,
        Stage::Member,
        Stage::Fetching,
    ];
    let stage = stages.into_iter().find(|one| one.word() == text.stage)?;
    let peer = match text.peer {
        None => None,
        Some(peer) => Some(Peer {
            pin: Pin::parse(&peer.key)?,
            addresses: addresses(&peer.addresses)?,
            has_joined: peer.has_joined,
        }),
    };
    Some(Membership {
        pair: u128::from_str_radix(&text.pair, 16).ok()?,
        generation: text.generation,
        node: text.node,
        stage,
        level: text.level.unwrap_or(LEVEL_FIRST),
        peer,
    })
}

/// Not more than are kept, each of them an address.
pub(super) fn addresses<T: AsRef<str>>(texts: &[T]) -> Option<Vec<Address>> {
    if texts.len() > PEER_ADDRESSES_MAX {
        return None;
    }
    let parse = |text: &T| Address::parse(text.as_ref()).ok();
    texts.iter().map(parse).collect()
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(f, "{}: cannot be read ({error})", path.display())
            }
            Self::Newer(path, level) => write!(
                f,
                "{}: what is stored here is of level {level}, and this meerkat reads up to {LEVEL}; \
                 install the newer version again",
                path.display()
            ),
            Self::Unclear(path) => write!(
                f,
                "{}: is damaged or of a newer version; start the version that wrote it, or join anew",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn membership() -> Membership {
        Membership {
            pair: 7,
            generation: 3,
            node: 1,
            stage: Stage::Joiner,
            level: LEVEL,
            peer: Some(Peer {
                pin: Pin::of(b"key"),
                addresses: vec![Address::parse("[2001:db8::1]:5270").unwrap()],
                has_joined: true,
            }),
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);

        write(folder.path(), Some(&membership())).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Some(membership()));
        let mode = fs::metadata(folder.path().join(PAIR_FILE)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);

        write(folder.path(), None).unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
    }

    #[test]
    fn what_a_log_held_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_held(folder.path()).is_err());
        let held: Vector = [crate::model::position::Position::MAX]
            .into_iter()
            .collect();
        write_held(folder.path(), &held).unwrap();
        assert_eq!(read_held(folder.path()).unwrap(), held);
        remove_held(folder.path()).unwrap();
    }

    #[test]
    fn a_file_that_is_not_understood_is_an_error_and_not_a_board_alone() {
        let whole = spell(&membership());
        let cut = whole.get(..whole.len() / 2).unwrap();
        let newer = whole.replace("\"format\":1", "\"format\":2");
        let stranger = whole.replace("joiner", "guest");
        for text in [cut, &newer, &stranger, ""] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(PAIR_FILE), text).unwrap();
            let found = read(folder.path());
            assert!(matches!(found, Err(FileError::Unclear(_))), "{text}");
        }
    }
}
