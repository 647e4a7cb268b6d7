//! Rosters and subscriptions (RFC 6121).
