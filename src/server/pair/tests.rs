//! Two boards in one process, each with a folder of its own; the joining one runs as the command does.

use std::rc::Rc;
use std::sync::Arc;

use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_lite::FutureExt as _;
use smol::LocalExecutor;
use tempfile::TempDir;

use super::*;
use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::config::file::Raw;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::net::certificate::Identity;
use crate::net::peer::accept::PeerDoor;
use crate::net::peer::accept::PeerListener;
use crate::server::pair::boot::Use;
use crate::server::pair::joiner::JoinError;
use crate::server::pair::joiner::Joined;
use crate::server::pair::wire::Answer;
use crate::server::pair::wire::Hello;
use crate::server::run;
use crate::server::run::Home;
use crate::server::run::RunError;
use crate::store::Store;
use crate::store::disk::folder::Folder;

const DOMAIN: &str = "a.example";

/// The board that has the data: alice's account.
struct Board {
    pair: Rc<Pair>,
}

/// A folder for a board that joins.
struct Guest {
    settings: Settings,
    _folder: TempDir,
}

fn settings(folder: &TempDir, domain: &str) -> Settings {
    let mut raw = Raw::default();
    for (key, value) in [
        ("domain", domain),
        ("data", folder.path().to_str().unwrap()),
        ("listen.c2s", "[]"),
        ("listen.c2s_tls", "[]"),
        ("listen.mirror", "[\"127.0.0.1:0\"]"),
        ("limits.tail_mib", "1"),
    ] {
        raw.set(key, value);
    }
    raw.check().unwrap()
}

fn guest(domain: &str) -> Guest {
    let folder = tempfile::tempdir().unwrap();
    Guest {
        settings: settings(&folder, domain),
        _folder: folder,
    }
}

fn alice() -> BareJid {
    BareJid::parse("alice@a.example").unwrap()
}

fn run<F: Future<Output = ()>>(story: impl FnOnce(Board) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, DOMAIN);
    let opened = run::open(&settings, &Home::Folder(&settings.data), Use::Serve).unwrap();
    let node = opened.node;
    let executor: Rc<LocalExecutor<'static>> = Rc::clone(&node.executor);
    smol::block_on(executor.run(async {
        executor.spawn(Rc::clone(&node).run()).detach();
        let pair = Pair::open(&settings, &node).unwrap().unwrap();
        let any = Address::parse("127.0.0.1:0").unwrap();
        let listener = PeerListener::bind(&any).unwrap();
        pair.set_bound(vec![listener.address]);
        let door = PeerDoor::new(node.clock);
        let taking = listener.run(door, Rc::clone(&pair), Rc::clone(&executor));
        executor.spawn(taking).detach();
        let add = Command::AddUser {
            jid: alice(),
            password: Secret::from("secret"),
            admin: false,
        };
        assert_eq!(run::command(&node, add).await, Some(Outcome::Done));
        story(Board { pair }).await;
    }));
}

impl Board {
    fn line(&self) -> InviteLine {
        self.pair.invite(&[]).unwrap()
    }
}

impl Guest {
    async fn join(&self, line: &InviteLine, wipe: bool) -> Result<Joined, JoinError> {
        let (settings, line) = (self.settings.clone(), line.clone());
        smol::unblock(move || joiner::join(&settings, &line, wipe, &mut |_| {})).await
    }

    fn identity(&self) -> NodeIdentity {
        NodeIdentity::load_or_make(&tls::provider(), &self.settings.data).unwrap()
    }

    fn membership(&self) -> Option<Membership> {
        file::read(&self.settings.data).unwrap()
    }

    fn has_alice(&self) -> bool {
        let disk = Folder::open(&self.settings.data).unwrap();
        let store = Store::open(Arc::new(disk), 1 << 20).unwrap();
        let key = RecordKey::Account { jid: alice() };
        match store.load(&key).unwrap() {
            Record::Account { account } => account.row().is_some(),
            _ => false,
        }
    }

    /// A connection on which nothing was said yet.
    async fn call(&self, line: &InviteLine) -> Result<PeerStream, DialError> {
        let identity = self.identity();
        dial::dial(&identity, line.pin, Purpose::Join, &line.addresses).await
    }

    fn hello(&self, line: &InviteLine, stream: &PeerStream) -> Hello {
        let (exporter, pin) = (stream.exporter().unwrap(), self.identity().pin);
        Hello {
            proof: invite::prove(&line.secret, &exporter, pin),
            domain: DOMAIN.into(),
            addresses: Vec::new(),
        }
    }
}

