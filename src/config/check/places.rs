//! Settings that say where something is.

use crate::config::check::Check;
use crate::net::address::Address;

impl Check<'_> {
    pub(super) fn addresses(&mut self, name: &'static str) -> Vec<Address> {
        let mut addresses = Vec::new();
        for text in self.texts(name) {
            match Address::parse(&text) {
                Ok(address) => addresses.push(address),
                Err(error) => {
                    let remedy = "write HOST:PORT, for example \"127.0.0.1:5222\" or \"[::]:5222\"";
                    self.malformed(name, &text, &error.to_string(), remedy);
                }
            }
        }
        addresses
    }

    /// One label: no name below it is told of.
    pub(super) fn mdns_name(&mut self) -> Option<String> {
        const NAME: &str = "mdns.name";
        let name = self.host(NAME)?;
        if name.contains('.') {
            let remedy = "write the part before .local only";
            self.malformed(NAME, &name, "has a dot", remedy);
        }
        Some(name)
    }

    /// A host as clients find it, with or without a port (XEP-0198 section 3).
    pub(super) fn location(&mut self) -> Option<String> {
        const NAME: &str = "c2s.location";
        let text = self.text(NAME)?;
        let is_host = Address::parse(&format!("{text}:1")).is_ok();
        let is_place = Address::parse(&text).is_ok_and(|place| place.port() != 0);
        if !is_host && !is_place {
            let remedy = "write HOST or HOST:PORT, for example \"a.chat.example.org\"";
            self.malformed(NAME, &text, "is no address of a server", remedy);
        }
        Some(text)
    }
}
