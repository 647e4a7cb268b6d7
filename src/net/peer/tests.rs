//! Two boards, and others, on sockets of this machine.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_rustls::TlsConnector;
use rustls::AlertDescription;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use rustls::version::TLS12;
use smol::LocalExecutor;
use tempfile::TempDir;

use super::*;
use crate::base::mirror_limits::PEER_FREE_FAILURES;
use crate::net::address::Address;
use crate::net::clock::Clock;
use crate::net::peer::accept::PeerDoor;
use crate::net::peer::accept::PeerHub;
use crate::net::peer::accept::PeerListener;
use crate::net::peer::dial::DialError;
use crate::net::peer::dial::dial;
use crate::net::peer::dial::greet;
use crate::net::peer::stream::PeerStream;

/// A board that lets in whom it is told to, and says `hello` to them.
struct Board {
    identity: NodeIdentity,
    admitted: Cell<Admitted>,
    streams: RefCell<Vec<(Purpose, PeerStream)>>,
    address: Address,
    _folder: TempDir,
}

impl PeerHub for Board {
    fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    fn admitted(&self) -> Admitted {
        self.admitted.get()
    }

    fn handle_stream(self: &Rc<Self>, purpose: Purpose, stream: PeerStream) {
        self.streams.borrow_mut().push((purpose, stream));
    }
}

fn identity() -> (NodeIdentity, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let identity = NodeIdentity::load_or_make(&tls::provider(), folder.path()).unwrap();
    (identity, folder)
}

fn run<T, F: Future<Output = T>>(story: impl FnOnce(Rc<Board>) -> F) -> T {
    let executor = Rc::new(LocalExecutor::new());
    smol::block_on(executor.run(async {
        let any = Address::parse("127.0.0.1:0").unwrap();
        let listener = PeerListener::bind(&any).unwrap();
        let (identity, folder) = identity();
        let board = Rc::new(Board {
            identity,
            admitted: Cell::default(),
            streams: RefCell::default(),
            address: Address::parse(&listener.address.to_string()).unwrap(),
            _folder: folder,
        });
        let door = PeerDoor::new(Clock::start());
        let taking = listener.run(door, Rc::clone(&board), Rc::clone(&executor));
        executor.spawn(taking).detach();
        story(board).await
    }))
}

fn admit(board: &Board, peer: &NodeIdentity) {
    board.admitted.set(Admitted {
        peer: Some(peer.pin),
        guests: false,
    });
}

async fn call(
    board: &Board,
    caller: &NodeIdentity,
    purpose: Purpose,
) -> Result<PeerStream, DialError> {
    let addresses = [board.address.clone()];
    dial(caller, board.identity.pin, purpose, &addresses).await
}

#[test]
fn a_key_is_made_once_and_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (first, folder) = identity();
    let again = NodeIdentity::load_or_make(&tls::provider(), folder.path()).unwrap();
    assert_eq!(first.pin, again.pin);
    assert_eq!(Pin::parse(&first.pin.to_string()), Some(first.pin));
    assert_ne!(first.pin, identity().0.pin);
    let file = std::fs::metadata(folder.path().join(identity::KEY_FILE)).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_pinned_board_gets_a_stream_that_both_know_the_ends_of() {
    run(|board| async move {
        let (caller, _folder) = identity();
        admit(&board, &caller);

        let mut called = call(&board, &caller, Purpose::Link).await.unwrap();
        called.write_all(b"over").await.unwrap();
        called.flush().await.unwrap();

        let (purpose, mut taken) = board.streams.borrow_mut().pop().unwrap();
        let mut word = [0; 4];
        taken.read_exact(&mut word).await.unwrap();
        assert_eq!((purpose, &word), (Purpose::Link, b"over"));
        assert_eq!((taken.peer, called.peer), (caller.pin, board.identity.pin));
        assert_eq!(taken.exporter().unwrap(), called.exporter().unwrap());
        let second = call(&board, &caller, Purpose::Link).await.unwrap();
        assert_ne!(second.exporter().unwrap(), called.exporter().unwrap());
    });
}

