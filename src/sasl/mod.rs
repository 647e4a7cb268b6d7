//! SASL mechanisms as pure exchanges.