#[test]
fn a_board_that_joins_has_what_the_other_has_and_each_knows_the_other() {
    run(|a| async move {
        let (b, line) = (guest(DOMAIN), a.line());

        let joined = b.join(&line, false).await.unwrap();

        assert!(joined.rows > 0 && b.has_alice());
        let (ours, theirs) = (a.pair.membership().unwrap(), b.membership().unwrap());
        assert_eq!((ours.node, theirs.node), (0, 1));
        assert_eq!(
            (ours.pair, ours.generation),
            (theirs.pair, theirs.generation)
        );
        assert_eq!((ours.stage, theirs.stage), (Stage::Member, Stage::Joiner));
        assert_eq!(theirs.peer.unwrap().pin, line.pin);
        let change = a.pair.changes().try_recv().unwrap();
        let peer = b.identity().pin;
        assert_eq!(change, Change::Invited { peer });
        assert_eq!(a.pair.report().peer, peer.to_string());
    });
}

#[test]
fn the_other_board_serves_on_while_it_is_copied() {
    run(|a| async move {
        let (b, line) = (guest(DOMAIN), a.line());
        let bob = Command::AddUser {
            jid: BareJid::parse("bob@a.example").unwrap(),
            password: Secret::from("secret"),
            admin: false,
        };
        let joining = b.join(&line, false);
        let adding = run::command(&a.pair.node, bob);

        let (joined, added) = smol::future::zip(joining, adding).await;

        assert_eq!(added, Some(Outcome::Done));
        assert!(joined.is_ok() && b.has_alice());
    });
}

#[test]
fn clients_meet_the_self_signed_certificate_that_they_know_on_either_board() {
    use std::os::unix::fs::PermissionsExt as _;
    run(|a| async move {
        let (b, line) = (guest(DOMAIN), a.line());
        let provider = tls::provider();
        let made = Identity::load_or_make(&provider, &a.pair.folder, &[DOMAIN]).unwrap();

        b.join(&line, false).await.unwrap();

        let found = Identity::load_or_make(&provider, &b.settings.data, &[DOMAIN]).unwrap();
        assert_eq!(made.0.fingerprint, found.0.fingerprint);
        assert!(!found.1, "it was there already");
        let path = Identity::self_signed_path(&b.settings.data);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    });
}

#[test]
fn an_invitation_is_good_once() {
    run(|a| async move {
        let line = a.line();
        guest(DOMAIN).join(&line, false).await.unwrap();
        let late = guest(DOMAIN);

        let again = late.join(&line, false).await;

        assert!(matches!(again, Err(JoinError::Dial(DialError::Refused))));
        assert_eq!(late.membership(), None);
    });
}

#[test]
fn an_invitation_ends_after_its_time_and_with_the_next_one() {
    run(|a| async move {
        let b = guest(DOMAIN);
        let old = a.line();
        let new = a.line();
        let joined = b.join(&old, false).await;
        assert!(matches!(joined, Err(JoinError::WrongSecret)));

        a.pair.invite.borrow_mut().as_mut().unwrap().until = Monotonic(0);

        let joined = b.join(&new, false).await;
        assert!(matches!(joined, Err(JoinError::Dial(DialError::Refused))));
        assert_eq!(b.membership(), None);
    });
}

#[test]
fn a_proof_that_was_overheard_lets_nobody_in() {
    run(|a| async move {
        let (b, thief, line) = (guest(DOMAIN), guest(DOMAIN), a.line());
        let overheard = {
            let stream = b.call(&line).await.unwrap();
            b.hello(&line, &stream)
        };
        let mut stream = thief.call(&line).await.unwrap();

        wire::write_message(&mut stream, &overheard).await.unwrap();

        let answer = wire::read_message(&mut stream).await.unwrap();
        assert!(matches!(answer, Answer::WrongSecret), "{answer:?}");
        assert_eq!(a.pair.membership().unwrap().peer, None);
        // Nobody can void an invitation by guessing.
        b.join(&line, false).await.unwrap();
    });
}

#[test]
fn a_board_of_another_domain_is_told_which_and_may_come_again() {
    run(|a| async move {
        let (b, line) = (guest("b.example"), a.line());

        let joined = b.join(&line, false).await;

        let theirs_is = |error: &JoinError| match error {
            JoinError::Domain { theirs, .. } => theirs == DOMAIN,
            _ => false,
        };
        assert!(joined.is_err_and(|error| theirs_is(&error)));
        guest(DOMAIN).join(&line, false).await.unwrap();
    });
}

#[test]
fn data_is_deleted_only_when_asked_and_only_by_a_join_that_is_let_in() {
    run(|a| async move {
        let b = guest(DOMAIN);
        b.join(&a.line(), false).await.unwrap();
        let void = a.pair.replace(&[]).unwrap();
        let line = a.pair.invite(&[]).unwrap();

        let refused = b.join(&line, false).await;
        assert!(matches!(refused, Err(JoinError::NotEmpty { .. })));
        let failed = b.join(&void, true).await;
        assert!(matches!(failed, Err(JoinError::WrongSecret)));
        assert!(b.has_alice());

        b.join(&line, true).await.unwrap();
        assert!(b.has_alice());
        assert_eq!(b.membership().unwrap().generation, 2);
    });
}

