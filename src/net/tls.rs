//! TLS for clients: which settings a connection gets, and what a login may be bound to.
//!
//! One provider for everything, from one function, so that it can be exchanged in one place. TLS 1.2 and 1.3,
//! nothing older. There is no early data (XEP-0388 forbids it for logins), and one ticket to resume with.

use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;

use crate::net::certificate::Identity;
use crate::sasl::ChannelBindings;

/// XEP-0368 section 3: what a client names that wants XMPP from the first byte.
const ALPN_CLIENT: &[u8] = b"xmpp-client";

/// RFC 7301 section 6: what browsers name; others (HTTP/2) are not spoken.
const ALPN_HTTP: &[u8] = b"http/1.1";

/// RFC 9266 section 4.2: the label of the exporter, and the length of what it exports.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_BYTES: usize = 32;

/// What new connections are given; replaced as a whole when the certificate changes.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    start_tls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    https: Arc<ServerConfig>,
    pub(crate) identity: Arc<Identity>,
}

/// The library refuses the certificate or the settings.
pub(crate) type TlsError = rustls::Error;

/// How a connection comes to be encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TlsStart {
    /// After `<proceed/>` (RFC 6120 section 5).
    StartTls,
    /// From the first byte (XEP-0368).
    Direct,
    /// From the first byte, for HTTP (RFC 9110 section 4.2.2).
    Https,
    /// Never: HTTP on this machine, or behind somebody who encrypts.
    Never,
}

/// The one place that names the cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl TlsSettings {
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        identity: Identity,
    ) -> Result<Self, rustls::Error> {
        let start_tls = config(provider, &identity)?;
        let mut direct = start_tls.clone();
        // A client that names other protocols only is refused; one that names none is served.
        direct.alpn_protocols = vec![ALPN_CLIENT.to_vec()];
        let mut https = start_tls.clone();
        https.alpn_protocols = vec![ALPN_HTTP.to_vec()];
        Ok(Self {
            start_tls: Arc::new(start_tls),
            direct: Arc::new(direct),
            https: Arc::new(https),
            identity: Arc::new(identity),
        })
    }

    pub(crate) fn connection(&self, start: TlsStart) -> Result<ServerConnection, rustls::Error> {
        let config = match start {
            TlsStart::StartTls | TlsStart::Never => &self.start_tls,
            TlsStart::Direct => &self.direct,
            TlsStart::Https => &self.https,
        };
        let mut connection = ServerConnection::new(Arc::clone(config))?;
        // The driver gives it no more than that, and nothing while something is left.
        connection.set_buffer_limit(None);
        Ok(connection)
    }

    /// What a login can be bound to, after the handshake.
    ///
    /// RFC 9266 section 3 wants the extended master secret below TLS 1.3; there is no exporter there.
    pub(crate) fn bindings(&self, connection: &ServerConnection) -> ChannelBindings {
        let is_newest = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let exporter = is_newest
            .then(|| {
                // A context of no bytes, which is not the same as no context (RFC 9266 section 4.2).
                connection.export_keying_material([0; EXPORTER_BYTES], EXPORTER_LABEL, Some(b""))
            })
            .and_then(Result::ok);
        ChannelBindings {
            exporter,
            endpoint: self.identity.end_point.clone(),
        }
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    identity: &Identity,
) -> Result<ServerConfig, rustls::Error> {
    let certified = SingleCertAndKey::from(identity.certified.clone());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certified));
    // Resumption without memory on this side: the state travels in the client's ticket.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}
