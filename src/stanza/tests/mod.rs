//! Tests of the vocabulary, too long to stand beside it.

mod envelope;
mod errors;
mod payloads;

use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::xml::Element;

fn element(text: &str) -> Element {
    Element::parse(text.as_bytes()).unwrap()
}

fn parse(text: &str) -> Result<Stanza, StanzaError> {
    Stanza::parse(element(text))
}

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
