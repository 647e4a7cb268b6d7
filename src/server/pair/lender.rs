//! The board that has what the other one lacks: compares its tables with the other's, and gives what differs.
//!
//! It serves on meanwhile. Everything is read from one snapshot; the log is kept from there on, so that what is
//! written meanwhile comes over the link.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::AsyncWriteExt as _;

use crate::base::mirror_limits::COPY_RANGES_MAX;
use crate::net::peer::stream::PeerStream;
use crate::observe;
use crate::observe::event::Event;
use crate::server::pair::Pair;
use crate::server::pair::boot;
use crate::server::pair::wire;
use crate::server::pair::wire::Ask;
use crate::server::pair::wire::Batch;
use crate::server::pair::wire::Copied;
use crate::server::pair::wire::Lent;
use crate::store::StoreError;
use crate::store::compare::Piece;
use crate::store::compare::Walk;

/// Why the other board has not got what it lacks. It will ask again.
#[derive(Debug)]
enum LendError {
    Broken(io::Error),
    Store(StoreError),
    Behind,
    OtherVersion,
}

pub(super) async fn serve(pair: Rc<Pair>, mut stream: PeerStream) {
    match lend(&pair, &mut stream).await {
        Ok((bytes, all)) => tell(format_args!(
            "the other board has what it lacked, bytes={bytes} of={all}"
        )),
        Err(error) => tell(format_args!(
            "the other board lacks something still: {error}"
        )),
    }
    // It may be gone already.
    stream.close().await.ok();
}

fn tell(what: fmt::Arguments<'_>) {
    observe::emit(&Event::PairCopy { what: &what });
}

/// Gives how many bytes went there, and how many were compared.
async fn lend(pair: &Rc<Pair>, stream: &mut PeerStream) -> Result<(u64, u64), LendError> {
    let ask: Ask = wire::read_long(stream).await?;
    let why = check(pair, &ask);
    if let Err(error) = why {
        let answer = match error {
            LendError::Behind => Lent::Behind,
            _ => Lent::OtherVersion,
        };
        wire::write_message(stream, &answer).await?;
        return Err(error);
    }
    tell(format_args!(
        "the other board compares its tables with these"
    ));
    pair.node.checkpoint().await;
    boot::keep_from_here(&pair.node, pair.log_bytes)?;
    let store = Arc::clone(&pair.node.store);
    let mut walk = smol::unblock(move || store.walk()).await?;
    let rows = walk.rows;
    wire::write_message(stream, &Lent::Begin { rows }).await?;
    let (mut bytes, mut all) = (0, 0);
    loop {
        let pieces;
        (walk, pieces) = smol::unblock(move || read(walk)).await?;
        let batch = Batch {
            ranges: pieces.iter().map(|piece| piece.range.clone()).collect(),
            rows: pieces.iter().map(|piece| piece.count).sum(),
        };
        all += pieces.iter().map(Piece::bytes).sum::<u64>();
        wire::write_message(stream, &batch).await?;
        if pieces.is_empty() {
            break;
        }
        let wanted: Vec<u32> = wire::read_long(stream).await?;
        for number in wanted {
            let piece = usize::try_from(number).ok().and_then(|at| pieces.get(at));
            let piece = piece.ok_or_else(wire::unclear)?;
            bytes += piece.bytes();
            wire::write_piece(stream, &piece.rows).await?;
        }
        wire::in_time(stream.flush()).await?;
    }
    let Copied { .. } = wire::read_message(stream).await?;
    Ok((bytes, all))
}

/// Nothing is given to a board that would lose something by it.
fn check(pair: &Pair, ask: &Ask) -> Result<(), LendError> {
    if ask.format != crate::store::FORMAT {
        return Err(LendError::OtherVersion);
    }
    let member = pair.node.member.borrow();
    let has_all = member.serves() && member.engine.vector().covers_all(&ask.has);
    has_all.then_some(()).ok_or(LendError::Behind)
}

fn read(mut walk: Walk) -> Result<(Walk, Vec<Piece>), StoreError> {
    let mut pieces = Vec::new();
    while pieces.len() < COPY_RANGES_MAX
        && let Some(piece) = walk.next()?
    {
        pieces.push(piece);
    }
    Ok((walk, pieces))
}

impl From<io::Error> for LendError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<StoreError> for LendError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for LendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Behind => f.write_str(
                "it has acknowledged what is missing here, or this board does not serve",
            ),
            Self::OtherVersion => f.write_str("it is of another version"),
        }
    }
}
