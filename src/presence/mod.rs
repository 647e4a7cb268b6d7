//! Presence: resources, broadcast, probes, directed presence (RFC 6121).
