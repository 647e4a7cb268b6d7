//! Files between the boards (`meerkat-file/1`): one asks, the other answers, a file at a time.
//!
//! The board that dials the link dials these connections too, those over which it asks and those over which the other
//! one may; so it is enough that one of them listens. A file that breaks off is asked for anew, as a whole.
//!
//! ```text
//! the one that dials    First { asks }
//! the one that asks     1, Ask::Give { hash, bytes }    Told::Has, or Told::Go and then the bytes, Told::Has
//!                       1, Ask::Want { hash }           Told::Lacks, or Told::Go and then the bytes
//! ```
//!
//! `Has` is said when the file is durable. The bytes are pieces of at most 64 KiB, an empty one at the end.

use std::cell::Cell;
use std::cell::OnceCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_lite::FutureExt as _;
use smol::channel;
use smol::channel::Receiver;
use smol::channel::Sender;
use smol::lock::Semaphore;

use crate::base::upload_limits::DISK_RESERVE_BYTES;
use crate::base::upload_limits::FILE_LINES;
use crate::base::upload_limits::FILE_PAUSE_MS;
use crate::base::upload_limits::FILE_PIECE_BYTES;
use crate::base::upload_limits::FILE_SHIP_MS;
use crate::model::codec::coded;
use crate::model::file::FileHash;
use crate::net::peer::Purpose;
use crate::net::peer::stream::PeerStream;
use crate::net::peer::within;
use crate::server::pair::Pair;
use crate::server::pair::boot;
use crate::server::pair::wire;
use crate::store::disk::cabinet::Cabinet;

/// The level from which on both boards know of files.
const LEVEL: u8 = 2;

/// Between two attempts of one who waits for an answer.
const AGAIN_MS: u64 = 200;

/// A request begins with it: there is no time limit before.
const KNOCK: u8 = 1;

/// Who of the two asks on this connection.
#[derive(Debug)]
struct First {
    asks: bool,
}

#[derive(Debug)]
enum Ask {
    Give { hash: FileHash, bytes: u64 },
    Want { hash: FileHash },
}

#[derive(Debug)]
enum Told {
    Go,
    Has,
    Lacks,
    Full,
}

coded!(struct First { asks });
coded!(enum Ask { 1 => Give { hash, bytes }, 2 => Want { hash } });
coded!(enum Told { 1 => Go, 2 => Has, 3 => Lacks, 4 => Full });

/// Why the other board has not got a file while it serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GiveError {
    Full,
    Late,
}

/// Connections for files, and how many files are known to be missing here.
pub(crate) struct FileLines {
    cabinet: OnceCell<Arc<Cabinet>>,
    /// Connections over which this board can ask.
    idle: (Sender<PeerStream>, Receiver<PeerStream>),
    /// Who dials has no more of them than these.
    turns: Semaphore,
    missing: Cell<usize>,
}

impl FileLines {
    pub(super) fn new() -> Self {
        Self {
            cabinet: OnceCell::new(),
            idle: channel::bounded(FILE_LINES),
            turns: Semaphore::new(FILE_LINES),
            missing: Cell::new(0),
        }
    }

    pub(crate) fn missing(&self) -> usize {
        self.missing.get()
    }

    pub(crate) fn note_missing(&self, count: usize) {
        self.missing.set(count);
    }

    pub(crate) fn note_fetched(&self) {
        self.missing.set(self.missing.get().saturating_sub(1));
    }

    /// The other board has the file, durable; or it is not there, and this one is alone.
    pub(crate) async fn give(&self, pair: &Pair, hash: &FileHash) -> Result<(), GiveError> {
        let Some(cabinet) = self.cabinet.get() else {
            return Ok(());
        };
        let giving = async {
            while pair.is_in_sync() {
                let given = match self.line(pair).await {
                    Ok((mut line, _turn)) => {
                        let given = give(&mut line, cabinet, hash).await;
                        self.put_back(line, given.is_ok());
                        given
                    }
                    Err(error) => Err(error),
                };
                match given {
                    Ok(Told::Full) => return Err(GiveError::Full),
                    Ok(_) => return Ok(()),
                    Err(_) => pause(AGAIN_MS).await,
                }
            }
            Ok(())
        };
        let given = within(FILE_SHIP_MS, giving).await;
        given.unwrap_or(Err(GiveError::Late))
    }

