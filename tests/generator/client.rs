//! One XMPP client: login, resource, stream management, and a loop that reads what comes.
//!
//! Output is gathered and leaves when the client has to wait for input, so that answers to several
//! stanzas share one write, as in a real client. Acknowledgements are answered here; everything else is
//! handed to the scenario.

use std::cell::Cell;
use std::io;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::sync::Arc;

use futures_rustls::TlsConnector;
use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::SignatureScheme;
use rustls::client::Resumption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use smol::Async;
use smol::io::AsyncRead;
use smol::io::AsyncReadExt as _;
use smol::io::AsyncWrite;
use smol::io::AsyncWriteExt as _;

use super::Failure;
use super::Outcome;
use super::scram::Exchange;
use super::scram::Hash;
use super::scram::KeyMemory;
use super::unexpected;
use super::xml;
use super::xml::Cutter;
use super::xml::Node;

const READ_BYTES: usize = 8_192;

pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' \
                      xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Security {
    Plain,
    /// TLS from the first byte (XEP-0368), a full handshake each time.
    Tls,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) ip: Ipv4Addr,
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    /// For files (XEP-0363); 0 where there is no web door.
    pub(crate) http: u16,
}

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// What all clients of one program share.
pub(crate) struct Ground {
    keys: KeyMemory,
    connector: TlsConnector,
    nonce: Cell<u64>,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let provider = Arc::new(default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self {
            keys: KeyMemory::default(),
            connector: TlsConnector::from(Arc::new(config)),
            nonce: Cell::new(0),
        }
    }

    /// Connects and authenticates; the stream then waits for `bind` or `resume`.
    ///
    /// Every account of the generator has its name as password.
    pub(crate) async fn authenticate(
        &self,
        ports: Ports,
        security: Security,
        user: &str,
    ) -> Outcome<Client> {
        let port = match security {
            Security::Plain => ports.plain,
            Security::Tls => ports.tls,
        };
        let socket = Async::<TcpStream>::connect((ports.ip, port)).await?;
        socket.get_ref().set_nodelay(true)?;
        let stream: Box<dyn Duplex> = match security {
            Security::Plain => Box::new(socket),
            Security::Tls => {
                let name = ServerName::try_from("localhost").expect("a host name");
                Box::new(self.connector.connect(name, socket).await?)
            }
        };
        self.authenticate_over(stream, user).await
    }

    async fn authenticate_over(&self, stream: Box<dyn Duplex>, user: &str) -> Outcome<Client> {
        let mut client = Client::new(stream);
        let features = client.open().await?;
        client
            .authenticate(&features, user, &self.keys, self.nonce())
            .await?;
        client.cutter.restart();
        client.open().await?;
        Ok(client)
    }

    /// A client with a resource and stream management.
    pub(crate) async fn login(
        &self,
        ports: Ports,
        security: Security,
        user: &str,
        resource: &str,
    ) -> Outcome<Client> {
        let client = self.authenticate(ports, security, user).await?;
        client.settle_in(resource).await
    }

    /// The same over a connection of another kind.
    pub(crate) async fn login_over(
        &self,
        stream: Box<dyn Duplex>,
        user: &str,
        resource: &str,
    ) -> Outcome<Client> {
        let client = self.authenticate_over(stream, user).await?;
        client.settle_in(resource).await
    }

    fn nonce(&self) -> String {
        self.nonce.set(self.nonce.get() + 1);
        format!("generator-{}-{}", std::process::id(), self.nonce.get())
    }
}

/// Counters of XEP-0198, as the client sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Management {
    pub(crate) id: String,
    pub(crate) sent: u32,
    pub(crate) acked: u32,
    pub(crate) received: u32,
}

/// What the server said to a resumption.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resumption198 {
    Resumed { h: u32 },
    Failed { h: Option<u32> },
}

pub(crate) struct Client {
    stream: Box<dyn Duplex>,
    input: Vec<u8>,
    /// Bytes of `input` that were handed out.
    taken: usize,
    cutter: Cutter,
    output: Vec<u8>,
    pub(crate) jid: String,
    pub(crate) management: Option<Management>,
}

impl Client {
    fn new(stream: Box<dyn Duplex>) -> Self {
        Self {
            stream,
            input: Vec::new(),
            taken: 0,
            cutter: Cutter::default(),
            output: Vec::new(),
            jid: String::new(),
            management: None,
        }
    }

    async fn settle_in(mut self, resource: &str) -> Outcome<Self> {
        self.bind(resource).await?;
        self.enable().await?;
        Ok(self)
    }

    /// Adds a stanza to the output and gives its number.
    pub(crate) fn send(&mut self, stanza: &str) -> u32 {
        self.output.extend_from_slice(stanza.as_bytes());
        self.management.as_mut().map_or(0, |management| {
            management.sent += 1;
            management.sent
        })
    }

    /// Asks the server how far it came.
    pub(crate) fn ask(&mut self) {
        self.output.extend_from_slice(b"<r xmlns='urn:xmpp:sm:3'/>");
    }

