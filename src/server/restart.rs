//! Sessions from one start to the next, in a file that is there only in between.

use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;

use crate::core::restart::Saved;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::net::hub::Event as Told;
use crate::net::hub::Mailbox;
use crate::net::peer::within;
use crate::observe;
use crate::observe::event::Event;
use crate::server::hub::Node;

/// The file in the data folder, and its name until it is whole.
const FILE: &str = "sessions";
const NEW_FILE: &str = "sessions.new";

/// What the file begins with; another program writes something else.
const MARK: &[u8; 8] = b"meerkat1";

/// How long what is under way may take to get onto the disk, and how long records may take to be read.
const SETTLE_MS: u64 = 5_000;

/// The server stops: nothing more is taken from clients, who hear nothing. Sessions that cannot be
/// resumed end.
pub(super) async fn save(node: &Rc<Node>, folder: &Path) {
    node.begin_leaving();
    let settled = async {
        while !node.is_settled() {
            Timer::after(Duration::from_millis(1)).await;
        }
    };
    within(SETTLE_MS, settled).await;
    let saved = node.saved_sessions();
    if let Err(error) = write(folder, &to_bytes(&saved)) {
        // Clients log in again, as after a power cut.
        observe::emit(&Event::SessionsLost { error: &error });
    }
    // Without a stream error and without an end of the stream: after either nobody resumes (XEP-0198
    // section 5).
    let mailboxes: Vec<Rc<Mailbox>> = node.mailboxes.borrow().values().map(Rc::clone).collect();
    for mailbox in mailboxes {
        mailbox.post(Told::Leave);
    }
    Timer::after(Duration::from_millis(5)).await;
}

fn write(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(NEW_FILE);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(MARK)?;
    file.write_all(&crc32c::crc32c(bytes).to_be_bytes())?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FILE))?;
    fs::File::open(folder)?.sync_all()
}

/// What the last stop has saved; from here on it is not there any more, so that nothing is taken up twice.
fn take(folder: &Path) -> Option<Saved> {
    let path = folder.join(FILE);
    let bytes = fs::read(&path).ok()?;
    fs::remove_file(&path).ok()?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .ok()?;
    let bytes = bytes.strip_prefix(MARK)?;
    let (sum, bytes) = bytes.split_first_chunk()?;
    let is_whole = u32::from_be_bytes(*sum) == crc32c::crc32c(bytes);
    is_whole.then(|| from_bytes(bytes).ok()).flatten()
}

/// Goes on with the sessions of the last stop. Nobody is heard before that is done.
pub(super) async fn take_up(node: &Rc<Node>, folder: &Path) {
    let Some(saved) = take(folder) else { return };
    let count = node.take_up(saved);
    let done = async {
        while !node.has_taken_up() {
            Timer::after(Duration::from_millis(1)).await;
        }
    };
    within(SETTLE_MS, done).await;
    node.end_taking_up();
    observe::emit(&Event::SessionsTakenUp { count });
}

impl Node {
    /// The sessions that can be resumed, for the next start.
    fn saved_sessions(&self) -> Saved {
        let now = self.now();
        self.member.borrow().engine.core.saved_sessions(now)
    }

    /// Goes on with those of the last stop; gives how many.
    fn take_up(self: &Rc<Self>, saved: Saved) -> usize {
        let now = self.now();
        let count = self.member.borrow_mut().engine.core.take_up(now, saved);
        self.perform(now);
        self.wake();
        count
    }

    /// Whether all that was taken up is online.
    fn has_taken_up(&self) -> bool {
        self.member.borrow().engine.core.is_still()
    }

    fn end_taking_up(&self) {
        self.member.borrow_mut().engine.core.end_taking_up();
    }
}
