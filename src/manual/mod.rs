//! Pages for people, rendered by `cargo doc --document-private-items`; nothing of them is in the
//! binary.

#[cfg(doc)]
#[doc = include_str!("life_of_a_stanza.md")]
pub(crate) mod life_of_a_stanza {}

#[cfg(doc)]
#[doc = include_str!("log_and_recovery.md")]
pub(crate) mod log_and_recovery {}

#[cfg(doc)]
#[doc = include_str!("limits.md")]
pub(crate) mod limits {}

#[cfg(doc)]
#[doc = include_str!("moving.md")]
pub(crate) mod moving {}

#[cfg(doc)]
#[doc = include_str!("dev.md")]
pub(crate) mod dev {}

#[cfg(doc)]
#[doc = include_str!("phones.md")]
pub(crate) mod phones {}

#[cfg(doc)]
#[doc = include_str!("files.md")]
pub(crate) mod files {}

#[cfg(doc)]
#[doc = include_str!("pair.md")]
pub(crate) mod pair {}

#[cfg(doc)]
#[doc = include_str!("mirror.md")]
pub(crate) mod mirror {}

#[cfg(doc)]
#[doc = include_str!("simulator.md")]
pub(crate) mod simulator {}

/// Decisions: context, options, choice, cost.
#[cfg(doc)]
pub(crate) mod decisions {
    #[doc = include_str!("decisions/0001-one-order.md")]
    pub(crate) mod one_order {}

    #[doc = include_str!("decisions/0002-rows.md")]
    pub(crate) mod rows {}

    #[doc = include_str!("decisions/0003-own-xml-parser.md")]
    pub(crate) mod own_xml_parser {}

    #[doc = include_str!("decisions/0004-subscriptions.md")]
    pub(crate) mod subscriptions {}

    #[doc = include_str!("decisions/0005-affiliations.md")]
    pub(crate) mod affiliations {}

    #[doc = include_str!("decisions/0006-pairing.md")]
    pub(crate) mod pairing {}

    #[doc = include_str!("decisions/0007-shadows.md")]
    pub(crate) mod shadows {}

    #[doc = include_str!("decisions/0008-aliases.md")]
    pub(crate) mod aliases {}

    #[doc = include_str!("decisions/0009-ranges.md")]
    pub(crate) mod ranges {}

    #[doc = include_str!("decisions/0014-lost-streams.md")]
    pub(crate) mod lost_streams {}

    #[doc = include_str!("decisions/0013-two-of-one-name.md")]
    pub(crate) mod two_of_one_name {}

    #[doc = include_str!("decisions/0016-rooms.md")]
    pub(crate) mod rooms {}

    #[doc = include_str!("decisions/0018-search.md")]
    pub(crate) mod search {}

    #[doc = include_str!("decisions/0017-fields.md")]
    pub(crate) mod fields {}

    #[doc = include_str!("decisions/0019-members-and-hats.md")]
    pub(crate) mod members_and_hats {}

    #[doc = include_str!("decisions/0020-what-a-device-passes-by.md")]
    pub(crate) mod what_a_device_passes_by {}

    #[doc = include_str!("decisions/0010-nodes.md")]
    pub(crate) mod nodes {}

    #[doc = include_str!("decisions/0012-files.md")]
    pub(crate) mod files {}

    #[doc = include_str!("decisions/0024-administration.md")]
    pub(crate) mod administration {}
}
