//! Connections over real sockets on this machine, with a hub that answers by a script.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::future::Future;
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Async;
use base64ct::Base64;
use base64ct::Encoding as _;
use futures_lite::AsyncRead;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWrite;
use futures_lite::AsyncWriteExt as _;
use futures_lite::FutureExt as _;
use futures_rustls::TlsConnector;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use smol::LocalExecutor;

use crate::base::jid::BareJid;
use crate::base::random::Rng;
use crate::c2s;
use crate::c2s::Account;
use crate::c2s::Bound;
use crate::c2s::Output;
use crate::core::session::LinkId;
use crate::net::address::Address;
use crate::net::admit::AdmitSettings;
use crate::net::certificate::Identity;
use crate::net::clock::Clock;
use crate::net::drive::Connection;
use crate::net::hub::Event;
use crate::net::hub::Hub;
use crate::net::hub::Mailbox;
use crate::net::listen::Reserved;
use crate::net::tests::tls::trusting;
use crate::net::tls::TlsSettings;
use crate::net::tls::TlsStart;
use crate::net::tls::provider;
use crate::net::web::Web;
use crate::net::wires::WireSettings;
use crate::net::wires::Wires;
use crate::sasl::Credentials;
use crate::sasl::Derivation;
use crate::sasl::Fakes;
use crate::sasl::Hash;

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";
const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const START_TLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PASSWORD: &str = "pencil";

/// Every account exists and has the same password; a session gets what `to_write` has.
#[derive(Default)]
pub(super) struct Script {
    mailboxes: RefCell<BTreeMap<LinkId, Rc<Mailbox>>>,
    pub(super) closed: RefCell<Vec<bool>>,
    to_write: RefCell<VecDeque<u8>>,
    /// Bytes that were handed to connections.
    pub(super) written: Cell<usize>,
    pub(super) stanzas: Cell<usize>,
}

impl Script {
    pub(super) fn send(&self, bytes: &[u8]) {
        self.to_write.borrow_mut().extend(bytes);
        for mailbox in self.mailboxes.borrow().values() {
            mailbox.tell_output();
        }
    }
}

impl Hub for Script {
    fn handle_open(&self, link: LinkId, mailbox: &Rc<Mailbox>) {
        self.mailboxes.borrow_mut().insert(link, Rc::clone(mailbox));
    }

    fn handle_output(&self, link: LinkId, output: Output) {
        let event = match output {
            Output::LookUp(_) => Event::Credentials(Account::Found(Credentials {
                scram: vec![derive(PASSWORD)],
                is_enabled: true,
                tokens: Vec::new(),
            })),
            Output::Derive(job) => Event::Derived(job.run()),
            Output::Bind(request) => {
                let jid = request.account.with_resource("r").unwrap();
                Event::Bound(Ok(Bound::from(jid)))
            }
            Output::Stanza(_) => return self.stanzas.set(self.stanzas.get() + 1),
            _ => return,
        };
        self.mailboxes.borrow()[&link].post(event);
    }

    fn write(&self, _: LinkId, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let mut to_write = self.to_write.borrow_mut();
        let bytes = to_write.len().min(bytes_max);
        out.extend(to_write.drain(..bytes));
        self.written.set(self.written.get() + bytes);
        !to_write.is_empty()
    }

    fn wants_input(&self, _: LinkId) -> bool {
        true
    }

    fn handle_closed(&self, link: LinkId, is_orderly: bool) {
        self.mailboxes.borrow_mut().remove(&link);
        self.closed.borrow_mut().push(is_orderly);
    }

    async fn invitation(&self, _: &str) -> (bool, String) {
        (false, String::new())
    }
}

fn derive(password: &str) -> crate::sasl::ScramKeys {
    let job = Derivation::new(Hash::Sha1, password, b"salt", NonZeroU32::MIN);
    job.unwrap().run()
}

pub(super) fn settings() -> WireSettings {
    let provider = provider();
    let identity = Identity::make_volatile(&provider, &["example.org"]).unwrap();
    WireSettings {
        stream: Arc::new(c2s::Settings {
            domain: BareJid::parse("example.org").unwrap(),
            offers_tls: true,
            requires_tls: false,
            allows_plaintext: true,
            offers_registration: false,
            takes_invitations: false,
            offers_tokens: false,
            protects_from_downgrade: false,
            stanza_bytes_max: 262_144,
            login_seconds: 60,
            silence_seconds: 300,
            features: Vec::new(),
            fakes: Fakes {
                secret: [5; 32],
                iterations: NonZeroU32::MIN,
            },
        }),
        web: Arc::default(),
        tls: Some(TlsSettings::new(&provider, identity).unwrap()),
        admit: AdmitSettings {
            connections_max: 10,
            connections_per_address_max: 10,
            strangers_max: 10,
            free_failures: 3,
        },
        stall: Duration::from_mins(1),
        bytes_per_second: 1 << 20,
        stanzas_per_second: 1_000_000,
        buffer_bytes: 16 << 20,
    }
}