    pub(crate) async fn flush(&mut self) -> Outcome<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.output.clear();
            self.stream.flush().await?;
        }
        Ok(())
    }

    /// The next element, `<r/>` excepted, which is answered here.
    pub(crate) async fn next(&mut self) -> Outcome<&[u8]> {
        loop {
            let Some(piece) = self.cutter.next(&self.input) else {
                self.fill().await?;
                continue;
            };
            self.taken = piece.end;
            let element = &self.input[piece.clone()];
            if element.starts_with(b"</stream:stream") {
                return Err(Failure::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            if element.starts_with(b"<stream:error") {
                return unexpected(String::from_utf8_lossy(element));
            }
            if let Some(management) = &mut self.management {
                if xml::is(element, "r") {
                    let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", management.received);
                    self.output.extend_from_slice(answer.as_bytes());
                    continue;
                }
                if xml::is(element, "a") {
                    management.acked = h(element).unwrap_or(management.acked);
                } else if is_stanza(element) {
                    management.received += 1;
                }
            }
            return Ok(&self.input[piece]);
        }
    }

    async fn fill(&mut self) -> Outcome<()> {
        self.flush().await?;
        self.input.drain(..self.taken);
        self.cutter.consumed(self.taken);
        self.taken = 0;
        let filled = self.input.len();
        self.input.resize(filled + READ_BYTES, 0);
        let count = self.stream.read(&mut self.input[filled..]).await?;
        self.input.truncate(filled + count);
        if count == 0 {
            return Err(Failure::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    /// Sends an IQ of this id and waits for its answer; other stanzas are counted and dropped.
    pub(crate) async fn request(&mut self, id: &str, iq: &str) -> Outcome<Node> {
        self.send(iq);
        loop {
            let element = self.next().await?;
            if xml::is(element, "iq") && xml::attr(element, "id") == Some(id) {
                return tree(element);
            }
        }
    }

    /// Waits until the server has acknowledged all that was sent.
    pub(crate) async fn settle(&mut self) -> Outcome<()> {
        self.ask();
        while self
            .management
            .as_ref()
            .is_some_and(|management| management.acked != management.sent)
        {
            self.next().await?;
        }
        Ok(())
    }

    /// Ends the stream and waits until the server has closed the connection.
    pub(crate) async fn close(mut self) -> Outcome<()> {
        self.output.extend_from_slice(b"</stream:stream>");
        loop {
            match self.next().await {
                Ok(_) => {}
                Err(Failure::Lost(_)) => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn open(&mut self) -> Outcome<Node> {
        self.output.extend_from_slice(HEADER.as_bytes());
        loop {
            let element = self.next().await?;
            if xml::is(element, "stream:features") {
                return tree(element);
            }
        }
    }

    async fn authenticate(
        &mut self,
        features: &Node,
        user: &str,
        keys: &KeyMemory,
        nonce: String,
    ) -> Outcome<()> {
        let offers = |hash: Hash| {
            features.child("mechanisms").is_some_and(|mechanisms| {
                mechanisms
                    .children
                    .iter()
                    .any(|mechanism| mechanism.text == hash.mechanism())
            })
        };
        let Some(hash) = [Hash::Sha256, Hash::Sha1]
            .into_iter()
            .find(|it| offers(*it))
        else {
            return unexpected(format!("no SCRAM among the mechanisms: {features:?}"));
        };
        let mut exchange = Exchange::new(hash, user, nonce);
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{}'>{}</auth>",
            hash.mechanism(),
            exchange.first()
        );
        self.output.extend_from_slice(auth.as_bytes());
        let challenge = tree(self.next().await?)?;
        if challenge.name != "challenge" {
            return unexpected(format!("{challenge:?} instead of a challenge"));
        }
        let answer = exchange.answer(&challenge.text, user, keys)?;
        let response =
            format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{answer}</response>");
        self.output.extend_from_slice(response.as_bytes());
        let success = tree(self.next().await?)?;
        if success.name != "success" {
            return unexpected(format!("{success:?} for {user}"));
        }
        exchange.check_success(&success.text)
    }

    pub(crate) async fn bind(&mut self, resource: &str) -> Outcome<()> {
        let bound = self
            .request(
                "bind",
                &format!(
                    "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                     <resource>{resource}</resource></bind></iq>"
                ),
            )
            .await?;
        match bound.at(&["bind", "jid"]) {
            Some(jid) => {
                self.jid.clone_from(&jid.text);
                Ok(())
            }
            None => unexpected(format!("{bound:?}")),
        }
    }

    /// XEP-0198 section 3, with resumption.
    pub(crate) async fn enable(&mut self) -> Outcome<()> {
        self.output
            .extend_from_slice(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        loop {
            let element = self.next().await?;
            if xml::is(element, "enabled") {
                self.management = Some(Management {
                    id: xml::attr(element, "id").unwrap_or_default().to_owned(),
                    ..Management::default()
                });
                return Ok(());
            }
            if xml::is(element, "failed") {
                return unexpected(String::from_utf8_lossy(element));
            }
        }
    }

    /// XEP-0198 section 5; `before` are the counters of the broken stream.
    pub(crate) async fn resume(&mut self, before: &Management) -> Outcome<Resumption198> {
        let resume = format!(
            "<resume xmlns='urn:xmpp:sm:3' h='{}' previd='{}'/>",
            before.received,
            xml::escaped(&before.id)
        );
        self.output.extend_from_slice(resume.as_bytes());
        loop {
            let element = self.next().await?;
            if xml::is(element, "resumed") {
                let Some(h) = h(element) else {
                    return unexpected("<resumed/> without h");
                };
                self.management = Some(before.clone());
                return Ok(Resumption198::Resumed { h });
            }
            if xml::is(element, "failed") {
                return Ok(Resumption198::Failed { h: h(element) });
            }
        }
    }
}

pub(crate) fn tree(element: &[u8]) -> Outcome<Node> {
    Node::parse(element).ok_or_else(|| {
        Failure::Unexpected(format!(
            "unreadable element {}",
            String::from_utf8_lossy(element)
        ))
    })
}

fn h(element: &[u8]) -> Option<u32> {
    xml::attr(element, "h")?.parse().ok()
}

/// XEP-0198 counts these three and nothing else.
fn is_stanza(element: &[u8]) -> bool {
    ["message", "presence", "iq"]
        .iter()
        .any(|name| xml::is(element, name))
}

/// The servers under test have certificates of their own making.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
