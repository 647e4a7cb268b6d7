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
    /// The server, where there are services outside of XMPP to be told of.
    Services,
    /// Rooms, which announce it themselves (XEP-0045 section 6.4).
    Rooms,
    /// Whoever has nodes (XEP-0060 section 10): accounts, and the service for publish-subscribe.
    ///
    /// COMPAT(Smack 4.4): asks the server whether its accounts have, as before XEP-0163 version 1.2.
    Nodes,
}

const fn feature(namespace: &'static str, on: On) -> Feature {
    Feature { namespace, on }
}

/// All of them, in the order of their namespaces (XEP-0115 section 5.1 sorts them so).
pub(crate) const FEATURES: &[Feature] = &[
    feature(ns::CAPS, On::Server),
    feature(ns::COMMANDS, On::Both),
    feature(ns::DISCO_INFO, On::Both),
    feature(ns::DISCO_ITEMS, On::Both),
    feature(ns::MUC, On::Rooms),
    feature(ns::MUC_SELF_PING, On::Rooms),
    feature(ns::PUBSUB, On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#access-authorize",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#access-open", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#access-presence",
        On::Account,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#access-roster",
        On::Account,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#access-whitelist",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#auto-create", On::Account),
    feature(
        "http://jabber.org/protocol/pubsub#auto-subscribe",
        On::Account,
    ),
    feature("http://jabber.org/protocol/pubsub#config-node", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#config-node-max",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#create-and-configure",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#create-nodes", On::Nodes),
    feature("http://jabber.org/protocol/pubsub#delete-items", On::Nodes),
    feature("http://jabber.org/protocol/pubsub#delete-nodes", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#filtered-notifications",
        On::Account,
    ),
    feature("http://jabber.org/protocol/pubsub#instant-nodes", On::Nodes),
    feature("http://jabber.org/protocol/pubsub#item-ids", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#last-published",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#leased-subscription",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#manage-subscriptions",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#member-affiliation",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#meta-data", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#modify-affiliations",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#multi-items", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#outcast-affiliation",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#persistent-items",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#presence-notifications",
        On::Account,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#presence-subscribe",
        On::Account,
    ),
    feature("http://jabber.org/protocol/pubsub#publish", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#publish-only-affiliation",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#publish-options",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#publisher-affiliation",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#purge-nodes", On::Nodes),
    feature("http://jabber.org/protocol/pubsub#retract-items", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#retrieve-affiliations",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#retrieve-default",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#retrieve-default-sub",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#retrieve-items",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#retrieve-subscriptions",
        On::Nodes,
    ),
    feature("http://jabber.org/protocol/pubsub#rsm", On::Nodes),
    feature("http://jabber.org/protocol/pubsub#subscribe", On::Nodes),
    feature(
        "http://jabber.org/protocol/pubsub#subscription-notifications",
        On::Nodes,
    ),
    feature(
        "http://jabber.org/protocol/pubsub#subscription-options",
        On::Nodes,
    ),
    feature(ns::LAST, On::Both),
    feature(ns::PRIVATE, On::Both),
    feature(ns::REGISTER, On::Registration),
    feature(ns::ROSTER, On::Both),
    feature(ns::VERSION, On::Server),
    feature(MSG_OFFLINE, On::Server),
    feature(ns::BLOCKING, On::Both),
    feature("urn:xmpp:bookmarks:1#compat", On::Account),
    feature(ns::CARBONS, On::Both),
    feature(CARBONS_RULES, On::Both),
    feature(ns::EXTERNAL_SERVICES, On::Services),
    feature(ns::MAM, On::Account),
    feature(ns::MAM_EXTENDED, On::Account),
    feature(ns::RETRACT, On::Account),
    feature(ns::TOMBSTONE, On::Account),
    feature(ns::OCCUPANT_ID, On::Rooms),
    feature("urn:xmpp:pep-vcard-conversion:0", On::Account),
    feature(ns::PING, On::Both),
    feature(ns::PUSH, On::Account),
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
    fn registration_is_announced_where_it_is_open() {
        let mut settings = Settings::default();
        assert!(!of(On::Server, &settings).any(|name| name == ns::REGISTER));
        settings.registration = true;
        assert!(of(On::Server, &settings).any(|name| name == ns::REGISTER));
    }
}