/// A server on this thread, and what a test does with it; a test that hangs fails.
pub(super) struct Server {
    pub(super) wires: Rc<Wires>,
    pub(super) hub: Rc<Script>,
    address: std::net::SocketAddr,
}

pub(super) fn with_server<F: Future<Output = ()>>(
    settings: WireSettings,
    start: TlsStart,
    test: impl FnOnce(Server) -> F,
) {
    let entropy = Box::new(Rng::from_number(1));
    let wires = Wires::new(Clock::start(), settings, entropy);
    let hub = Rc::new(Script::default());
    let executor = Rc::new(LocalExecutor::new());
    let any = Address::parse("127.0.0.1:0").unwrap();
    let listener = Reserved::bind(&any, start).unwrap().listen().unwrap();
    let server = Server {
        wires: Rc::clone(&wires),
        hub: Rc::clone(&hub),
        address: listener.address,
    };
    let (on, of_all) = (Rc::clone(&executor), Rc::clone(&wires));
    if matches!(start, TlsStart::Https | TlsStart::Never) {
        let web = Web::new(&wires, &hub, &executor, None);
        let open = move |pipe, from, start| web.open(pipe, from, start);
        executor.spawn(listener.run(of_all, on, open)).detach();
    } else {
        let shared = Rc::clone(&wires);
        let open = move |pipe, from, start| Connection::new(&shared, &hub, pipe, from, start);
        executor.spawn(listener.run(of_all, on, open)).detach();
    }
    let waiting = Rc::clone(&wires);
    let waiting = async move { waiting.run_deadlines().await };
    executor.spawn(waiting).detach();
    let limit = async {
        async_io::Timer::after(Duration::from_secs(20)).await;
        panic!("the test hangs");
    };
    smol::block_on(executor.run(test(server).or(limit)));
}

impl Server {
    pub(super) async fn connect(&self) -> Async<TcpStream> {
        Async::<TcpStream>::connect(self.address).await.unwrap()
    }
}

/// Reads until the text has come.
pub(super) async fn wait_for(socket: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut received = Vec::new();
    let mut part = [0; 1024];
    while !String::from_utf8_lossy(&received).contains(text) {
        let bytes = socket.read(&mut part).await.unwrap();
        assert_ne!(
            bytes,
            0,
            "closed after {}",
            String::from_utf8_lossy(&received)
        );
        received.extend_from_slice(&part[..bytes]);
    }
    String::from_utf8(received).unwrap()
}

pub(super) async fn say(socket: &mut (impl AsyncWrite + Unpin), text: &str) {
    socket.write_all(text.as_bytes()).await.unwrap();
    socket.flush().await.unwrap();
}

async fn authenticate(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: &str,
) -> String {
    say(socket, HEADER).await;
    wait_for(socket, "</stream:features>").await;
    try_password(socket, password).await
}

async fn try_password(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: &str,
) -> String {
    let message = Base64::encode_string(format!("\0alice\0{password}").as_bytes());
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>"
    );
    say(socket, &auth).await;
    wait_for(socket, "urn:ietf:params:xml:ns:xmpp-sasl").await
}

pub(super) async fn log_in(socket: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    assert!(authenticate(socket, PASSWORD).await.contains("<success"));
    say(socket, HEADER).await;
    wait_for(socket, "</stream:features>").await;
    say(socket, BIND).await;
    wait_for(socket, "alice@example.org/r").await;
}

pub(super) async fn encrypt(
    socket: Async<TcpStream>,
) -> futures_rustls::client::TlsStream<Async<TcpStream>> {
    let config: ClientConfig = trusting(&[&rustls::version::TLS13], &[]);
    let name = ServerName::try_from("example.org").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, socket).await.unwrap()
}

#[test]
fn a_session_sends_and_receives_in_the_clear() {
    with_server(settings(), TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        log_in(&mut socket).await;
        server.hub.send(b"<message id='1'/>");
        wait_for(&mut socket, "<message id='1'/>").await;
        say(&mut socket, "<presence/></stream:stream>").await;
        wait_for(&mut socket, "</stream:stream>").await;
        assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
        assert_eq!(*server.hub.closed.borrow(), [true]);
        assert_eq!(server.hub.stanzas.get(), 1);
    });
}

