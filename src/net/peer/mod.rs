//! The transport of the link between two boards: an authenticated stream of bytes, dialled or accepted.
//!
//! TLS 1.3 with raw public keys (RFC 7250) on both sides: a board is known by its key alone, so there is
//! no authority, no name and no date that could be wrong. Which key is let in is decided within the
//! handshake; nobody else is sent a byte of ours. What is spoken, and in which version, is the
//! protocol name (RFC 7301): the link itself, or a join.
//!
//! There is no policy here: whoever wants to be connected dials again when it thinks right. Nothing
//! here notices silence either, but TCP after a while; the link's heartbeat does.

pub(crate) mod accept;
pub(crate) mod dial;
pub(crate) mod identity;
mod socket;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use futures_lite::FutureExt as _;
use rustls::ClientConfig;
use rustls::ServerConfig;
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::Resumption;
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;

use crate::net::peer::identity::NodeIdentity;
use crate::net::peer::identity::Pin;
use crate::net::peer::verify::Verifier;
use crate::net::tls;
use crate::net::tls::TlsError;

/// Sent by the accepting side when it has found the key to be the right one: in TLS 1.3 the dialling
/// side is done before its own key has been looked at.
const ADMITTED: u8 = 1;

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// The two boards of a pair keep each other up to date.
    Link,
    /// A board that has been invited proves it, and is given a copy of everything.
    Join,
    /// The other board, away for too long, compares its tables and takes what differs.
    Copy,
    /// Uploaded files go from one to the other.
    File,
}

/// Whose keys are let in at the moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Admitted {
    /// The other board, for the link.
    pub(crate) peer: Option<Pin>,
    /// Anybody, to prove an invitation.
    pub(crate) guests: bool,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Link, Self::Join, Self::Copy, Self::File];

    /// The name with the version; another version is another protocol.
    fn protocol(self) -> &'static [u8] {
        match self {
            Self::Link => b"meerkat-link/1",
            // Who joins reads all that there is.
            Self::Join => b"meerkat-join/2",
            Self::Copy => b"meerkat-copy/1",
            Self::File => b"meerkat-file/1",
        }
    }

    fn of(protocol: Option<&[u8]>) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| Some(purpose.protocol()) == protocol)
    }
}

impl Admitted {
    fn admits(self, pin: Pin, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Link | Purpose::Copy | Purpose::File => self.peer == Some(pin),
            Purpose::Join => self.guests,
        }
    }
}

fn client_config(
    identity: &NodeIdentity,
    peer: Pin,
    purpose: Purpose,
) -> Result<ClientConfig, TlsError> {
    let provider = tls::provider();
    let admitted = Admitted {
        peer: Some(peer),
        guests: false,
    };
    let verifier = Verifier::new(&provider, admitted);
    let own = AlwaysResolvesClientRawPublicKeys::new(identity.certified());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![purpose.protocol().to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

fn server_config(identity: &NodeIdentity, admitted: Admitted) -> Result<ServerConfig, TlsError> {
    let provider = tls::provider();
    let verifier = Verifier::new(&provider, admitted);
    let own = AlwaysResolvesServerRawPublicKeys::new(identity.certified());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(own));
    config.alpn_protocols = Purpose::ALL.map(|one| one.protocol().to_vec()).into();
    // Each connection shows its key again: one that was forgotten has nothing to come back with.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// `None` if it takes longer than `ms`.
pub(crate) async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let late = async {
        async_io::Timer::after(Duration::from_millis(ms)).await;
        None
    };
    async { Some(work.await) }.or(late).await
}
