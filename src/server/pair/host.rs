//! The board that has invited: checks the proof, takes the other board in, and sends it everything.
//!
//! From the moment the proof is found good the invitation is spent, and the log is kept for the other
//! board: the copy is read from one snapshot, and what is written meanwhile comes over the link.

use std::fmt;
use std::fs;
use std::io;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::AsyncWriteExt as _;
use futures_lite::future;
use smol::channel;
use smol::channel::Sender;

use crate::base::mirror_limits::JOIN_MESSAGE_BYTES_MAX;
use crate::base::mirror_limits::JOIN_PIECE_BYTES_MAX;
use crate::base::mirror_limits::JOIN_PIECES_MAX;
use crate::base::mirror_limits::PEER_ADDRESSES_MAX;
use crate::base::mirror_limits::PEER_HANDSHAKE_MS;
use crate::net::address::Address;
use crate::net::certificate::Identity;
use crate::net::peer::stream::PeerStream;
use crate::net::peer::within;
use crate::observe;
use crate::observe::event::Event;
use crate::server::pair::Pair;
use crate::server::pair::PairError;
use crate::server::pair::file;
use crate::server::pair::file::Peer;
use crate::server::pair::invite;
use crate::server::pair::wire;
use crate::server::pair::wire::Answer;
use crate::server::pair::wire::Copied;
use crate::server::pair::wire::Hello;
use crate::store::Store;
use crate::store::backup::BackupError;

/// Why a board has not joined.
#[derive(Debug)]
enum HostError {
    Broken(io::Error),
    /// The invitation ran out or was used while this one was being made.
    NoInvite,
    WrongSecret,
    OtherDomain,
    Pair(PairError),
    Backup(BackupError),
}

pub(super) async fn serve(pair: Rc<Pair>, mut stream: PeerStream) {
    let from = stream.remote.ip().to_canonical();
    match host(&pair, &mut stream).await {
        Ok(rows) => observe::emit(&Event::JoinFinished { from, rows }),
        Err(why) => observe::emit(&Event::JoinFailed { from, why: &why }),
    }
    // It may be gone already.
    stream.close().await.ok();
}

async fn host(pair: &Rc<Pair>, stream: &mut PeerStream) -> Result<u64, HostError> {
    // A guest that says nothing holds a seat that the invited board may need.
    let hello = within(PEER_HANDSHAKE_MS, wire::read_message(stream)).await;
    let hello: Hello = hello.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
    let exporter = stream.exporter()?;
    let secret = pair.open_invite().ok_or(HostError::NoInvite)?;
    if !invite::is_proved(&hello.proof, &secret, &exporter, stream.peer) {
        wire::write_message(stream, &Answer::WrongSecret).await?;
        return Err(HostError::WrongSecret);
    }
    if *hello.domain != *pair.domain {
        let domain = pair.domain.as_str().into();
        wire::write_message(stream, &Answer::OtherDomain { domain }).await?;
        return Err(HostError::OtherDomain);
    }
    let peer = Peer {
        pin: stream.peer,
        addresses: peer_addresses(&hello, stream),
        has_joined: false,
    };
    let membership = match pair.take_in(peer) {
        Ok(membership) => membership,
        Err(error) => {
            wire::write_message(stream, &Answer::Failed).await?;
            return Err(HostError::Pair(error));
        }
    };
    let from = stream.remote.ip().to_canonical();
    let key = &stream.peer;
    observe::emit(&Event::JoinStarted { from, key });
    let welcome = Answer::Welcome {
        pair: membership.pair,
        generation: membership.generation,
        node: 1 - membership.node.min(1),
    };
    wire::write_message(stream, &welcome).await?;
    wire::write_message(stream, &certificate(pair)).await?;
    copy(pair, stream).await?;
    let copied: Copied = wire::read_message(stream).await?;
    pair.handle_copied(stream.peer).map_err(HostError::Pair)?;
    Ok(copied.rows)
}

/// The self-signed pair that clients have got to know: they are to meet it on either board.
fn certificate(pair: &Pair) -> Option<Box<str>> {
    let path = Identity::self_signed_path(&pair.folder);
    let text = fs::read_to_string(path).ok()?;
    let fits = text.len() < JOIN_MESSAGE_BYTES_MAX - 16;
    (pair.is_self_signed && fits).then(|| text.into())
}

/// Where it says it listens; first of all where it was seen to be.
fn peer_addresses(hello: &Hello, stream: &PeerStream) -> Vec<Address> {
    let told = file::addresses(&hello.addresses).unwrap_or_default();
    let host = stream.remote.ip().to_canonical();
    let seen = told
        .iter()
        .map(|told| std::net::SocketAddr::new(host, told.port()).to_string())
        .filter_map(|text| Address::parse(&text).ok());
    let mut addresses: Vec<Address> = Vec::new();
    for address in seen.chain(told.iter().cloned()) {
        if addresses.len() < PEER_ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// Reading waits for the network, and stops when that has broken.
async fn copy(pair: &Rc<Pair>, stream: &mut PeerStream) -> Result<(), HostError> {
    pair.node.checkpoint().await;
    let store = Arc::clone(&pair.node.store);
    let (send, pieces) = channel::bounded(JOIN_PIECES_MAX);
    let reading = smol::unblock(move || read(&store, send));
    let sending = async move {
        while let Ok(piece) = pieces.recv().await {
            wire::write_piece(stream, &piece).await?;
        }
        Ok(stream)
    };
    let (read, sent): (_, io::Result<&mut PeerStream>) = future::zip(reading, sending).await;
    let stream = sent?;
    read.map_err(HostError::Backup)?;
    wire::write_piece(stream, &[]).await?;
    Ok(wire::in_time(stream.flush()).await?)
}

fn read(store: &Store, send: Sender<Vec<u8>>) -> Result<(), BackupError> {
    let pieces = Pieces(send);
    let mut out = io::BufWriter::with_capacity(JOIN_PIECE_BYTES_MAX, pieces);
    store.backup(&mut out, &mut |_, _| {})?;
    out.flush()?;
    Ok(())
}

/// Hands on what is written, as it comes.
struct Pieces(Sender<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (piece, _) = bytes.split_at(bytes.len().min(JOIN_PIECE_BYTES_MAX));
        match self.0.send_blocking(piece.to_vec()) {
            Ok(()) => Ok(piece.len()),
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<io::Error> for HostError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            Self::NoInvite => f.write_str("there is no open invitation"),
            Self::WrongSecret => f.write_str("the secret is not that of the invitation"),
            Self::OtherDomain => f.write_str("it serves another domain"),
            Self::Pair(error) => error.fmt(f),
            Self::Backup(error) => write!(f, "the copy {error}"),
        }
    }
}
