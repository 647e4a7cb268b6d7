//! `meerkat dev --trace`: every element that goes by, a line each, without what is secret.
//!
//! `#3 alice@localhost/phone > <message ..>`: the connection, who it is once that is known, and where it goes. `>` is
//! from the client, `<` to it. Passwords, tokens and the exchanges of logins are left out, whatever they are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use crate::cli::output;
use crate::core::session::LinkId;
use crate::net::tap::Direction;
use crate::net::tap::Tap;
use crate::stanza::ns;
use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::Node;

/// What stands for something secret.
const HIDDEN: &str = "***";

/// Attributes that hold something secret, whatever they stand at.
const SECRET_ATTRIBUTES: [&str; 2] = ["token", "password"];

pub(super) struct Trace {
    streams: RefCell<BTreeMap<(LinkId, Direction), Framer>>,
    names: RefCell<BTreeMap<LinkId, String>>,
    has_colours: bool,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self {
            streams: RefCell::default(),
            names: RefCell::default(),
            has_colours: std::io::stderr().is_terminal(),
        }
    }

    fn tell(&self, link: LinkId, direction: Direction, text: &str) {
        let names = self.names.borrow();
        let name = names.get(&link).map_or("", String::as_str);
        let (sign, colour) = match direction {
            Direction::FromClient => ('>', "\x1b[32m"),
            Direction::ToClient => ('<', "\x1b[36m"),
        };
        let number = link.0;
        if self.has_colours {
            output::warn(format_args!(
                "\x1b[2m#{number} {name}\x1b[0m {colour}{sign} {text}\x1b[0m"
            ));
        } else {
            output::warn(format_args!("#{number} {name} {sign} {text}"));
        }
    }

    /// RFC 6120 section 7.7.2, XEP-0388 section 2.6.2: the server says who it is.
    fn learn(&self, link: LinkId, root: Node<'_>) {
        let bound = root
            .child("bind", ns::BIND)
            .and_then(|bind| bind.child_text("jid", ns::BIND));
        let named = root.child_text("authorization-identifier", ns::SASL2);
        if let Some(name) = bound.or(named) {
            self.names.borrow_mut().insert(link, name.into_owned());
        }
    }
}

impl Tap for Trace {
    fn see(&self, link: LinkId, direction: Direction, bytes: &[u8]) {
        let mut streams = self.streams.borrow_mut();
        let framer = streams
            .entry((link, direction))
            .or_insert_with(|| Framer::new(FramerLimits::CLIENT));
        let mut rest = bytes;
        loop {
            match framer.next(&mut rest) {
                Ok(Some(Frame::Open(header))) => {
                    self.tell(link, direction, &masked(header.root()));
                }
                Ok(Some(Frame::Element(element))) => {
                    let root = element.root();
                    if direction == Direction::ToClient {
                        self.learn(link, root);
                    }
                    self.tell(link, direction, &masked(root));
                    let is_restart = matches!(
                        (root.name(), root.ns()),
                        ("success", ns::SASL) | ("proceed", ns::TLS)
                    );
                    if is_restart {
                        streams.remove(&(link, Direction::FromClient));
                        streams.remove(&(link, Direction::ToClient));
                        return;
                    }
                }
                Ok(Some(Frame::Close)) => self.tell(link, direction, "</stream:stream>"),
                Ok(None) => return,
                Err(_) => {
                    self.tell(link, direction, "(what is no XML)");
                    streams.remove(&(link, direction));
                    return;
                }
            }
        }
    }

    fn end(&self, link: LinkId) {
        self.tell(link, Direction::FromClient, "(the connection is closed)");
        self.names.borrow_mut().remove(&link);
        let mut streams = self.streams.borrow_mut();
        streams.retain(|(one, _), _| *one != link);
    }
}

/// The element as text, without what is secret in it.
fn masked(root: Node<'_>) -> String {
    let mut text = String::from_utf8_lossy(&root.outer()).into_owned();
    mask_children(root, false, &mut text);
    for name in SECRET_ATTRIBUTES {
        for quote in ['\'', '"'] {
            text = mask(&text, &format!(" {name}={quote}"), |letter| letter == quote);
        }
    }
    // The word of an invitation in an address.
    for mark in ["preauth=", "/invite/"] {
        text = mask(&text, mark, |letter| !letter.is_ascii_alphanumeric());
    }
    text
}

/// A text stands where there is nothing but text: as it is written, it is found again.
fn mask_children(node: Node<'_>, is_within: bool, text: &mut String) {
    let is_hidden = is_within || is_secret(node);
    let mut children = node.children().peekable();
    if is_hidden && children.peek().is_none() {
        let inner = String::from_utf8_lossy(&node.inner()).into_owned();
        if !inner.is_empty() {
            *text = text.replace(&format!(">{inner}</"), &format!(">{HIDDEN}</"));
        }
    }
    for child in children {
        mask_children(child, is_hidden, text);
    }
}

/// What is said in a login, passwords, and what forms ask for in private.
fn is_secret(node: Node<'_>) -> bool {
    let is_login = match node.ns() {
        ns::SASL => matches!(node.name(), "auth" | "challenge" | "response" | "success"),
        ns::SASL2 => matches!(
            node.name(),
            "initial-response" | "challenge" | "response" | "additional-data"
        ),
        _ => false,
    };
    let is_private_field = node.is("field", ns::DATA)
        && (node.attr("type").as_deref() == Some("text-private")
            || node
                .attr("var")
                .is_some_and(|var| var.contains("password") || var.contains("secret")));
    is_login || is_private_field || node.is("password", ns::REGISTER)
}

/// What follows each `mark`, up to where it is over.
fn mask(text: &str, mark: &str, is_over: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(mark) {
        let end = behind.find(&is_over).unwrap_or(behind.len());
        out.push_str(before);
        out.push_str(mark);
        out.push_str(HIDDEN);
        rest = behind.split_at_checked(end).map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    fn shown(xml: &str) -> String {
        masked(Element::parse(xml.as_bytes()).unwrap().root())
    }

    #[test]
    fn what_is_secret_is_never_shown() {
        let cases = [
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>s3cret</auth>",
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>s3cret</response>",
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>s3cret</initial-response></authenticate>",
            "<success xmlns='urn:xmpp:sasl:2'><additional-data>s3cret</additional-data>\
             <token xmlns='urn:xmpp:fast:0' expiry='1' token=\"s3cret\"/></success>",
            "<iq type='set'><query xmlns='jabber:iq:register'><username>a</username><password>s3cret&amp;</password></query></iq>",
            "<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='s3cret'/></iq>",
            "<iq><x xmlns='jabber:x:data'><field var='password-verify'><value>s3cret</value></field>\
             <field type='text-private' var='x'><value>s3cret</value></field></x></iq>",
            "<iq><services xmlns='urn:xmpp:extdisco:2'><service username='u' password='s3cret'/></services></iq>",
            "<iq><x xmlns='jabber:x:data'><field var='uri'><value>xmpp:h?register;preauth=s3cret</value></field></x></iq>",
        ];
        for xml in cases {
            let text = shown(xml);
            assert!(!text.contains("s3cret"), "{text}");
            assert!(text.contains(HIDDEN), "{text}");
        }
    }

    #[test]
    fn everything_else_is_shown_as_it_is() {
        let xml = "<message xmlns='jabber:client' to='a@h'><body>a &lt; b</body></message>";
        assert_eq!(shown(xml), xml);
    }
}
