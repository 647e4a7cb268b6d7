//! Where connections come in: addresses of the settings, for clients and for the other board.

use std::net::SocketAddr;
use std::rc::Rc;

use crate::config::settings::Settings;
use crate::net::address::Address;
use crate::net::listen::Listener;
use crate::net::peer::accept::PeerDoor;
use crate::net::peer::accept::PeerListener;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;
use crate::server::hub::Node;
use crate::server::pair::Pair;
use crate::server::pair::link::Link;
use crate::server::run::Home;
use crate::server::run::RunError;

type PairDoor = (Rc<Pair>, Vec<PeerListener>);

/// Where connections come in.
pub(super) struct Doors {
    clients: Clients,
    pair: Option<PairDoor>,
}

/// The listeners of clients.
enum Clients {
    Bound(Vec<Listener>),
    /// This board does not serve yet: it refuses connections, so that clients try the other one.
    Closed(Vec<Place>),
}

/// What a listener is made from: the key, the address, how connections begin.
type Place = (&'static str, Address, TlsStart);

impl Doors {
    /// Nobody is let in yet. A server in memory has no other board.
    pub(super) fn bind(
        settings: &Settings,
        home: &Home<'_>,
        node: &Rc<Node>,
    ) -> Result<Self, RunError> {
        let places = places(settings);
        let bound = bind_all(&places)?;
        let clients = if node.serves() {
            Clients::Bound(bound)
        } else {
            let mut places = places;
            // A port that the system chose stays.
            for (place, listener) in places.iter_mut().zip(&bound) {
                if let Ok(address) = Address::parse(&listener.address.to_string()) {
                    place.1 = address;
                }
            }
            Clients::Closed(places)
        };
        Ok(Self {
            clients,
            pair: match home {
                Home::Folder(_) => open_pair(settings, node)?,
                Home::Memory(_) => None,
            },
        })
    }

    pub(super) fn pair(&self) -> Option<Rc<Pair>> {
        self.pair.as_ref().map(|(pair, _)| Rc::clone(pair))
    }

    /// Lets the other board in; addresses as bound.
    pub(super) fn open_pair(&mut self, node: &Rc<Node>) -> Vec<String> {
        let mut bound = Vec::new();
        let Some((pair, listeners)) = self.pair.take() else {
            return bound;
        };
        let door = PeerDoor::new(node.clock);
        for listener in listeners {
            bound.push(listener.address.to_string());
            let (door, pair) = (Rc::clone(&door), Rc::clone(&pair));
            let on = Rc::clone(&node.executor);
            node.executor.spawn(listener.run(door, pair, on)).detach();
        }
        bound
    }

    /// Lets clients in; addresses as bound.
    pub(super) fn open(
        self,
        wires: &Rc<Wires>,
        node: &Rc<Node>,
    ) -> Result<Vec<(TlsStart, SocketAddr)>, RunError> {
        let listeners = match self.clients {
            Clients::Bound(listeners) => listeners,
            Clients::Closed(places) => bind_all(&places)?,
        };
        let mut bound = Vec::new();
        for listener in listeners {
            bound.push((listener.start, listener.address));
            let (wires, hub, on) = (Rc::clone(wires), Rc::clone(node), Rc::clone(&node.executor));
            node.executor.spawn(listener.run(wires, hub, on)).detach();
        }
        Ok(bound)
    }
}

/// The pair, if there is one or may be one, with its listeners.
fn open_pair(settings: &Settings, node: &Rc<Node>) -> Result<Option<PairDoor>, RunError> {
    let Some(pair) = Pair::open(settings, node).map_err(RunError::Pair)? else {
        return Ok(None);
    };
    let bind = |address| {
        PeerListener::bind(address).map_err(|error| RunError::Listen {
            key: "listen.mirror",
            address: address.to_string(),
            error,
        })
    };
    let listeners = settings.listen.mirror.iter().map(bind);
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    Link::begin(&pair, settings.mirror_log_bytes);
    pair.set_bound(listeners.iter().map(|one| one.address).collect());
    Ok(Some((pair, listeners)))
}

fn places(settings: &Settings) -> Vec<Place> {
    let listen = &settings.listen;
    let plain = listen.c2s.iter();
    let plain = plain.map(|at| ("listen.c2s", at.clone(), TlsStart::StartTls));
    let direct = listen.c2s_tls.iter();
    let direct = direct.map(|at| ("listen.c2s_tls", at.clone(), TlsStart::Direct));
    plain.chain(direct).collect()
}

fn bind_all(places: &[Place]) -> Result<Vec<Listener>, RunError> {
    let bind = |(key, address, start): &Place| {
        Listener::bind(address, *start).map_err(|error| RunError::Listen {
            key,
            address: address.to_string(),
            error,
        })
    };
    places.iter().map(bind).collect()
}
