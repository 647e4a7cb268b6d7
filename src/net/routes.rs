//! Addresses of this machine as others see them.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;

/// Addresses of listeners as others see them. "Everywhere" is where packets leave from; none is sent.
pub(crate) fn reachable(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    // Documentation networks (RFC 5737, RFC 3849): any far address will do.
    let outside: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    ];
    let mut found = Vec::new();
    for one in bound {
        if !one.ip().is_unspecified() {
            found.push(*one);
            continue;
        }
        for (from, to) in outside
            .iter()
            .filter(|(from, _)| from.is_ipv4() || one.is_ipv6())
        {
            let seen = UdpSocket::bind((*from, 0)).and_then(|socket| {
                socket.connect((*to, 9))?;
                socket.local_addr()
            });
            found.extend(seen.map(|seen| SocketAddr::new(seen.ip(), one.port())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_of_everywhere_are_told_as_addresses_of_this_machine() {
        let told = reachable(&[
            "192.0.2.9:5270".parse().unwrap(),
            "0.0.0.0:5271".parse().unwrap(),
        ]);
        assert_eq!(told[0].to_string(), "192.0.2.9:5270");
        for address in &told[1..] {
            assert!(!address.ip().is_unspecified() && address.port() == 5271);
        }
    }
}
