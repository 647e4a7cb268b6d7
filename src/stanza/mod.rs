//! The vocabulary of XMPP, typed; no behaviour.
