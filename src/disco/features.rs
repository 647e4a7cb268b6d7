//! What the server can do, in one table: namespace, and whom one asks about it.
//!
//! A line here is a promise: it stands only for what works.

use crate::effect::settings::Settings;
use crate::stanza::ns;

/// One feature that is announced.
pub(crate) struct Feature {
    pub(crate) namespace: &'static str,
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
    /// The server, while users may search for each other.
    Search,
    /// The server, where there are services outside of XMPP to be told of.
    Services,
    /// The server, where presence is told without what the reader knows.
    Caps,
    /// Rooms, which announce it themselves (XEP-0045 section 6.4).
    Rooms,
    /// Whoever has nodes (XEP-0060 section 10): accounts, and the service for publish-subscribe.
    ///
    /// COMPAT(Smack 4.4): asks the server whether its accounts have, as before XEP-0163 version 1.2.
    Nodes,
    /// The service, where an address may subscribe several times.
    ManySubscriptions,
}

const fn feature(namespace: &'static str, on: On) -> Feature {
    Feature { namespace, on }
}

/// A feature of publish-subscribe (XEP-0060 section 10).
macro_rules! nodes {
    ($name:literal) => {
        concat!("http://jabber.org/protocol/pubsub#", $name)
    };
}

/// All of them, in the order of their namespaces (XEP-0115 section 5.1 sorts them so).
pub(crate) const FEATURES: &[Feature] = &[
    feature(ns::CAPS, On::Server),
    feature(ns::CAPS_OPTIMIZE, On::Caps),
    feature(ns::COMMANDS, On::Both),
    feature(ns::DISCO_INFO, On::Both),
    feature(ns::DISCO_ITEMS, On::Both),
    feature(ns::MUC, On::Rooms),
    feature(ns::MUC_SELF_PING, On::Rooms),
    feature(ns::PUBSUB, On::Nodes),
    feature(nodes!("access-authorize"), On::Nodes),
    feature(nodes!("access-open"), On::Nodes),
    feature(nodes!("access-presence"), On::Nodes),
    feature(nodes!("access-roster"), On::Nodes),
    feature(nodes!("access-whitelist"), On::Nodes),
    feature(nodes!("auto-create"), On::Account),
    feature(nodes!("auto-subscribe"), On::Account),
    feature(nodes!("config-node"), On::Nodes),
    feature(nodes!("config-node-max"), On::Nodes),
    feature(nodes!("create-and-configure"), On::Nodes),
    feature(nodes!("create-nodes"), On::Nodes),
    feature(nodes!("delete-items"), On::Nodes),
    feature(nodes!("delete-nodes"), On::Nodes),
    feature(nodes!("filtered-notifications"), On::Account),
    feature(nodes!("get-pending"), On::Nodes),
    feature(nodes!("instant-nodes"), On::Nodes),
    feature(nodes!("item-ids"), On::Nodes),
    feature(nodes!("last-published"), On::Nodes),
    feature(nodes!("leased-subscription"), On::Nodes),
    feature(nodes!("manage-subscriptions"), On::Nodes),
    feature(nodes!("member-affiliation"), On::Nodes),
    feature(nodes!("meta-data"), On::Nodes),
    feature(nodes!("modify-affiliations"), On::Nodes),
    feature(nodes!("multi-items"), On::Nodes),
    feature(nodes!("multi-subscribe"), On::ManySubscriptions),
    feature(nodes!("outcast-affiliation"), On::Nodes),
    feature(nodes!("persistent-items"), On::Nodes),
    feature(nodes!("presence-notifications"), On::Account),
    feature(nodes!("presence-subscribe"), On::Account),
    feature(nodes!("publish"), On::Nodes),
    feature(nodes!("publish-only-affiliation"), On::Nodes),
    feature(nodes!("publish-options"), On::Nodes),
    feature(nodes!("publisher-affiliation"), On::Nodes),
    feature(nodes!("purge-nodes"), On::Nodes),
    feature(nodes!("retract-items"), On::Nodes),
    feature(nodes!("retrieve-affiliations"), On::Nodes),
    feature(nodes!("retrieve-default"), On::Nodes),
    feature(nodes!("retrieve-default-sub"), On::Nodes),
    feature(nodes!("retrieve-items"), On::Nodes),
    feature(nodes!("retrieve-subscriptions"), On::Nodes),
    feature(nodes!("rsm"), On::Nodes),
    feature(nodes!("subscribe"), On::Nodes),
    feature(nodes!("subscription-notifications"), On::Nodes),
    feature(nodes!("subscription-options"), On::Nodes),
    feature(ns::LAST, On::Both),
    feature(ns::PRIVATE, On::Both),
    feature(ns::REGISTER, On::Registration),
    feature(ns::ROSTER, On::Both),
    feature(ns::SEARCH, On::Search),
    feature(ns::VERSION, On::Server),
    feature(MSG_OFFLINE, On::Server),
    feature(ns::BLOCKING, On::Both),
    feature("urn:xmpp:bookmarks:1#compat", On::Account),
    feature("urn:xmpp:bookmarks:1#compat-pep", On::Account),
    feature(ns::CARBONS, On::Both),
    feature(CARBONS_RULES, On::Both),
    feature(ns::EXTERNAL_SERVICES, On::Services),
    feature(ns::FULLTEXT, On::Account),
    feature(ns::MAM, On::Account),
    feature(ns::MAM_EXTENDED, On::Account),
    feature(ns::RETRACT, On::Account),
    feature(ns::TOMBSTONE, On::Account),
    feature(ns::OCCUPANT_ID, On::Rooms),
    feature("urn:xmpp:pep-vcard-conversion:0", On::Account),
    feature(ns::PING, On::Both),
    feature(ns::PUSH, On::Account),
    feature(ns::REPORTING, On::Both),
    feature(ns::SID, On::Account),
    feature(ns::TIME, On::Server),
    feature(ns::VCARD, On::Both),
];

/// XEP-0160 section 3.
const MSG_OFFLINE: &str = "msgoffline";

/// XEP-0280 section 6.1.
const CARBONS_RULES: &str = "urn:xmpp:carbons:rules:0";

/// The namespaces that `place` announces, sorted as XEP-0115 wants them.
pub(crate) fn of(place: On, settings: &Settings) -> impl Iterator<Item = &'static str> {
    FEATURES
        .iter()
        .filter(move |feature| match feature.on {
            On::Both => place != On::Nodes,
            On::Nodes => matches!(place, On::Account | On::Nodes | On::Server),
            On::Registration => settings.registration && place == On::Server,
            On::Caps => settings.caps_optimization && place == On::Server,
            On::Search => settings.finds_people && place == On::Server,
            On::ManySubscriptions => settings.multi_subscribe && place == On::Nodes,
            On::Services => !settings.services.list.is_empty() && place == On::Server,
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
    fn lean_presence_is_announced_by_the_server_where_it_is_on() {
        for (is_on, place, is_told) in [
            (true, On::Server, true),
            (true, On::Account, false),
            (false, On::Server, false),
        ] {
            let settings = Settings {
                caps_optimization: is_on,
                ..Settings::default()
            };
            let told = of(place, &settings).any(|feature| feature == ns::CAPS_OPTIMIZE);
            assert_eq!(told, is_told);
        }
    }

    #[test]
    fn registration_is_announced_where_it_is_open() {
        let mut settings = Settings::default();
        assert!(!of(On::Server, &settings).any(|name| name == ns::REGISTER));
        settings.registration = true;
        assert!(of(On::Server, &settings).any(|name| name == ns::REGISTER));
    }
}
