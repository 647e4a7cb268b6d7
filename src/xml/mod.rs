//! Bytes in, elements out: a strict, bounded subset of XML; no names of XMPP.
