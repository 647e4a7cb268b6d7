//! Who gets a stanza: the delivery rules of RFC 6121 section 8.
