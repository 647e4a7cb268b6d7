//! Where a listener binds: `HOST:PORT`, with brackets around an IPv6 address.

use std::fmt;
use std::net::IpAddr;

/// A listener's address as the operator wrote it. Port 0 lets the system choose.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

/// Why a text is no address. Each variant is the operator's mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AddressError {
    PortMissing,
    PortInvalid,
    HostMissing,
    HostInvalid,
    BracketsMissing,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::PortMissing)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or(AddressError::PortMissing)?;
                inner
                    .parse::<std::net::Ipv6Addr>()
                    .map_err(|_| AddressError::HostInvalid)?;
                inner
            }
            None if host.contains(':') => return Err(AddressError::BracketsMissing),
            None => host,
        };
        if host.is_empty() {
            return Err(AddressError::HostMissing);
        }
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if !host.bytes().all(is_host) {
            return Err(AddressError::HostInvalid);
        }
        // `parse` alone would take "+5222".
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressError::PortInvalid);
        }
        let port = port.parse().map_err(|_| AddressError::PortInvalid)?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn with_port(&self, port: u16) -> Self {
        let host = self.host.clone();
        Self { host, port }
    }

    /// The address without a look into the resolver, if it is written in numbers.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PortMissing => "has no port",
            Self::PortInvalid => "has a port that is not a number from 0 to 65535",
            Self::HostMissing => "has no host",
            Self::HostInvalid => "has a host that is neither a name nor an IP address",
            Self::BracketsMissing => "has an IPv6 address without brackets",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_as_it_was_written() {
        for text in [
            "127.0.0.1:5222",
            "[::]:5222",
            "localhost:0",
            "[2001:db8::1]:443",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        let cases = [
            ("localhost", AddressError::PortMissing),
            ("[::1]", AddressError::PortMissing),
            ("5222", AddressError::PortMissing),
            ("::1:5222", AddressError::BracketsMissing),
            (":5222", AddressError::HostMissing),
            ("a:65536", AddressError::PortInvalid),
            ("a:+1", AddressError::PortInvalid),
            ("a:", AddressError::PortInvalid),
            ("a b:1", AddressError::HostInvalid),
            ("[x]:1", AddressError::HostInvalid),
        ];
        for (text, error) in cases {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }
}