    /// Fetches a file; whether the other board had it. `None`: it could not be asked, perhaps since the connection
    /// was of a board that has died meanwhile; another one may be there.
    pub(crate) async fn want(&self, pair: &Pair, hash: &FileHash) -> Option<bool> {
        let cabinet = self.cabinet.get().filter(|_| pair.is_in_sync())?;
        let wanting = async {
            let (mut line, _turn) = self.line(pair).await.ok()?;
            let wanted = want(&mut line, cabinet, hash).await;
            self.put_back(line, wanted.is_ok());
            wanted.ok()
        };
        within(FILE_SHIP_MS, wanting).await.flatten()
    }

    /// A connection over which this board can ask.
    async fn line<'s>(
        &'s self,
        pair: &Pair,
    ) -> io::Result<(PeerStream, Option<smol::lock::SemaphoreGuard<'s>>)> {
        if !dials(pair) {
            let line = within(FILE_PAUSE_MS, self.idle.1.recv()).await;
            let line = line.and_then(Result::ok);
            return Ok((line.ok_or(io::ErrorKind::NotConnected)?, None));
        }
        let turn = self.turns.acquire().await;
        if let Ok(line) = self.idle.1.try_recv() {
            return Ok((line, Some(turn)));
        }
        let line = dial(pair, true).await?;
        Ok((line, Some(turn)))
    }

    fn put_back(&self, line: PeerStream, is_good: bool) {
        if is_good {
            // One too many is closed.
            self.idle.0.try_send(line).ok();
        }
    }

    /// The other board has called.
    async fn handle(&self, mut line: PeerStream) -> io::Result<()> {
        let first: First = wire::read_message(&mut line).await?;
        if first.asks {
            return self.answer(line).await;
        }
        // What is dead already makes room.
        while let Err(error) = self.idle.0.try_send(line) {
            line = error.into_inner();
            drop(self.idle.1.try_recv());
        }
        Ok(())
    }

    /// Answers what is asked on this connection, to its end.
    async fn answer(&self, mut line: PeerStream) -> io::Result<()> {
        let cabinet = self.cabinet.get().ok_or(io::ErrorKind::NotConnected)?;
        loop {
            let mut knock = [0];
            line.read_exact(&mut knock).await?;
            match wire::read_message(&mut line).await? {
                Ask::Give { hash, bytes } => take(&mut line, cabinet, hash, bytes).await?,
                Ask::Want { hash } => lend(&mut line, cabinet, hash).await?,
            }
        }
    }
}

/// Begins to answer, in a server that has a folder for files.
pub(crate) fn begin(pair: &Rc<Pair>, cabinet: &Arc<Cabinet>) {
    // It is set once.
    pair.files.cabinet.set(Arc::clone(cabinet)).ok();
    for _ in 0..FILE_LINES {
        let answering = keep_answering(Rc::clone(pair));
        pair.node.executor.spawn(answering).detach();
    }
}

/// Whose connection it is was looked at when it came.
pub(super) async fn serve(pair: Rc<Pair>, line: PeerStream) {
    // The connection is over; whoever wants one calls again.
    pair.files.handle(line).await.ok();
}

/// The board that dials keeps a connection over which the other one can ask.
#[expect(clippy::infinite_loop, reason = "it ends with the server")]
async fn keep_answering(pair: Rc<Pair>) {
    loop {
        pause(FILE_PAUSE_MS / 4).await;
        if !pair.is_in_sync() || !dials(&pair) {
            continue;
        }
        let answering = async {
            let line = dial(&pair, false).await?;
            pair.files.answer(line).await
        };
        let parted = async {
            // A connection to a board that is no more is of no use.
            while pair.is_in_sync() {
                pause(FILE_PAUSE_MS).await;
            }
            Ok(())
        };
        // What broke is begun anew.
        answering.or(parted).await.ok();
    }
}

fn dials(pair: &Pair) -> bool {
    let membership = pair.membership();
    membership.is_some_and(|one| one.node == boot::DIALS && one.level >= LEVEL)
}

async fn dial(pair: &Pair, asks: bool) -> io::Result<PeerStream> {
    let line = pair.dial_for(Purpose::File).await;
    let mut line = line.map_err(|error| io::Error::other(error.to_string()))?;
    wire::write_message(&mut line, &First { asks }).await?;
    Ok(line)
}

