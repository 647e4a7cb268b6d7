//! `meerkat pair keepalived`: a configuration for keepalived, which moves an address of a board that is gone to the other.
//!
//! Two addresses, one a board, each backed by the other board: both serve while both are there, and clients of a
//! dead board find its address alive at once. meerkat itself takes no address and speaks no VRRP (RFC 9568).

use std::fmt::Write as _;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;

use crate::cli::Failure;
use crate::net::address::Address;
use crate::net::routes;
use crate::server::pair::file::Membership;

/// Of the two addresses, for the boards of the lower and of the higher number. Any that the network has not in use.
const ROUTER_IDS: [u8; 2] = [152, 153];
const OWN: (&str, u8) = ("MASTER", 150);
const OTHER: (&str, u8) = ("BACKUP", 100);

/// An address with the length of its network's prefix, as keepalived takes it.
fn parse_address(text: &str) -> Result<IpAddr, Failure> {
    let (ip, prefix) = text.split_once('/').unwrap_or((text, "24"));
    let ip = ip.parse();
    let max = match ip {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => 0,
    };
    match (ip, prefix.parse::<u8>()) {
        (Ok(ip), Ok(length)) if (1..=max).contains(&length) => Ok(ip),
        _ => Err(Failure::WrongUsage(format!(
            "{text} is no address; write two, for example --address 192.168.1.20/24 --address 192.168.1.21/24"
        ))),
    }
}

/// The file for this board.
pub(super) fn configuration(
    addresses: &[String],
    (membership, hints): (Option<&Membership>, &[Address]),
    config: Option<&Path>,
) -> Result<String, Failure> {
    let [first, second] = addresses else {
        let reason = "two addresses are moved between the boards; write --address for each";
        return Err(Failure::WrongUsage(reason.to_owned()));
    };
    let moving = [
        (first, parse_address(first)?),
        (second, parse_address(second)?),
    ];
    let none =
        || Failure::Because("this board has no other board; see meerkat pair invite".to_owned());
    let membership = membership.ok_or_else(none)?;
    let peer = membership.peer.as_ref().ok_or_else(none)?;
    let peers = peer.ips(hints);
    let program = std::env::current_exe().map_err(Failure::because)?;
    let config = config.map_or(String::new(), |path| {
        format!(" --config {}", path.display())
    });
    let mut text = format!(
        "# keepalived.conf of board {} of a pair; board {} has its own. Change the interface if it is another one.
global_defs {{
    enable_script_security
    script_user root
}}
vrrp_script meerkat {{
    script \"{} pair health{config}\"
    interval 1
    fall 2
    rise 2
}}
",
        membership.node,
        1 - membership.node.min(1),
        program.display()
    );
    let own = usize::from(membership.node.min(1));
    for (board, ((address, ip), id)) in moving.into_iter().zip(ROUTER_IDS).enumerate() {
        let (own_ip, peer_ip) = ends(ip, &peers)?;
        let (state, priority) = if board == own { OWN } else { OTHER };
        // A string takes everything.
        write!(
            text,
            "vrrp_instance meerkat_{board} {{
    state {state}
    priority {priority}
    interface {}
    virtual_router_id {id}
    advert_int 1
    unicast_src_ip {own_ip}
    unicast_peer {{
        {peer_ip}
    }}
    virtual_ipaddress {{
        {address}
    }}
    track_script {{
        meerkat
    }}
}}
",
            interface()
        )
        .ok();
    }
    Ok(text)
}

/// Where the two boards tell each other who has this address: by addresses of its kind, since an instance has only one.
fn ends(ip: IpAddr, peers: &[IpAddr]) -> Result<(IpAddr, IpAddr), Failure> {
    let is_alike = |one: &IpAddr| one.is_ipv4() == ip.is_ipv4();
    let everywhere = SocketAddr::from(([0; 8], 0));
    let mut own = routes::reachable(&[everywhere])
        .into_iter()
        .map(|one| one.ip());
    let peer_ip = peers.iter().copied().find(is_alike);
    own.find(is_alike).zip(peer_ip).ok_or_else(|| {
        let kind = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        Failure::Because(format!(
            "the {kind} addresses of the boards are not known; set mirror.peer to the other board's, or move no {kind} address"
        ))
    })
}

/// The way out of this machine.
fn interface() -> String {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    default_interface(&routes).unwrap_or("eth0").to_owned()
}

fn default_interface(routes: &str) -> Option<&str> {
    routes.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let interface = words.next()?;
        (words.next()? == "00000000").then_some(interface)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::peer::identity::Pin;
    use crate::server::pair::file::Peer;
    use crate::server::pair::file::Stage;

    fn member(node: u8) -> Membership {
        Membership {
            pair: 7,
            generation: 1,
            node,
            stage: Stage::Member,
            level: 1,
            peer: Some(Peer {
                pin: Pin::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap(),
                addresses: vec![Address::parse("192.168.1.11:5270").unwrap()],
                has_joined: true,
            }),
        }
    }

    #[test]
    fn each_board_is_first_for_its_own_address() {
        let addresses = ["192.168.1.20/24", "192.168.1.21/24"].map(str::to_owned);
        for node in [0, 1] {
            let text = configuration(&addresses, (Some(&member(node)), &[]), None).unwrap();
            let own = text
                .split("vrrp_instance")
                .nth(usize::from(node) + 1)
                .unwrap();
            assert!(own.contains("MASTER") && own.contains(&addresses[usize::from(node)]));
            assert_eq!(text.matches("MASTER").count(), 1);
            assert!(text.contains("192.168.1.11\n"), "{text}");
        }
    }

    #[test]
    fn a_board_that_has_moved_is_where_the_settings_say() {
        let addresses = ["192.168.1.20", "192.168.1.21"].map(str::to_owned);
        let moved = [Address::parse("192.168.1.77:5270").unwrap()];
        let text = configuration(&addresses, (Some(&member(0)), &moved), None).unwrap();
        assert!(text.contains("192.168.1.77\n"), "{text}");
    }

    #[test]
    fn what_is_no_address_is_refused_before_it_is_written() {
        let bad = [
            "192.168.1.20/33",
            "192.168.1/24",
            "x",
            "10.0.0.1/0",
            "10.0.0.1; rm",
        ];
        for bad in bad.map(str::to_owned) {
            let addresses = [bad.clone(), "192.168.1.21".to_owned()];
            let refused = configuration(&addresses, (Some(&member(0)), &[]), None);
            assert!(matches!(refused, Err(Failure::WrongUsage(_))), "{bad}");
        }
        let addresses = ["192.168.1.20".to_owned()];
        assert!(configuration(&addresses, (Some(&member(0)), &[]), None).is_err());
    }

    #[test]
    fn an_address_of_a_kind_by_which_the_boards_do_not_know_each_other_is_refused() {
        let addresses = ["192.168.1.20/24", "2001:db8::21/64"].map(str::to_owned);
        let refused = configuration(&addresses, (Some(&member(0)), &[]), None);
        assert!(matches!(refused, Err(Failure::Because(text)) if text.contains("IPv6")));
    }

    #[test]
    fn the_interface_is_that_of_the_default_route() {
        let table = "Iface\tDestination\tGateway\nwlan0\t0001A8C0\t0\neth1\t00000000\t0101A8C0\n";
        assert_eq!(default_interface(table), Some("eth1"));
        assert_eq!(default_interface(""), None);
    }
}
