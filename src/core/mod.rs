//! The deterministic heart: evaluate, number, deliver.
