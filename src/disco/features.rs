//! What the server can do, in one table: namespace, specification, and whom one asks about it.
//!
//! A line here is a promise: it stands only for what works. `src/manual/xeps.md` is made from it.

use crate::stanza::ns;

/// One feature that is announced.
pub(crate) struct Feature {
    pub(crate) namespace: &'static str,
    /// Number of the XEP; 0 for RFC 6121.
    pub(crate) xep: u16,
    pub(crate) version: &'static str,
    pub(crate) on: On,
}

/// Whose disco#info shows the feature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum On {
    Server,
    /// A user's bare address (XEP-0030 section 8).
    Account,
    Both,
    /// The server, while accounts can be made by anybody.
    Registration,
    /// Rooms, which announce it themselves (XEP-0045 section 6.4).
    Rooms,
}

const fn feature(namespace: &'static str, xep: u16, version: &'static str, on: On) -> Feature {
    Feature {
        namespace,
        xep,
        version,
        on,
    }
}

/// All of them, in the order of their namespaces (XEP-0115 section 5.1 sorts them so).
pub(crate) const FEATURES: &[Feature] = &[
    feature(ns::CAPS, 115, "1.6.0", On::Server),
    feature(ns::COMMANDS, 50, "1.3.0", On::Both),
    feature(ns::DISCO_INFO, 30, "2.5", On::Both),
    feature(ns::DISCO_ITEMS, 30, "2.5", On::Both),
    feature(ns::MUC, 45, "1.35.5", On::Rooms),
    feature(ns::MUC_SELF_PING, 410, "1.1.0", On::Rooms),
    feature(ns::LAST, 12, "2.0", On::Both),
    feature(ns::PRIVATE, 49, "1.2", On::Both),
    feature(ns::REGISTER, 77, "2.4", On::Registration),
    feature(ns::ROSTER, 0, "", On::Both),
    feature(ns::VERSION, 92, "1.1", On::Server),
    feature(MSG_OFFLINE, 160, "1.0.1", On::Server),
    feature(ns::BLOCKING, 191, "1.3", On::Both),
    feature(ns::CARBONS, 280, "1.0.1", On::Both),
    feature(CARBONS_RULES, 280, "1.0.1", On::Both),
    feature(ns::MAM, 313, "1.1.3", On::Account),
    feature(ns::MAM_EXTENDED, 313, "1.1.3", On::Account),
    feature(ns::OCCUPANT_ID, 421, "1.0.1", On::Rooms),
    feature(ns::PING, 199, "2.0.1", On::Both),
    feature(ns::SID, 359, "0.7.0", On::Account),
    feature(ns::TIME, 202, "2.0", On::Server),
    feature(ns::VCARD, 54, "1.2", On::Both),
];

/// XEP-0160 section 3.
const MSG_OFFLINE: &str = "msgoffline";

/// XEP-0280 section 6.1.
const CARBONS_RULES: &str = "urn:xmpp:carbons:rules:0";

/// The namespaces that `place` announces, sorted as XEP-0115 wants them.
pub(crate) fn of(place: On, registration: bool) -> impl Iterator<Item = &'static str> {
    FEATURES
        .iter()
        .filter(move |feature| match feature.on {
            On::Both => true,
            On::Registration => registration && place == On::Server,
            on => on == place,
        })
        .map(|feature| feature.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_stand_in_the_order_of_their_octets() {
        let names: Vec<&str> = FEATURES.iter().map(|feature| feature.namespace).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
    }

    #[test]
    fn registration_is_announced_where_it_is_open() {
        assert!(of(On::Server, true).any(|name| name == ns::REGISTER));
        assert!(!of(On::Server, false).any(|name| name == ns::REGISTER));
    }
}
