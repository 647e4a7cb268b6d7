//! What the local network is told of this server: where it is reached, and the other board if both serve.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;

use smol::Task;
use smol::channel;
use smol::channel::Sender;

use crate::config::settings::Settings;
use crate::model::pair::PairState;
use crate::net::mdns::Announcer;
use crate::net::mdns::Places;
use crate::net::mdns::Site;
use crate::net::routes;
use crate::net::tls::TlsStart;
use crate::server::hub::Node;
use crate::server::pair::Pair;

/// Telling, until it is stopped.
pub(super) struct Lan {
    changed: Sender<()>,
    telling: Task<()>,
}

impl Lan {
    /// `None`: the settings give no name (`mdns.name`).
    pub(super) fn tell(
        settings: &Settings,
        node: &Rc<Node>,
        pair: Option<Rc<Pair>>,
        bound: &[(TlsStart, SocketAddr)],
    ) -> io::Result<Option<Self>> {
        let Some(name) = settings.mdns_name.clone() else {
            return Ok(None);
        };
        let port = |wanted| {
            let found = bound.iter().find(|(start, _)| *start == wanted);
            found.map(|(_, address)| address.port())
        };
        let services = [
            ("_xmpp-client", port(TlsStart::StartTls)),
            ("_xmpps-client", port(TlsStart::Direct)),
        ];
        let services = services.into_iter();
        let services = services.filter_map(|(service, port)| Some((service, port?)));
        let site = Site {
            name,
            services: services.collect(),
        };
        let announcer = Announcer::open(site, node.clock)?;
        let (changed, changes) = channel::bounded(1);
        if let Some(pair) = &pair {
            pair.watch(changed.clone());
        }
        let bound: Vec<SocketAddr> = bound.iter().map(|(_, address)| *address).collect();
        let places = move || places(pair.as_deref(), &bound);
        let telling = node.executor.spawn(announcer.run(places, changes));
        Ok(Some(Self { changed, telling }))
    }

    /// Takes back what was told.
    pub(super) async fn stop(self) {
        self.changed.close();
        self.telling.await;
    }
}

fn places(pair: Option<&Pair>, bound: &[SocketAddr]) -> Places {
    let is_for_others = |ip: &IpAddr| !ip.is_loopback();
    let own = routes::reachable(bound).into_iter().map(|one| one.ip());
    let own: BTreeSet<IpAddr> = own.filter(is_for_others).collect();
    let Some(pair) = pair else {
        return Places {
            told: own,
            known: BTreeSet::new(),
        };
    };
    let known: BTreeSet<IpAddr> = pair.peer_ips().into_iter().filter(is_for_others).collect();
    let told = told(pair.status().state, pair.serves(), own, &known);
    Places { told, known }
}

/// Who serves is told of: both boards while they are one.
fn told(
    state: PairState,
    serves: bool,
    own: BTreeSet<IpAddr>,
    other: &BTreeSet<IpAddr>,
) -> BTreeSet<IpAddr> {
    match state {
        PairState::Sync { .. } => own.union(other).copied().collect(),
        PairState::Single | PairState::Solo | PairState::CatchingUp { .. } if serves => own,
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_told_of_while_they_are_one_and_each_alone_of_itself() {
        let ip = |text: &str| text.parse().unwrap();
        let (a, b) = (ip("192.168.1.10"), ip("192.168.1.11"));
        let catching_up = PairState::CatchingUp { done: 0, total: 1 };
        for (state, serves, wanted) in [
            (PairState::Sync { leads: true }, true, vec![a, b]),
            (PairState::Sync { leads: false }, true, vec![a, b]),
            (PairState::Solo, true, vec![a]),
            (PairState::Single, true, vec![a]),
            (catching_up, true, vec![a]),
            (catching_up, false, vec![]),
            (PairState::Waiting, false, vec![]),
        ] {
            let told = told(state, serves, [a].into(), &[b].into());
            assert_eq!(told, wanted.into_iter().collect(), "{state:?} {serves}");
        }
    }
}
