//! Handshakes in memory: versions, protocol names, bindings.

use std::sync::Arc;

use ring::digest;
use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::ServerConnection;
use rustls::SupportedProtocolVersion;
use rustls::client::danger;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::version::TLS12;
use rustls::version::TLS13;

use crate::net::certificate::Identity;
use crate::net::tls::TlsSettings;
use crate::net::tls::TlsStart;
use crate::net::tls::provider;

fn settings() -> TlsSettings {
    let provider = provider();
    let identity = Identity::make_volatile(&provider, &["a.example"]).unwrap();
    TlsSettings::new(&provider, identity).unwrap()
}

/// A client that trusts everybody, as one does at the first contact with a self-signed server.
#[derive(Debug)]
struct TrustAll;

impl danger::ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<danger::ServerCertVerified, rustls::Error> {
        Ok(danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<danger::HandshakeSignatureValid, rustls::Error> {
        Ok(danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<danger::HandshakeSignatureValid, rustls::Error> {
        Ok(danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// Settings of such a client.
pub(super) fn trusting(
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAll))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

fn client(version: &'static SupportedProtocolVersion, alpn: &[&[u8]]) -> ClientConnection {
    let config = trusting(&[version], alpn);
    let name = ServerName::try_from("a.example").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

fn shake_hands(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> Result<(), rustls::Error> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok(())
}

#[test]
fn both_sides_export_the_same_binding() {
    let settings = settings();
    let mut client = client(&TLS13, &[]);
    let mut server = settings.connection(TlsStart::StartTls).unwrap();
    shake_hands(&mut client, &mut server).unwrap();

    let bindings = settings.bindings(&server);
    let theirs = client
        .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
        .unwrap();
    assert_eq!(bindings.exporter, Some(theirs));
    let certificate = &client.peer_certificates().unwrap()[0];
    let hash = digest::digest(&digest::SHA256, certificate);
    assert_eq!(bindings.endpoint.unwrap()[..], *hash.as_ref());
}

#[test]
fn below_tls_1_3_only_the_certificate_binds() {
    let settings = settings();
    let mut server = settings.connection(TlsStart::StartTls).unwrap();
    shake_hands(&mut client(&TLS12, &[]), &mut server).unwrap();

    let bindings = settings.bindings(&server);
    assert_eq!(bindings.exporter, None);
    assert_eq!(bindings.endpoint.map(|hash| hash.len()), Some(32));
}

/// XEP-0368 section 3.
#[test]
fn direct_tls_takes_its_own_protocol_or_none() {
    let cases: [(&[&[u8]], bool); 4] = [
        (&[], true),
        (&[b"xmpp-client"], true),
        (&[b"h2", b"xmpp-client"], true),
        (&[b"xmpp-server"], false),
    ];
    for (alpn, is_served) in cases {
        let mut server = settings().connection(TlsStart::Direct).unwrap();
        let result = shake_hands(&mut client(&TLS13, alpn), &mut server);
        assert_eq!(result.is_ok(), is_served, "{alpn:?}");
    }
}

#[test]
fn after_starttls_the_protocol_name_does_not_matter() {
    let mut server = settings().connection(TlsStart::StartTls).unwrap();
    assert!(shake_hands(&mut client(&TLS13, &[b"xmpp-server"]), &mut server).is_ok());
}
