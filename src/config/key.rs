//! What is known of one setting.

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// As in the file and after `--set`, with dots between tables.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Fallback,
    /// Whether SIGHUP is enough.
    pub(crate) reloadable: bool,
    /// What it does and what it costs, in sentences.
    pub(crate) doc: &'static str,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A host name in ASCII, lower case.
    Host,
    Path,
    /// A list of `HOST:PORT`.
    Addresses,
    /// A list of account names or addresses.
    Accounts,
    /// A list of URIs.
    Uris,
    /// Any text.
    Text,
    Flag,
    Choice(&'static [&'static str]),
    Integer {
        min: u64,
        max: u64,
        unit: &'static str,
    },
    /// A name that is kept for a part that this version does not have: it can only be off.
    Absent(&'static str),
}

/// What holds when nobody sets the key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fallback {
    /// A value, as TOML.
    Toml(&'static str),
    /// No value: what then happens, and a value as TOML to show in the example.
    Unset {
        then: &'static str,
        like: &'static str,
    },
    /// The operator has to choose; a value as TOML to show in the example.
    Required { like: &'static str },
}

pub(super) const OFF: Fallback = Fallback::Toml("[]");

pub(super) const fn integer(min: u64, max: u64, unit: &'static str) -> Kind {
    Kind::Integer { min, max, unit }
}

pub(super) const fn key(
    name: &'static str,
    kind: Kind,
    default: Fallback,
    reloadable: bool,
    doc: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        reloadable,
        doc,
    }
}

pub(super) const fn contact(name: &'static str, doc: &'static str) -> Key {
    key(name, Kind::Uris, OFF, true, doc)
}

pub(super) const fn absent(name: &'static str, what: &'static str) -> Key {
    key(name, Kind::Absent(what), OFF, false, "")
}

pub(super) const fn limit(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Key {
    key(name, kind, Fallback::Toml(default), true, doc)
}
