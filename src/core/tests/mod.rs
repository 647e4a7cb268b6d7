//! Scenarios of the core with virtual time.
