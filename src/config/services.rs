//! A service outside of XMPP as an operator writes it: a URI of RFC 7064 (`stun:`) or RFC 7065 (`turn:`).

use crate::effect::settings::Service;

/// RFC 7064 section 3.2 and RFC 7065 section 3.2: where nothing is said of it.
const PORT: u16 = 3_478;
const TLS_PORT: u16 = 5_349;

/// `None`: it is no such URI.
pub(super) fn parse(uri: &str) -> Option<Service> {
    let (scheme, rest) = uri.split_once(':')?;
    let (kind, default, transport) = match scheme {
        "stun" => ("stun", PORT, "udp"),
        "stuns" => ("stuns", TLS_PORT, "tcp"),
        "turn" => ("turn", PORT, "udp"),
        "turns" => ("turns", TLS_PORT, "tcp"),
        _ => return None,
    };
    let (place, transport) = match rest.split_once("?transport=") {
        None => (rest, transport),
        // Only a relay can be told how it is spoken to.
        Some((place, "udp")) if kind.starts_with("turn") => (place, "udp"),
        Some((place, "tcp")) if kind.starts_with("turn") => (place, "tcp"),
        Some(_) => return None,
    };
    // RFC 3986 section 3.2.2: an IPv6 address stands in brackets.
    let (host, behind) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, behind)
        }
        None => place.split_at_checked(place.find(':').unwrap_or(place.len()))?,
    };
    let port: u16 = match behind.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if behind.is_empty() => default,
        None => return None,
    };
    let is_host = host.contains(':') || super::words::is_host(host);
    (is_host && port != 0).then(|| Service {
        kind,
        host: host.into(),
        port,
        transport,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_type_host_port_and_transport() {
        let cases = [
            ("stun:a.example", Some(("stun", "a.example", 3_478, "udp"))),
            (
                "stuns:a.example",
                Some(("stuns", "a.example", 5_349, "tcp")),
            ),
            (
                "turn:192.0.2.1:3479?transport=tcp",
                Some(("turn", "192.0.2.1", 3_479, "tcp")),
            ),
            ("turns:[::1]", Some(("turns", "::1", 5_349, "tcp"))),
            ("turn:[::1]:9", Some(("turn", "::1", 9, "udp"))),
            ("turn:[::1]9", None),
            ("turn:a.example:0", None),
            ("turn:a.example:65536", None),
            ("stun:a.example?transport=tcp", None),
            ("turn://a.example", None),
            ("turn:", None),
            ("mailto:a@example", None),
        ];
        for (uri, wanted) in cases {
            let service = parse(uri);
            let found = service
                .as_ref()
                .map(|one| (one.kind, &*one.host, one.port, one.transport));
            assert_eq!(found, wanted, "{uri}");
        }
    }
}
