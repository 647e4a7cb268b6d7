//! A board and its other board: who it is, how the two meet, and the connection between them.
//!
//! Two boards become a pair once, over an invitation ([`invite`]): the one that has the data invites
//! ([`host`]), the blank one joins ([`joiner`]) and is given a copy of everything while the first goes on
//! serving. From then on each knows the other by its key, which stands in a file ([`file`]), and takes
//! no connection of anybody else.
//!
//! [`Pair`] gives out connections and keeps who is let in. When to dial, and what is said on a
//! connection, is the link's business.

pub(crate) mod boot;
pub(crate) mod conflicts;
pub(crate) mod fetch;
pub(crate) mod file;
pub(crate) mod files;
mod host;
pub(crate) mod invite;
pub(crate) mod joiner;
mod lender;
pub(crate) mod link;
pub(crate) mod offline;
mod report;
#[cfg(test)]
mod tests;
mod wire;

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use smol::channel;
use smol::channel::Receiver;
use smol::channel::Sender;

use crate::base::mirror_limits::INVITE_MS;
use crate::base::mirror_limits::PEER_ADDRESSES_MAX;
use crate::base::secret::Secret;
use crate::config::settings::Settings;
use crate::model::level::LEVEL;
use crate::model::pair::PairState;
use crate::model::pair::PairStatus;
use crate::net::address::Address;
use crate::net::certificate::CertificateError;
use crate::net::clock::Clock;
use crate::net::peer::Admitted;
use crate::net::peer::Purpose;
use crate::net::peer::accept::PeerHub;
use crate::net::peer::dial;
use crate::net::peer::dial::DialError;
use crate::net::peer::identity::NodeIdentity;
use crate::net::peer::identity::Pin;
use crate::net::peer::stream::PeerStream;
use crate::net::routes;
use crate::net::tls;
use crate::observe;
use crate::observe::event::Event;
use crate::server::hub::Node;
use crate::server::pair::file::Membership;
use crate::server::pair::file::Peer;
use crate::server::pair::file::Stage;
use crate::server::pair::files::FileLines;
use crate::server::pair::invite::Invite;
use crate::server::pair::invite::InviteLine;
pub(crate) use crate::server::pair::report::PairReport;
pub(crate) use crate::server::pair::report::alarm;
pub(crate) use crate::server::pair::report::words;

/// Connections and changes that wait to be looked at; there is one other board.
const WAITING_MAX: usize = 4;

/// What this board is to its pair, in a server that runs.
pub(crate) struct Pair {
    folder: PathBuf,
    domain: String,
    /// Clients are shown the certificate that lies in the folder.
    is_self_signed: bool,
    clock: Clock,
    identity: NodeIdentity,
    node: Rc<Node>,
    /// Where the other board listens as the operator says, before what was learnt.
    hints: Vec<Address>,
    bound: RefCell<Vec<SocketAddr>>,
    membership: RefCell<Option<Membership>>,
    invite: RefCell<Option<Invite>>,
    status: Cell<PairStatus>,
    accepted: (Sender<PeerStream>, Receiver<PeerStream>),
    changes: (Sender<Change>, Receiver<Change>),
    /// Closed when this board can go on only with what it has to fetch.
    fetching: (Sender<()>, Receiver<()>),
    /// So much of the log is kept for the other board.
    log_bytes: u64,
    /// Told when the link has news.
    watcher: RefCell<Option<Sender<()>>>,
    /// Connections for uploaded files.
    pub(crate) files: FileLines,
}

/// What an operator or a join has done to the pair while the server runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// A board has proved its invitation; from here on the log is kept for it.
    Invited { peer: Pin },
    /// There is no other board any more: its connection is to be closed, its log no longer kept.
    Forgotten,
}

/// Why an operator's wish is not done. All have a remedy.
#[derive(Debug)]
pub(crate) enum PairError {
    NotListening,
    HasPeer,
    NoPair,
    NoAddress,
    BadAddress(String),
    TooManyAddresses,
    Certificate(CertificateError),
    File(file::FileError),
    Unwritable(io::Error),
}

