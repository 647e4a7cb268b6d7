//! Where connections come in: addresses of the settings, for clients and for the other board.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::config::settings::Settings;
use crate::net::address::Address;
use crate::net::drive::Connection;
use crate::net::listen::Reserved;
use crate::net::peer::accept::PeerDoor;
use crate::net::peer::accept::PeerListener;
use crate::net::tls::TlsStart;
use crate::net::web::Handler;
use crate::net::web::Web;
use crate::net::wires::Wires;
use crate::server::files::Door;
use crate::server::files::Files;
use crate::server::hub::Node;
use crate::server::pair::Pair;
use crate::server::pair::link::Link;
use crate::server::run::Home;
use crate::server::run::RunError;

type PairDoor = (Rc<Pair>, Vec<PeerListener>);

/// Where connections come in.
pub(super) struct Doors {
    /// Refused until this board serves, so that clients try the other one.
    clients: Vec<(&'static str, Reserved)>,
    pair: Option<PairDoor>,
    files: Option<Rc<Files>>,
}

impl Doors {
    /// Nobody is let in yet. A server in memory has no other board.
    pub(super) fn bind(
        settings: &Settings,
        home: &Home<'_>,
        node: &Rc<Node>,
    ) -> Result<Self, RunError> {
        Ok(Self {
            clients: reserve_all(settings)?,
            pair: match home {
                Home::Folder(_) => open_pair(settings, node)?,
                Home::Memory(_) => None,
            },
            files: None,
        })
    }

    pub(super) fn pair(&self) -> Option<Rc<Pair>> {
        self.pair.as_ref().map(|(pair, _)| Rc::clone(pair))
    }

    /// What the web door has of the files of users.
    pub(super) fn set_files(&mut self, files: Rc<Files>) {
        self.files = Some(files);
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
        let handler = self.files.map(|files| -> Rc<dyn Handler> {
            files.begin();
            Rc::new(Door(files))
        });
        let web = Web::new(wires, node, &node.executor, handler);
        let mut bound = Vec::new();
        for (key, reserved) in self.clients {
            let address = reserved.address;
            let listener = reserved.listen();
            let listener = listener.map_err(|error| listen_error(key, &address, error))?;
            bound.push((listener.start, listener.address));
            let (of_all, on) = (Rc::clone(wires), Rc::clone(&node.executor));
            if matches!(listener.start, TlsStart::Https | TlsStart::Never) {
                let web = Rc::clone(&web);
                let open = move |pipe, from, start| web.open(pipe, from, start);
                node.executor.spawn(listener.run(of_all, on, open)).detach();
            } else {
                let (wires, hub) = (Rc::clone(wires), Rc::clone(node));
                let open =
                    move |pipe, from, start| Connection::new(&wires, &hub, pipe, from, start);
                node.executor.spawn(listener.run(of_all, on, open)).detach();
            }
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
        PeerListener::bind(address).map_err(|error| listen_error("listen.mirror", address, error))
    };
    let listeners = settings.listen.mirror.iter().map(bind);
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    Link::begin(&pair, settings.mirror_log_bytes);
    pair.set_bound(listeners.iter().map(|one| one.address).collect());
    Ok(Some((pair, listeners)))
}

fn reserve_all(settings: &Settings) -> Result<Vec<(&'static str, Reserved)>, RunError> {
    let listen = &settings.listen;
    let plain = listen.c2s.iter();
    let plain = plain.map(|at| ("listen.c2s", at, TlsStart::StartTls));
    let direct = listen.c2s_tls.iter();
    let direct = direct.map(|at| ("listen.c2s_tls", at, TlsStart::Direct));
    let https = listen.https.iter();
    let https = https.map(|at| ("listen.https", at, TlsStart::Https));
    let http = listen.http.iter();
    let http = http.map(|at| ("listen.http", at, TlsStart::Never));
    let reserve = |(key, address, start): (_, &Address, _)| {
        let reserved = Reserved::bind(address, start);
        let reserved = reserved.map_err(|error| listen_error(key, address, error))?;
        Ok((key, reserved))
    };
    let all = plain.chain(direct).chain(https).chain(http);
    all.map(reserve).collect()
}

fn listen_error(key: &'static str, address: &dyn Display, error: io::Error) -> RunError {
    RunError::Listen {
        key,
        address: address.to_string(),
        error,
    }
}