async fn pause(ms: u64) {
    Timer::after(Duration::from_millis(ms)).await;
}

async fn ask(line: &mut PeerStream, ask: &Ask) -> io::Result<Told> {
    wire::in_time(line.write_all(&[KNOCK])).await?;
    wire::write_message(line, ask).await?;
    wire::read_message(line).await
}

async fn give(line: &mut PeerStream, cabinet: &Arc<Cabinet>, hash: &FileHash) -> io::Result<Told> {
    let (shelf, wanted) = (Arc::clone(cabinet), *hash);
    let found = smol::unblock(move || shelf.find(&wanted)).await?;
    let (file, bytes) = found.ok_or(io::ErrorKind::NotFound)?;
    let told = ask(line, &Ask::Give { hash: *hash, bytes }).await?;
    if !matches!(told, Told::Go) {
        return Ok(told);
    }
    write_file(line, file).await?;
    wire::read_message(line).await
}

async fn want(line: &mut PeerStream, cabinet: &Arc<Cabinet>, hash: &FileHash) -> io::Result<bool> {
    match ask(line, &Ask::Want { hash: *hash }).await? {
        Told::Go => {
            let is_kept = read_file(line, cabinet, hash, u64::MAX).await?;
            Ok(is_kept)
        }
        _ => Ok(false),
    }
}

/// The other board gives a file.
async fn take(
    line: &mut PeerStream,
    cabinet: &Arc<Cabinet>,
    hash: FileHash,
    bytes: u64,
) -> io::Result<()> {
    let shelf = Arc::clone(cabinet);
    let looking = move || Ok::<_, io::Error>((shelf.touch(&hash)?, shelf.free_bytes()?));
    let (is_here, free) = smol::unblock(looking).await?;
    if is_here {
        return wire::write_message(line, &Told::Has).await;
    }
    if free < bytes.saturating_add(DISK_RESERVE_BYTES) {
        return wire::write_message(line, &Told::Full).await;
    }
    wire::write_message(line, &Told::Go).await?;
    match read_file(line, cabinet, &hash, bytes).await {
        Ok(true) => wire::write_message(line, &Told::Has).await,
        Ok(false) => Err(wire::unclear()),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            // What still comes of it is not read: the connection ends here.
            wire::write_message(line, &Told::Full).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The other board wants a file.
async fn lend(line: &mut PeerStream, cabinet: &Arc<Cabinet>, hash: FileHash) -> io::Result<()> {
    let shelf = Arc::clone(cabinet);
    let found = smol::unblock(move || shelf.find(&hash)).await?;
    let Some((file, _)) = found else {
        return wire::write_message(line, &Told::Lacks).await;
    };
    wire::write_message(line, &Told::Go).await?;
    write_file(line, file).await
}

async fn write_file(line: &mut PeerStream, file: std::fs::File) -> io::Result<()> {
    let mut file = smol::Unblock::with_capacity(FILE_PIECE_BYTES, file);
    let mut piece = vec![0; FILE_PIECE_BYTES];
    loop {
        let count = file.read(&mut piece).await?;
        let read = piece.get(..count).unwrap_or_default();
        wire::write_piece(line, read).await?;
        if count == 0 {
            return wire::in_time(line.flush()).await;
        }
    }
}

/// Whether what has come is what was named; then it is durable.
async fn read_file(
    line: &mut PeerStream,
    cabinet: &Arc<Cabinet>,
    hash: &FileHash,
    bytes_max: u64,
) -> io::Result<bool> {
    let shelf = Arc::clone(cabinet);
    let mut draft = smol::unblock(move || shelf.begin()).await?;
    loop {
        let length = wire::read_piece_length(line).await?;
        if length == 0 {
            break;
        }
        let mut piece = vec![0; length];
        wire::in_time(line.read_exact(&mut piece)).await?;
        let writing = move || {
            draft.write(&piece)?;
            Ok::<_, io::Error>(draft)
        };
        draft = smol::unblock(writing).await?;
        if draft.bytes > bytes_max {
            return Err(wire::unclear());
        }
    }
    if draft.hash() != *hash {
        return Ok(false);
    }
    let shelf = Arc::clone(cabinet);
    smol::unblock(move || shelf.keep(&draft)).await?;
    Ok(true)
}
