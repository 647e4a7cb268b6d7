//! Bytes in, elements out: a strict, bounded subset of XML, and the way back.
//!
//! A [`Framer`] cuts a stream into elements, however the bytes arrive; an [`Element`] is one piece of shared
//! text with a small index of its nodes; a [`Node`] is a place in it. Nothing is decoded before it is asked
//! for. A [`Document`] is a file that is read a piece at a time. A [`Writer`] makes new XML.
//!
//! The subset is that of RFC 6120 section 11.1: UTF-8, namespaces, the five predefined entities; no comments,
//! no processing instructions, no document type. The only names of XMPP known here are [`HOME_NAMESPACE`] and
//! the stream's own, since they stand around every element.

mod bindings;
mod chars;
mod declaration;
mod document;
mod element;
mod error;
mod escape;
mod extract;
mod framer;
pub(crate) mod fuzz;
mod node;
mod record;
mod scope;
mod small;
mod tag;
mod tree;
mod writer;

pub(crate) use document::Document;
pub(crate) use document::DocumentLimits;
pub(crate) use document::Piece;
pub(crate) use element::Element;
pub(crate) use error::XmlError;
pub(crate) use escape::append_attribute;
pub(crate) use framer::Frame;
pub(crate) use framer::Framer;
pub(crate) use framer::FramerLimits;
pub(crate) use framer::StreamHeader;
pub(crate) use node::Attribute;
pub(crate) use node::Node;
pub(crate) use writer::Writer;

/// The default namespace around every element that leaves the parser (RFC 6120 section 4.8.2).
pub(crate) const HOME_NAMESPACE: &str = "jabber:client";

/// The namespace of the prefix `xml`, which is always bound (Namespaces in XML, section 3).
pub(crate) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace of the prefix `xmlns`, which nothing else may be bound to.
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// The namespace of the stream's root element (RFC 6120 section 4.8.1).
pub(crate) const STREAM_NAMESPACE: &str = "http://etherx.jabber.org/streams";

#[cfg(test)]
mod tests;