#[test]
fn a_join_that_is_cut_off_leaves_no_server_and_can_be_repeated() {
    run(|a| async move {
        let (b, line) = (guest(DOMAIN), a.line());
        // Given a board that was let in, and went away before it had its copy
        let mut stream = b.call(&line).await.unwrap();
        let hello = b.hello(&line, &stream);
        wire::write_message(&mut stream, &hello).await.unwrap();
        let answer: Answer = wire::read_message(&mut stream).await.unwrap();
        let Answer::Welcome { pair, .. } = answer else {
            panic!("{answer:?}");
        };
        stream.close().await.unwrap();
        let half = Membership {
            pair,
            stage: Stage::Copying,
            ..Membership::found()
        };
        file::write(&b.settings.data, Some(&half)).unwrap();
        std::fs::write(b.settings.data.join("tables"), "half").unwrap();

        // Then its folder is of no use, and the other board invites again
        let opened = run::open(&b.settings, &Home::Folder(&b.settings.data), Use::Look);
        assert!(matches!(opened, Err(RunError::HalfJoined(_))));
        assert!(!a.pair.membership().unwrap().peer.unwrap().has_joined);
        let again = b.join(&line, false).await;
        assert!(matches!(again, Err(JoinError::Dial(DialError::Refused))));
        b.join(&a.line(), false).await.unwrap();
        assert!(b.has_alice());
    });
}

/// Carries one connection to `to`, and cuts it when so much has come back.
async fn relay(on: &LocalExecutor<'static>, to: &Address, bytes_max: u64) -> Address {
    use futures_lite::io;
    let listener = async_net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let to = (to.host().to_owned(), to.port());
    on.spawn(async move {
        let (guest, _) = listener.accept().await.unwrap();
        let host = async_net::TcpStream::connect(to).await.unwrap();
        let there = io::copy(guest.clone(), host.clone());
        let back = io::copy(host.clone().take(bytes_max), guest.clone());
        there.or(back).await.ok();
    })
    .detach();
    Address::parse(&address).unwrap()
}

#[test]
fn wherever_a_join_is_cut_it_can_be_repeated() {
    run(|a| async move {
        let b = guest(DOMAIN);
        let mut stages = Vec::new();
        let mut bytes_max = 100;
        loop {
            // Given a new line, and a network that breaks a little later than the last one
            let mut line = a.line();
            let to = line.addresses.first().unwrap();
            let through = relay(&a.pair.node.executor, to, bytes_max).await;
            line.addresses = vec![through];
            let joined = b.join(&line, false).await;
            stages.push(b.membership().map(|one| one.stage));
            if joined.is_ok() {
                break;
            }
            // Then nothing here is a server's
            assert_ne!(stages.last(), Some(&Some(Stage::Joiner)));
            bytes_max += bytes_max / 4;
        }
        assert!(b.has_alice());
        // Before, during and after the copy
        stages.dedup();
        assert_eq!(stages, [None, Some(Stage::Copying), Some(Stage::Joiner)]);
    });
}

#[test]
fn a_board_that_was_replaced_is_refused_and_its_successor_is_not() {
    run(|a| async move {
        let (old, new) = (guest(DOMAIN), guest(DOMAIN));
        old.join(&a.line(), false).await.unwrap();
        let call = async |board: &Guest| {
            let peer = board.membership().unwrap().peer.unwrap();
            let identity = board.identity();
            dial::dial(&identity, peer.pin, Purpose::Link, &peer.addresses).await
        };
        let accepted = a.pair.accepted();
        drop(call(&old).await.unwrap());
        assert_eq!(accepted.recv().await.unwrap().peer, old.identity().pin);

        let line = a.pair.replace(&[]).unwrap();

        assert!(matches!(call(&old).await, Err(DialError::Refused)));
        new.join(&line, false).await.unwrap();
        assert!(matches!(call(&old).await, Err(DialError::Refused)));
        drop(call(&new).await.unwrap());
        assert_eq!(accepted.recv().await.unwrap().peer, new.identity().pin);
        assert_eq!(a.pair.membership().unwrap().generation, 2);
    });
}

#[test]
fn a_pair_is_not_made_twice_and_can_be_left() {
    run(|a| async move {
        let b = guest(DOMAIN);
        assert!(matches!(a.pair.leave(), Err(PairError::NoPair)));
        b.join(&a.line(), false).await.unwrap();
        // The word that the copy is whole may still be on its way.
        while !a.pair.membership().unwrap().peer.unwrap().has_joined {
            smol::future::yield_now().await;
        }
        assert!(matches!(a.pair.invite(&[]), Err(PairError::HasPeer)));
        assert_eq!(a.pair.status().state, PairState::Solo);

        a.pair.leave().unwrap();

        assert_eq!(a.pair.membership(), None);
        assert_eq!(file::read(&a.pair.folder).unwrap(), None);
        assert_eq!(a.pair.status().state, PairState::Single);
        let peer = b.membership().unwrap().peer.unwrap();
        let identity = b.identity();
        let called = dial::dial(&identity, peer.pin, Purpose::Link, &peer.addresses).await;
        assert!(matches!(called, Err(DialError::Refused)));
    });
}
