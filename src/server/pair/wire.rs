//! What is said in a join: short messages, then the copy in pieces, then that it has arrived.
//!
//! Each message and each piece has its length before it, in four bytes. A piece of no bytes is the end.

use std::io;

use futures_lite::AsyncRead;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWrite;
use futures_lite::AsyncWriteExt as _;

use crate::base::mirror_limits::COPY_MESSAGE_BYTES_MAX;
use crate::base::mirror_limits::JOIN_MESSAGE_BYTES_MAX;
use crate::base::mirror_limits::JOIN_PIECE_BYTES_MAX;
use crate::base::mirror_limits::JOIN_SILENCE_MS;
use crate::model::codec;
use crate::model::codec::Code;
use crate::model::codec::coded;
use crate::model::vector::Vector;
use crate::net::peer::within;
use crate::server::pair::invite::Proof;
use crate::store::compare::Range;

/// The first word of the board that joins.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) proof: Proof,
    pub(super) domain: Box<str>,
    /// Where it will listen.
    pub(super) addresses: Vec<Box<str>>,
}

/// The answer of the board that has invited.
#[derive(Debug)]
pub(super) enum Answer {
    /// The copy follows.
    Welcome {
        pair: u128,
        generation: u32,
        node: u8,
    },
    WrongSecret,
    /// Said to who knows the secret only. The invitation is still good.
    OtherDomain {
        domain: Box<str>,
    },
    /// It cannot be done now; the other board's log says why.
    Failed,
}

/// The copy is whole and durable.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) rows: u64,
}

/// The first word of a board that was away for long: how its tables are made, and all that its log held. Who
/// gives has to have that before anything of it is replaced.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) format: u32,
    pub(super) has: Vector,
}

/// The answer of the one that has what it lacks.
#[derive(Debug)]
pub(super) enum Lent {
    /// Batches follow; about so many rows in all.
    Begin {
        rows: u64,
    },
    /// Something that the other one has is missing here.
    Behind,
    OtherVersion,
}

/// Ranges to be compared, with about how many rows; none: that was all. The numbers of those that differ
/// answer it, and their rows that.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) ranges: Vec<Range>,
    pub(super) rows: u64,
}

coded!(struct Ask { format, has });
coded!(enum Lent {
    1 => Begin { rows },
    2 => Behind,
    3 => OtherVersion,
});
coded!(struct Batch { ranges, rows });
coded!(struct Hello { proof, domain, addresses });
coded!(enum Answer {
    1 => Welcome { pair, generation, node },
    2 => WrongSecret,
    3 => OtherDomain { domain },
    4 => Failed,
});
coded!(struct Copied { rows });

pub(super) async fn write_message<T: Code>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> io::Result<()> {
    write_piece(stream, &codec::to_bytes(message)).await?;
    in_time(stream.flush()).await
}

pub(super) async fn read_message<T: Code>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let bytes = read_bytes(stream, JOIN_MESSAGE_BYTES_MAX).await?;
    codec::from_bytes(&bytes).map_err(|_| unclear())
}

/// While ranges are compared, when messages are longer.
pub(super) async fn read_long<T: Code>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let bytes = read_bytes(stream, COPY_MESSAGE_BYTES_MAX).await?;
    codec::from_bytes(&bytes).map_err(|_| unclear())
}

/// The rows of a range.
pub(super) async fn read_rows(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    read_bytes(stream, COPY_MESSAGE_BYTES_MAX).await
}

async fn read_bytes(stream: &mut (impl AsyncRead + Unpin), max: usize) -> io::Result<Vec<u8>> {
    let length = read_length(stream, max).await?;
    let mut bytes = vec![0; length];
    in_time(stream.read_exact(&mut bytes)).await?;
    Ok(bytes)
}

pub(super) async fn write_piece(
    stream: &mut (impl AsyncWrite + Unpin),
    piece: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(piece.len()).map_err(|_| unclear())?;
    in_time(stream.write_all(&length.to_be_bytes())).await?;
    in_time(stream.write_all(piece)).await
}

pub(super) async fn read_piece_length(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
    read_length(stream, JOIN_PIECE_BYTES_MAX).await
}

async fn read_length(stream: &mut (impl AsyncRead + Unpin), max: usize) -> io::Result<usize> {
    let mut length = [0; 4];
    in_time(stream.read_exact(&mut length)).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > max {
        return Err(unclear());
    }
    Ok(length)
}

/// Nobody waits for ever.
pub(super) async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the other board is silent");
    within(JOIN_SILENCE_MS, work)
        .await
        .unwrap_or_else(|| Err(late()))
}

pub(super) fn unclear() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what it says is unclear")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Hello> {
        smol::block_on(read_message(&mut futures_lite::io::Cursor::new(bytes)))
    }

    #[test]
    fn a_message_that_is_cut_or_too_long_is_refused_before_it_is_stored() {
        let hello = Hello {
            proof: [7; 32],
            domain: "a.example".into(),
            addresses: vec!["192.0.2.1:5270".into()],
        };
        let mut bytes = Vec::new();
        smol::block_on(write_message(&mut bytes, &hello)).unwrap();

        assert_eq!(&*read(&bytes).unwrap().domain, "a.example");
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
        assert!(read(&[0xff; 64]).is_err());
    }
}
