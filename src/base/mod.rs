//! Values that every layer shares: addresses, identifiers, time, limits, secrets.
