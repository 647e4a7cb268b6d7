//! Tests of addresses, too long to stand beside them.

mod jid;
