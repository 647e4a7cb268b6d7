//! Archives: what is kept, queries (XEP-0313), offline messages (XEP-0160).