#[test]
fn a_key_that_is_not_admitted_is_refused_for_every_purpose() {
    run(|board| async move {
        let ((peer, _kept), (stranger, _folder)) = (identity(), identity());
        admit(&board, &peer);
        let guests = Admitted {
            guests: true,
            ..board.admitted.get()
        };
        for (admitted, caller, purpose, gets_in) in [
            (board.admitted.get(), &stranger, Purpose::Link, false),
            (board.admitted.get(), &stranger, Purpose::Join, false),
            (board.admitted.get(), &peer, Purpose::Join, false),
            (guests, &stranger, Purpose::Link, false),
            (guests, &stranger, Purpose::Join, true),
        ] {
            board.admitted.set(admitted);
            let called = call(&board, caller, purpose).await;
            match called {
                Err(DialError::Refused) => assert!(!gets_in, "{admitted:?} {purpose:?}"),
                Err(other) => panic!("{other:?}"),
                Ok(_) => assert!(gets_in, "{admitted:?} {purpose:?}"),
            }
            assert_eq!(
                board.streams.borrow_mut().drain(..).count(),
                usize::from(gets_in)
            );
        }
    });
}

/// Whatever a stranger does in its handshake, no byte of ours follows it.
#[test]
fn a_stranger_is_told_nothing_after_the_handshake() {
    run(|board| async move {
        let ((peer, _kept), (stranger, _folder)) = (identity(), identity());
        admit(&board, &peer);
        let pin = board.identity.pin;
        let with_a_key = client_config(&stranger, pin, Purpose::Link).unwrap();
        let without_a_key = {
            let verifier = with_any_key(pin);
            let mut config = ClientConfig::builder_with_provider(tls::provider())
                .with_protocol_versions(&[&TLS13])
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            config.alpn_protocols = vec![Purpose::Link.protocol().to_vec()];
            config
        };
        let mut without_a_name = client_config(&peer, pin, Purpose::Link).unwrap();
        without_a_name.alpn_protocols.clear();
        for config in [with_a_key, without_a_key, without_a_name] {
            let remote = (board.address.host(), board.address.port());
            let socket = async_net::TcpStream::connect(remote).await.unwrap();
            let name = ServerName::try_from("pair.invalid").unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            if let Ok(mut tls) = connector.connect(name, socket).await {
                let mut told = Vec::new();
                tls.read_to_end(&mut told).await.ok();
                assert_eq!(told, b"");
            }
        }
        assert!(board.streams.borrow().is_empty());
    });
}

/// Nobody talks the two boards down to a version whose handshake shows their keys.
#[test]
fn a_caller_who_knows_no_newer_tls_than_the_last_one_is_told_so_and_no_more() {
    run(|board| async move {
        let roots = RootCertStore::empty();
        let mut config = ClientConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![Purpose::Link.protocol().to_vec()];
        let remote = (board.address.host(), board.address.port());
        let socket = async_net::TcpStream::connect(remote).await.unwrap();
        let name = ServerName::try_from("pair.invalid").unwrap();
        let called = TlsConnector::from(Arc::new(config)).connect(name, socket);
        let refused = called.await.unwrap_err().into_inner().unwrap();
        assert_eq!(
            refused.downcast_ref(),
            Some(&rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion
            ))
        );
        assert!(board.streams.borrow().is_empty());
    });
}

/// Who sits between the boards: hands on what they say, changed from some byte on, and keeps what the caller said.
async fn sit_between(
    from: async_net::TcpListener,
    far: (String, u16),
    changed_at: Option<usize>,
) -> Vec<u8> {
    let (near, _) = from.accept().await.unwrap();
    let far = async_net::TcpStream::connect(far).await.unwrap();
    let there = async {
        let (mut from, mut to, mut heard) = (near.clone(), far.clone(), Vec::new());
        let mut piece = [0; 1_024];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            let begin = heard.len();
            heard.extend_from_slice(&piece[..count]);
            let mut said = heard[begin..].to_vec();
            if let Some(byte) = changed_at.and_then(|at| said.get_mut(at.checked_sub(begin)?)) {
                *byte ^= 1;
            }
            if to.write_all(&said).await.is_err() {
                break;
            }
        }
        to.close().await.ok();
        heard
    };
    let back = async {
        let (mut from, mut to) = (far.clone(), near.clone());
        futures_lite::io::copy(&mut from, &mut to).await.ok();
        to.close().await.ok();
    };
    futures_lite::future::zip(there, back).await.0
}