impl Pair {
    /// `None` for a board that has no pair and does not listen for one.
    pub(crate) fn open(
        settings: &Settings,
        node: &Rc<Node>,
    ) -> Result<Option<Rc<Self>>, PairError> {
        let membership = file::read(&settings.data).map_err(PairError::File)?;
        if membership.is_none() && settings.listen.mirror.is_empty() {
            return Ok(None);
        }
        let identity = NodeIdentity::load_or_make(&tls::provider(), &settings.data)
            .map_err(PairError::Certificate)?;
        let has_peer = membership.as_ref().is_some_and(|one| one.peer.is_some());
        let pair = Self {
            folder: settings.data.clone(),
            domain: settings.domain.clone(),
            is_self_signed: settings.tls.is_none(),
            clock: node.clock,
            identity,
            node: Rc::clone(node),
            hints: settings.mirror_peer.clone(),
            bound: RefCell::default(),
            membership: RefCell::new(membership),
            invite: RefCell::default(),
            status: Cell::default(),
            accepted: channel::bounded(WAITING_MAX),
            changes: channel::unbounded(),
            fetching: channel::bounded(1),
            log_bytes: settings.mirror_log_bytes,
            watcher: RefCell::default(),
            files: FileLines::new(),
        };
        pair.begin(if has_peer {
            PairState::Solo
        } else {
            PairState::Single
        });
        Ok(Some(Rc::new(pair)))
    }

    pub(crate) fn set_bound(&self, bound: Vec<SocketAddr>) {
        *self.bound.borrow_mut() = bound;
    }

    pub(crate) fn membership(&self) -> Option<Membership> {
        self.membership.borrow().clone()
    }

    /// Calls the other board, once.
    pub(crate) async fn dial(&self) -> Result<PeerStream, DialError> {
        self.dial_for(Purpose::Link).await
    }

    pub(crate) async fn dial_for(&self, purpose: Purpose) -> Result<PeerStream, DialError> {
        let peer = self.membership().and_then(|one| one.peer);
        let peer = peer.ok_or(DialError::NoAddress)?;
        let mut addresses = self.hints.clone();
        addresses.extend(peer.addresses);
        addresses.dedup();
        dial::dial(&self.identity, peer.pin, purpose, &addresses).await
    }

    /// Connections of the other board, as they come. Nobody takes them: the next ones are closed.
    pub(crate) fn accepted(&self) -> Receiver<PeerStream> {
        self.accepted.1.clone()
    }

    pub(crate) fn changes(&self) -> Receiver<Change> {
        self.changes.1.clone()
    }

    pub(crate) fn status(&self) -> PairStatus {
        let member = self.node.member.borrow();
        let mirror = member.mirror();
        mirror.map_or_else(|| self.status.get(), |mirror| mirror.status().pair)
    }

    /// The link has news; what they are is in [`Pair::status`].
    fn handle_notice(&self) {
        if let Some(watcher) = self.watcher.borrow().as_ref() {
            // One word is as good as many.
            watcher.try_send(()).ok();
        }
    }

    /// Who wants to know when there are news.
    pub(crate) fn watch(&self, watcher: Sender<()>) {
        *self.watcher.borrow_mut() = Some(watcher);
    }

    /// What is acknowledged is on both disks.
    pub(crate) fn is_in_sync(&self) -> bool {
        matches!(self.status().state, PairState::Sync { .. })
    }

    /// Clients are served.
    pub(crate) fn serves(&self) -> bool {
        self.node.serves()
    }

    /// Where the other board is, as far as that is said by numbers.
    pub(crate) fn peer_ips(&self) -> Vec<IpAddr> {
        let peer = self.membership().and_then(|one| one.peer);
        peer.map(|peer| peer.ips(&self.hints)).unwrap_or_default()
    }

    /// The first epoch of both boards is durable here: this one is a member like any other from now on.
    pub(crate) fn finish_join(&self) -> Result<(), PairError> {
        let Some(mut membership) = self.membership() else {
            return Ok(());
        };
        membership.stage = Stage::Member;
        if let Some(peer) = &mut membership.peer {
            peer.has_joined = true;
        }
        self.set_membership(Some(membership))
    }

