//! Values that every layer shares: addresses, identifiers, time, limits, secrets.

pub(crate) mod limits;
