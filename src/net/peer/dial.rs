//! Calls the other board, at each of its addresses until one answers with the right key.

use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::ToSocketAddrs as _;
use std::pin::Pin as Pinned;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_io::Async;
use async_io::Timer;
use futures_lite::AsyncReadExt as _;
use futures_rustls::TlsConnector;
use rustls::AlertDescription;
use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::Error;
use rustls::pki_types::ServerName;

use crate::base::mirror_limits::PEER_ADDRESSES_MAX;
use crate::base::mirror_limits::PEER_DIAL_STAGGER_MS;
use crate::base::mirror_limits::PEER_HANDSHAKE_MS;
use crate::net::address::Address;
use crate::net::peer::ADMITTED;
use crate::net::peer::Purpose;
use crate::net::peer::client_config;
use crate::net::peer::identity::NodeIdentity;
use crate::net::peer::identity::Pin;
use crate::net::peer::socket::Socket;
use crate::net::peer::stream::PeerStream;
use crate::net::peer::within;

/// Why there is no connection. The later ones say more about the other board.
#[derive(Debug)]
pub(crate) enum DialError {
    /// No address is known.
    NoAddress,
    /// Nobody answers, or not like a board.
    Unreachable(io::Error),
    /// It speaks another version of the protocol.
    OtherVersion,
    /// Whoever answers is another board.
    OtherKey,
    /// It is the right board, and it does not want us: it has no open invitation, or another pair.
    Refused,
}

type Attempt<'a> = Pinned<Box<dyn Future<Output = Result<PeerStream, DialError>> + 'a>>;

/// The first connection that stands. Each address has its own time; later ones begin a little later.
pub(crate) async fn dial(
    identity: &NodeIdentity,
    peer: Pin,
    purpose: Purpose,
    addresses: &[Address],
) -> Result<PeerStream, DialError> {
    let config = client_config(identity, peer, purpose).map_err(|error| unreachable(&error))?;
    let config = Arc::new(config);
    let mut attempts: Vec<Attempt<'_>> = Vec::new();
    let mut wait = Duration::ZERO;
    for address in addresses.iter().take(PEER_ADDRESSES_MAX) {
        let config = Arc::clone(&config);
        attempts.push(Box::pin(async move {
            Timer::after(wait).await;
            attempt(config, address).await
        }));
        wait += Duration::from_millis(PEER_DIAL_STAGGER_MS);
    }
    first(attempts).await
}

/// The first that succeeds, or else the failure that tells most.
async fn first(mut attempts: Vec<Attempt<'_>>) -> Result<PeerStream, DialError> {
    let mut failure = DialError::NoAddress;
    poll_fn(|cx| {
        let mut index = 0;
        while let Some(attempt) = attempts.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                Poll::Ready(Err(error)) => {
                    drop(attempts.remove(index));
                    if error.rank() >= failure.rank() {
                        failure = error;
                    }
                }
                Poll::Pending => index += 1,
            }
        }
        if attempts.is_empty() {
            let failure = std::mem::replace(&mut failure, DialError::NoAddress);
            return Poll::Ready(Err(failure));
        }
        Poll::Pending
    })
    .await
}

async fn attempt(config: Arc<ClientConfig>, address: &Address) -> Result<PeerStream, DialError> {
    let late = || unreachable(&"no answer");
    let (host, port) = (address.host().to_owned(), address.port());
    let resolving = smol::unblock(move || {
        let found = (host.as_str(), port).to_socket_addrs()?;
        Ok(found.take(PEER_ADDRESSES_MAX).collect::<Vec<_>>())
    });
    let resolved = within(PEER_HANDSHAKE_MS, resolving)
        .await
        .ok_or_else(late)?
        .map_err(DialError::Unreachable)?;
    let mut failure = unreachable(&"the name has no address");
    for remote in resolved {
        let greeting = greet(Arc::clone(&config), remote);
        match within(PEER_HANDSHAKE_MS, greeting).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => failure = error,
            None => failure = late(),
        }
    }
    Err(failure)
}

pub(super) async fn greet(
    config: Arc<ClientConfig>,
    remote: SocketAddr,
) -> Result<PeerStream, DialError> {
    let socket = Async::<TcpStream>::connect(remote)
        .await
        .map_err(DialError::Unreachable)?;
    // It goes nowhere: no name is sent, and none is checked.
    let name = ServerName::try_from("pair.invalid").map_err(|error| unreachable(&error))?;
    let tls = TlsConnector::from(config)
        .connect(name, Socket::new(socket))
        .await
        .map_err(DialError::from_handshake)?;
    let mut stream = PeerStream::new(tls.into(), remote, None)
        .ok_or_else(|| unreachable(&"it has shown no key"))?;
    let mut word = [0];
    match stream.read_exact(&mut word).await {
        Ok(()) if word == [ADMITTED] => Ok(stream),
        Ok(()) => Err(DialError::OtherVersion),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(DialError::Refused),
        Err(error) => Err(DialError::from_handshake(error)),
    }
}

fn unreachable(why: &dyn fmt::Display) -> DialError {
    DialError::Unreachable(io::Error::other(why.to_string()))
}

impl DialError {
    fn from_handshake(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
                Self::OtherKey
            }
            Some(Error::AlertReceived(AlertDescription::AccessDenied)) => Self::Refused,
            Some(
                Error::NoApplicationProtocol
                | Error::PeerIncompatible(_)
                | Error::AlertReceived(
                    AlertDescription::NoApplicationProtocol | AlertDescription::ProtocolVersion,
                ),
            ) => Self::OtherVersion,
            _ => Self::Unreachable(error),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::NoAddress => 0,
            Self::Unreachable(_) => 1,
            Self::OtherVersion => 2,
            Self::OtherKey => 3,
            Self::Refused => 4,
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no address of the other board is known"),
            Self::Unreachable(error) => {
                write!(f, "the other board cannot be reached: {error}")
            }
            Self::OtherVersion => f.write_str(
                "whoever answers is no meerkat of this version; use the same version on both boards",
            ),
            Self::OtherKey => {
                f.write_str("whoever answers is another board than the one that was meant")
            }
            Self::Refused => f.write_str("the other board does not know this one"),
        }
    }
}