    /// Both boards read this level. On the disk before anything of it is; what it is then.
    fn raise(&self, level: u8) -> Result<u8, PairError> {
        let Some(membership) = self.membership() else {
            return Ok(LEVEL);
        };
        let level = level.max(membership.level);
        if level > membership.level {
            self.set_membership(Some(Membership {
                level,
                ..membership
            }))?;
        }
        Ok(level)
    }

    /// The other board has everything that is here, and its log no longer what is missing here. From now on
    /// the folder is of use only for fetching that.
    fn begin_fetching(&self) -> Result<(), PairError> {
        let Some(mut membership) = self.membership() else {
            return Ok(());
        };
        let held = self.node.member.borrow().engine.vector().clone();
        file::write_held(&self.folder, &held).map_err(PairError::Unwritable)?;
        membership.stage = Stage::Fetching;
        self.set_membership(Some(membership))?;
        self.fetching.0.close();
        Ok(())
    }

    /// Until this board has to be started again, so that it fetches what it lacks.
    pub(crate) async fn until_fetching(&self) {
        // Nobody sends: it ends when the channel is closed.
        self.fetching.1.recv().await.ok();
    }

    /// The line that lets one board join, once, for ten minutes. An earlier one is void.
    pub(crate) fn invite(&self, addresses: &[String]) -> Result<InviteLine, PairError> {
        let membership = self.membership();
        let has_joined = |peer: &Peer| peer.has_joined;
        if membership.as_ref().is_some_and(|one| {
            one.stage != Stage::Member || one.peer.as_ref().is_some_and(has_joined)
        }) {
            return Err(PairError::HasPeer);
        }
        let addresses = self.own_addresses(addresses)?;
        if membership.is_none() {
            self.set_membership(Some(Membership::found()))?;
        }
        let invite = Invite::new(self.clock.steady().plus_ms(INVITE_MS));
        let secret = invite.secret.clone();
        *self.invite.borrow_mut() = Some(invite);
        Ok(InviteLine {
            addresses,
            pin: self.identity.pin,
            secret,
        })
    }

    /// Forgets the other board for good, and invites one in its place.
    pub(crate) fn replace(&self, addresses: &[String]) -> Result<InviteLine, PairError> {
        // Found out before anything is forgotten.
        self.own_addresses(addresses)?;
        let membership = self.membership().ok_or(PairError::NoPair)?;
        let generation = membership.generation.saturating_add(1);
        self.forget(Some(membership.without_peer()))?;
        observe::emit(&Event::PeerForgotten { generation });
        self.invite(addresses)
    }

    /// Forgets the pair: this is a board of its own again.
    pub(crate) fn leave(&self) -> Result<(), PairError> {
        let membership = self.membership().ok_or(PairError::NoPair)?;
        self.forget(None)?;
        let generation = membership.generation;
        observe::emit(&Event::PeerForgotten { generation });
        Ok(())
    }

    pub(crate) fn report(&self) -> PairReport {
        let member = self.node.member.borrow();
        let fault = member.mirror().and_then(|mirror| mirror.status().fault);
        drop(member);
        let (membership, status) = (self.membership(), self.status());
        let is_whole = matches!(status.state, PairState::Sync { .. });
        PairReport::new(
            membership.as_ref(),
            &status,
            fault.filter(|_| !is_whole).as_ref(),
            self.files.missing(),
        )
        .with_conflicts(conflicts::counts(&self.node.store))
    }

    fn forget(&self, left: Option<Membership>) -> Result<(), PairError> {
        *self.invite.borrow_mut() = None;
        self.set_membership(left)?;
        self.begin(PairState::Single);
        self.tell(Change::Forgotten);
        Ok(())
    }

    /// A board has proved its invitation: the invitation is spent, and the board is the other board.
    fn take_in(&self, peer: Peer) -> Result<Membership, PairError> {
        *self.invite.borrow_mut() = None;
        let pin = peer.pin;
        let mut membership = self.membership().unwrap_or_else(Membership::found);
        membership.peer = Some(peer);
        self.set_membership(Some(membership.clone()))?;
        self.begin(PairState::Solo);
        self.tell(Change::Invited { peer: pin });
        Ok(membership)
    }