/// One connection through a middleman: what the boards exchanged, and what the middleman heard of the caller.
async fn through(
    board: &Rc<Board>,
    caller: &NodeIdentity,
    changed_at: Option<usize>,
) -> (Vec<u8>, Vec<u8>) {
    let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let far = (board.address.host().to_owned(), board.address.port());
    let talk = async {
        let mut told = Vec::new();
        let called = dial(caller, board.identity.pin, Purpose::Link, &[near]).await;
        if let Ok(mut called) = called {
            called
                .write_all(b"what nobody else may know")
                .await
                .unwrap();
            called.flush().await.unwrap();
            called.close().await.ok();
            let taken = board.streams.borrow_mut().pop();
            if let Some((_, mut taken)) = taken {
                taken.read_to_end(&mut told).await.ok();
            }
        }
        told
    };
    futures_lite::future::zip(talk, sit_between(listener, far, changed_at)).await
}

#[test]
fn who_sits_between_the_boards_reads_changes_and_repeats_nothing() {
    run(|board| async move {
        let (caller, _folder) = identity();
        admit(&board, &caller);
        let (told, heard) = through(&board, &caller, None).await;
        assert_eq!(told, b"what nobody else may know");
        assert!(!heard.windows(8).any(|bytes| bytes == b"what nob"));
        let pin = caller.pin.to_string();
        assert!(
            !heard
                .windows(pin.len())
                .any(|bytes| bytes == pin.as_bytes())
        );

        // One bit anywhere, and nothing is believed.
        for at in (0..heard.len()).step_by(heard.len() / 7) {
            let (told, _) = through(&board, &caller, Some(at)).await;
            assert_eq!(told, b"", "byte {at} of {}", heard.len());
        }

        let (told, _) = through(&board, &caller, None).await;
        assert_eq!(told, b"what nobody else may know");

        // The same bytes again are nobody's.
        let remote = (board.address.host(), board.address.port());
        let mut again = async_net::TcpStream::connect(remote).await.unwrap();
        again.write_all(&heard).await.unwrap();
        again.shutdown(std::net::Shutdown::Write).unwrap();
        again.read_to_end(&mut Vec::new()).await.ok();
        assert!(board.streams.borrow().is_empty());
    });
}

fn with_any_key(pin: Pin) -> Verifier {
    let admitted = Admitted {
        peer: Some(pin),
        guests: true,
    };
    Verifier::new(&tls::provider(), admitted)
}

#[test]
fn a_board_with_another_key_than_the_pinned_one_is_not_talked_to() {
    run(|board| async move {
        let ((caller, _folder), (other, _kept)) = (identity(), identity());
        admit(&board, &caller);
        let addresses = [board.address.clone()];
        let called = dial(&caller, other.pin, Purpose::Link, &addresses).await;
        assert!(matches!(called, Err(DialError::OtherKey)));
        assert!(board.streams.borrow().is_empty());
    });
}

#[test]
fn another_version_is_told_apart_from_another_board() {
    run(|board| async move {
        let (caller, _folder) = identity();
        admit(&board, &caller);
        let mut config = client_config(&caller, board.identity.pin, Purpose::Link).unwrap();
        config.alpn_protocols = vec![b"meerkat-link/2".to_vec()];
        let remote = format!("{}", board.address).parse().unwrap();
        let called = greet(Arc::new(config), remote).await;
        assert!(matches!(called, Err(DialError::OtherVersion)));
    });
}

#[test]
fn the_next_address_is_tried_where_one_is_dead() {
    run(|board| async move {
        let (caller, _folder) = identity();
        admit(&board, &caller);
        // A port that was free a moment ago.
        let dead = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let addresses = [
            Address::parse(&dead.to_string()).unwrap(),
            board.address.clone(),
        ];
        let pin = board.identity.pin;
        assert!(dial(&caller, pin, Purpose::Link, &addresses).await.is_ok());
        let called = dial(&caller, pin, Purpose::Link, &addresses[..1]).await;
        assert!(matches!(called, Err(DialError::Unreachable(_))));
        let called = dial(&caller, pin, Purpose::Link, &[]).await;
        assert!(matches!(called, Err(DialError::NoAddress)));
    });
}

#[test]
fn an_address_that_fails_too_often_has_to_wait_before_its_handshake() {
    run(|board| async move {
        let (stranger, _folder) = identity();
        let mut refused = 0;
        let unheard = loop {
            match call(&board, &stranger, Purpose::Link).await {
                Err(DialError::Refused) => refused += 1,
                Err(error) => break error,
                Ok(_) => panic!("a stranger was let in"),
            }
            assert!(refused <= PEER_FREE_FAILURES + 1);
        };
        assert!(matches!(unheard, DialError::Unreachable(_)), "{unheard:?}");
        assert!(refused >= PEER_FREE_FAILURES);
    });
}
