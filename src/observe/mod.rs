//! One vocabulary for log lines and counters.