    /// The other board has its copy, and has said so.
    fn handle_copied(&self, pin: Pin) -> Result<(), PairError> {
        let mut membership = self.membership();
        match membership.as_mut().and_then(|one| one.peer.as_mut()) {
            Some(peer) if peer.pin == pin => peer.has_joined = true,
            // Forgotten meanwhile, or another has been invited.
            _ => return Err(PairError::NoPair),
        }
        self.set_membership(membership)
    }

    /// What counts is on the disk before it counts here.
    fn set_membership(&self, membership: Option<Membership>) -> Result<(), PairError> {
        file::write(&self.folder, membership.as_ref()).map_err(PairError::Unwritable)?;
        *self.membership.borrow_mut() = membership;
        Ok(())
    }

    fn begin(&self, state: PairState) {
        self.status.set(PairStatus {
            state,
            since: Clock::of_the_day(),
            ..PairStatus::default()
        });
    }

    fn tell(&self, change: Change) {
        // It is unbounded, and this holds its other end.
        self.changes.0.try_send(change).ok();
    }

    /// The invitation that is open now.
    fn open_invite(&self) -> Option<Secret> {
        let now = self.clock.steady();
        let mut invite = self.invite.borrow_mut();
        if invite.as_ref().is_some_and(|invite| invite.until <= now) {
            *invite = None;
        }
        invite.as_ref().map(|invite| invite.secret.clone())
    }

    /// Where the other board may reach this one: as told, or as far as this board can see.
    fn own_addresses(&self, told: &[String]) -> Result<Vec<Address>, PairError> {
        let bound = self.bound.borrow();
        if bound.is_empty() {
            return Err(PairError::NotListening);
        }
        let parse = |text: &String| {
            Address::parse(text).map_err(|error| PairError::BadAddress(format!("{text} {error}")))
        };
        let mut addresses = told.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            let found = routes::reachable(&bound);
            let texts = found.iter().map(ToString::to_string);
            addresses = texts
                .filter_map(|text| Address::parse(&text).ok())
                .collect();
        }
        match addresses.len() {
            0 => Err(PairError::NoAddress),
            1..=PEER_ADDRESSES_MAX => Ok(addresses),
            _ => Err(PairError::TooManyAddresses),
        }
    }
}

impl PeerHub for Pair {
    fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    fn admitted(&self) -> Admitted {
        let membership = self.membership.borrow();
        let peer = membership.as_ref().and_then(|one| one.peer.as_ref());
        Admitted {
            peer: peer.map(|peer| peer.pin),
            guests: self.open_invite().is_some(),
        }
    }

    fn handle_stream(self: &Rc<Self>, purpose: Purpose, stream: PeerStream) {
        match purpose {
            // Whoever finds nobody waiting calls again.
            Purpose::Link => drop(self.accepted.0.try_send(stream)),
            Purpose::Copy => {
                let lending = lender::serve(Rc::clone(self), stream);
                self.node.executor.spawn(lending).detach();
            }
            Purpose::File => {
                let serving = files::serve(Rc::clone(self), stream);
                self.node.executor.spawn(serving).detach();
            }
            Purpose::Join => {
                let hosting = host::serve(Rc::clone(self), stream);
                self.node.executor.spawn(hosting).detach();
            }
        }
    }
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListening => f.write_str(
                "this board does not listen for another; set listen.mirror, for example to \
                 [\"[::]:5270\"], and start again",
            ),
            Self::HasPeer => f.write_str(
                "this board has its other board already; put another in its place with: \
                 meerkat pair replace",
            ),
            Self::NoPair => {
                f.write_str("this board has no pair; begin one with: meerkat pair invite")
            }
            Self::NoAddress => f.write_str(
                "this board does not know where others reach it; tell with --address HOST:PORT",
            ),
            Self::BadAddress(what) => write!(f, "{what}; write --address HOST:PORT"),
            Self::TooManyAddresses => {
                write!(f, "at most {PEER_ADDRESSES_MAX} addresses; leave some out")
            }
            Self::Certificate(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Unwritable(error) => write!(
                f,
                "the data folder cannot be written: {error}; nothing has changed"
            ),
        }
    }
}
