//! Where connections come in: addresses of the settings, for clients and for the other board.

use std::rc::Rc;

use crate::config::settings::Settings;
use crate::net::listen::Listener;
use crate::net::peer::accept::PeerDoor;
use crate::net::peer::accept::PeerListener;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;
use crate::server::hub::Node;
use crate::server::pair::Pair;
use crate::server::run::Home;
use crate::server::run::RunError;

type PairDoor = (Rc<Pair>, Vec<PeerListener>);

/// Where connections come in.
pub(super) struct Doors {
    clients: Vec<Listener>,
    pair: Option<PairDoor>,
}

impl Doors {
    /// Nobody is let in yet. A server in memory has no other board.
    pub(super) fn bind(
        settings: &Settings,
        home: &Home<'_>,
        node: &Rc<Node>,
    ) -> Result<Self, RunError> {
        Ok(Self {
            clients: listen(settings)?,
            pair: match home {
                Home::Folder(_) => open_pair(settings, node)?,
                Home::Memory(_) => None,
            },
        })
    }

    pub(super) fn pair(&self) -> Option<Rc<Pair>> {
        self.pair.as_ref().map(|(pair, _)| Rc::clone(pair))
    }

    /// Addresses as bound: of clients, then of the other board.
    pub(super) fn open(self, wires: &Rc<Wires>, node: &Rc<Node>) -> Vec<String> {
        let executor = &node.executor;
        let mut bound = Vec::new();
        for listener in self.clients {
            bound.push(listener.address.to_string());
            let (wires, node, on) = (Rc::clone(wires), Rc::clone(node), Rc::clone(executor));
            executor.spawn(listener.run(wires, node, on)).detach();
        }
        let Some((pair, listeners)) = self.pair else {
            return bound;
        };
        let door = PeerDoor::new(node.clock);
        for listener in listeners {
            bound.push(listener.address.to_string());
            let (door, pair, on) = (Rc::clone(&door), Rc::clone(&pair), Rc::clone(executor));
            executor.spawn(listener.run(door, pair, on)).detach();
        }
        bound
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
    pair.set_bound(listeners.iter().map(|one| one.address).collect());
    Ok(Some((pair, listeners)))
}

fn listen(settings: &Settings) -> Result<Vec<Listener>, RunError> {
    let plain = settings
        .listen
        .c2s
        .iter()
        .map(|at| ("listen.c2s", at, TlsStart::StartTls));
    let direct = settings
        .listen
        .c2s_tls
        .iter()
        .map(|at| ("listen.c2s_tls", at, TlsStart::Direct));
    plain
        .chain(direct)
        .map(|(key, address, start)| {
            Listener::bind(address, start).map_err(|error| RunError::Listen {
                key,
                address: address.to_string(),
                error,
            })
        })
        .collect()
}