#[test]
fn a_session_is_encrypted_from_the_first_byte() {
    with_server(settings(), TlsStart::Direct, async |server| {
        let mut socket = encrypt(server.connect().await).await;
        log_in(&mut socket).await;
        let long = format!("<message><body>{}</body></message>", "x".repeat(100_000));
        server.hub.send(long.as_bytes());
        assert!(wait_for(&mut socket, "</message>").await.ends_with(&long));
        say(&mut socket, "</stream:stream>").await;
        wait_for(&mut socket, "</stream:stream>").await;
        // The end of TLS is said, or this would be an error.
        assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn a_stream_turns_to_tls() {
    with_server(settings(), TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        say(&mut socket, HEADER).await;
        let features = wait_for(&mut socket, "</stream:features>").await;
        assert!(features.contains("<starttls"));
        say(&mut socket, START_TLS).await;
        wait_for(&mut socket, "<proceed").await;

        let mut socket = encrypt(socket).await;
        say(&mut socket, HEADER).await;
        let features = wait_for(&mut socket, "</stream:features>").await;
        assert!(
            !features.contains("<starttls") && features.contains("-PLUS"),
            "{features}"
        );
        try_password(&mut socket, PASSWORD).await;
    });
}

/// What somebody put behind `<starttls/>` in the clear is not taken for what the client said under TLS.
#[test]
fn nothing_is_smuggled_past_starttls() {
    with_server(settings(), TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        say(&mut socket, HEADER).await;
        wait_for(&mut socket, "</stream:features>").await;
        say(&mut socket, &format!("{START_TLS}{HEADER}{BIND}")).await;
        wait_for(&mut socket, "<proceed").await;
        let mut socket = encrypt(socket).await;
        say(&mut socket, HEADER).await;
        let first = wait_for(&mut socket, "</stream:features>").await;
        assert_eq!(first.matches("<stream:features").count(), 1, "{first}");
    });
}

/// Connections share a buffer for what they are about to send.
#[test]
fn what_a_lost_client_was_owed_reaches_nobody_else() {
    with_server(settings(), TlsStart::Direct, async |server| {
        let (mut socket, mut tls) = encrypt(server.connect().await).await.into_inner();
        // Its first words and its end are read at once.
        std::io::Write::write_all(&mut tls.writer(), HEADER.as_bytes()).unwrap();
        tls.send_close_notify();
        let mut last_words = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut last_words).unwrap();
        }
        socket.write_all(&last_words).await.unwrap();
        while server.hub.closed.borrow().is_empty() {
            futures_lite::future::yield_now().await;
        }

        let mut next = encrypt(server.connect().await).await;
        say(&mut next, &format!("{HEADER}</stream:stream>")).await;
        let heard = wait_for(&mut next, "</stream:stream>").await;
        assert_eq!(heard.matches("<stream:stream").count(), 1, "{heard}");
    });
}

#[test]
fn a_client_that_vanishes_is_not_orderly() {
    with_server(settings(), TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        log_in(&mut socket).await;
        drop(socket);
        while server.hub.closed.borrow().is_empty() {
            futures_lite::future::yield_now().await;
        }
        assert_eq!(*server.hub.closed.borrow(), [false]);
        assert_eq!(server.wires.connections(), 0);
    });
}

/// Its session's queue keeps the rest, and it is let go after a while.
#[test]
fn a_client_that_does_not_read_is_not_written_to() {
    let patient = WireSettings {
        stall: Duration::from_millis(300),
        ..settings()
    };
    with_server(patient, TlsStart::StartTls, async |server| {
        const MUCH: usize = 64 << 20;
        let mut socket = server.connect().await;
        log_in(&mut socket).await;
        server.hub.send(&vec![b' '; MUCH]);
        while server.hub.closed.borrow().is_empty() {
            futures_lite::future::yield_now().await;
        }
        assert_eq!(*server.hub.closed.borrow(), [false]);
        assert!(
            server.hub.written.get() < MUCH / 2,
            "{}",
            server.hub.written.get()
        );
    });
}

#[test]
fn the_next_guess_waits_after_too_many() {
    with_server(settings(), TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        assert!(
            authenticate(&mut socket, "wrong")
                .await
                .contains("<failure")
        );
        for _ in 0..2 {
            assert!(
                try_password(&mut socket, "wrong")
                    .await
                    .contains("<failure")
            );
        }
        let mut other = server.connect().await;
        let start = server.wires.clock.steady();
        assert!(
            authenticate(&mut other, PASSWORD)
                .await
                .contains("<success")
        );
        assert!(server.wires.clock.steady().since_ms(start) >= 990);
    });
}

#[test]
fn a_flood_is_read_at_the_rate_that_is_allowed() {
    let slow = WireSettings {
        bytes_per_second: 100_000,
        ..settings()
    };
    with_server(slow, TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        log_in(&mut socket).await;
        let start = server.wires.clock.steady();
        let burst = "<presence/>".repeat(100_000);
        say(&mut socket, &burst).await;
        while server.hub.stanzas.get() < 100_000 {
            futures_lite::future::yield_now().await;
        }
        // 1.1 MB, of which 1 MB is the burst.
        let took_ms = server.wires.clock.steady().since_ms(start);
        assert!(took_ms >= 500, "{took_ms} ms");
    });
}

/// What a connection at rest keeps, beside the socket and TLS of the libraries.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_connection_at_rest_is_small() {
    let connection = size_of::<Connection<Script>>();
    let stream = size_of::<c2s::Session>();
    assert!(
        connection <= 512 && stream <= 1_024,
        "{connection} {stream}"
    );
}
