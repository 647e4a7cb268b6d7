//! What an element says: names, attributes, text, and that a piece cut out means the same.

use super::HEADER;
use super::read_stream;
use crate::xml::Element;
use crate::xml::FramerLimits;
use crate::xml::Node;
use crate::xml::XmlError;

fn parse(text: &str) -> Element {
    Element::parse(text.as_bytes()).unwrap()
}

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn attributes_and_text_are_decoded() {
    let element = parse(
        "<message to='a&amp;b' x = \"it's\t1\" xml:lang='de' xmlns:p='urn:p' p:to='c'>a<body>1 &lt; 2</body>\
         b<![CDATA[<c>]]><x xmlns='urn:x'/>\r\n</message>",
    );
    let root = element.root();

    assert!(root.is("message", "jabber:client"));
    assert_eq!(root.attr("to").as_deref(), Some("a&b"));
    assert_eq!(root.attr("x").as_deref(), Some("it's 1"));
    assert_eq!(root.attr("lang"), None);
    assert_eq!(root.attr("xmlns"), None);
    assert_eq!(root.lang().as_deref(), Some("de"));
    assert_eq!(root.attr_in("urn:p", "to").as_deref(), Some("c"));
    assert_eq!(root.attr_in("urn:q", "to"), None);
    assert_eq!(root.text(), "ab<c>\n");
    assert_eq!(
        root.child_text("body", "jabber:client").as_deref(),
        Some("1 < 2")
    );
    let names: Vec<_> = root
        .children()
        .map(|child| (child.name(), child.ns()))
        .collect();
    assert_eq!(names, [("body", "jabber:client"), ("x", "urn:x")]);
    let attributes: Vec<_> = root
        .attributes()
        .map(|a| format!("{}:{}={}", a.prefix, a.name, a.value))
        .collect();
    assert_eq!(
        attributes,
        [":to=a&b", ":x=it's 1", "xml:lang=de", "p:to=c"]
    );
}

#[test]
fn children_are_those_one_step_below() {
    let element = parse("<a><b><c/><d>x</d></b><e/>y<f></f></a>");
    let root = element.root();
    let names = |node: Node<'_>| {
        node.children()
            .map(|c| c.name().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(names(root), ["b", "e", "f"]);
    let b = root.child("b", "jabber:client").unwrap();
    assert_eq!(names(b), ["c", "d"]);
    assert_eq!(as_text(&b.inner()), "<c/><d>x</d>");
    assert_eq!(as_text(&b.outer()), "<b><c/><d>x</d></b>");
    assert_eq!(names(root.child("e", "jabber:client").unwrap()), [""; 0]);
}

#[test]
fn a_namespace_name_is_decoded_before_it_is_compared() {
    let text = "<a xmlns='urn:&#120;'><b/><c xmlns='jabber&#58;client'/><d xmlns=''/></a>";
    let element = parse(text);
    let root = element.root();

    assert!(root.is("a", "urn:x"));
    assert!(root.has_child("b", "urn:x"));
    assert!(root.has_child("c", "jabber:client"));
    assert!(root.has_child("d", ""));
    assert_eq!(element.as_str(), text);
}

/// Parses `cut` below another element of `jabber:client` and compares names and namespaces.
#[track_caller]
fn assert_same_meaning(cut: &[u8], node: Node<'_>) {
    let placed = parse(&format!("<x>{}</x>", as_text(cut)));
    let placed = placed.root().children().next().unwrap();
    assert_same_tree(placed, node);
}

#[track_caller]
fn assert_same_tree(one: Node<'_>, other: Node<'_>) {
    assert_eq!(
        (one.name(), one.ns(), one.text()),
        (other.name(), other.ns(), other.text())
    );
    for attribute in other
        .attributes()
        .filter(|attribute| attribute.prefix.is_empty())
    {
        assert_eq!(one.attr(attribute.name), Some(attribute.value));
    }
    assert_eq!(one.children().count(), other.children().count());
    for (one, other) in one.children().zip(other.children()) {
        assert_same_tree(one, other);
    }
}

#[test]
fn what_is_cut_out_means_the_same_elsewhere() {
    let element = parse(
        "<iq xmlns:q='urn:q'><query xmlns='urn:r' q:a='1'><item><q:b c='2'/></item>t<q:d><e/></q:d></query>\
         <body/></iq>",
    );
    let query = element.root().child("query", "urn:r").unwrap();
    for node in query.children().chain([query, element.root()]) {
        assert_same_meaning(&node.outer(), node);
    }
    let inner = parse(&format!("<x>{}</x>", as_text(&query.inner())));
    for (one, other) in inner.root().children().zip(query.children()) {
        assert_same_tree(one, other);
    }
    assert_eq!(inner.root().text(), "t");
}

#[test]
fn what_is_independent_keeps_its_bytes() {
    for text in [
        "<a><b  c = 'd' /><e xmlns='urn:e'><f/></e></a>",
        "<a xml:lang='de'><b xml:lang='en'/></a>",
        "<a><p:b xmlns:p='urn:p'><p:c/></p:b></a>",
        "<p:a xmlns:p='urn:p'><b/></p:a>",
        "<a xmlns='urn:a'><b/></a>",
    ] {
        let element = parse(text);
        assert_eq!(as_text(element.bytes()), text);
        assert_eq!(as_text(&element.root().outer()), text);
    }
}

#[test]
fn declarations_of_the_root_move_to_its_children() {
    let element = parse("<a xmlns:p='urn:p'>x<p:b><c p:d='1'/></p:b><e/></a>");

    assert_eq!(
        as_text(&element.root().inner()),
        "x<p:b xmlns:p='urn:p'><c p:d='1'/></p:b><e/>"
    );
    assert!(element.root().has_child("b", "urn:p"));
}

#[test]
fn elements_that_lean_on_the_stream_get_its_declarations() {
    let header = "<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' xmlns:q='u&amp;v'>";
    let (frames, end) = read_stream(
        &[
            header.as_bytes(),
            b"<s:error><x/></s:error><q:a b='1'/><message><body/></message>",
        ],
        FramerLimits::STRANGER,
    );

    assert_eq!(end, Ok(()));
    assert_eq!(
        frames[1..],
        [
            "<s:error xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams'>\
             <x xmlns='jabber:server'/></s:error>",
            "<q:a xmlns:q='u&amp;v' b='1'/>",
            "<message xmlns='jabber:server'><body xmlns='jabber:server'/></message>"
        ]
    );
}

#[test]
fn added_declarations_do_not_break_the_limit() {
    let namespace = "n".repeat(1_000);
    let header = HEADER.replace("version", &format!("xmlns:p='{namespace}' version"));
    let body = format!("<a>{}</a>", "<p:b/>".repeat(100));
    let (_, end) = read_stream(
        &[header.as_bytes(), body.as_bytes()],
        FramerLimits::STRANGER,
    );

    assert_eq!(end, Err(XmlError::TooLarge { bytes_max: 10_000 }));
}

#[test]
fn a_whole_element_stands_alone() {
    assert_eq!(parse(" <a/>\n").as_str(), "<a/>");
    for text in [
        "",
        " ",
        "a",
        "<a>",
        "<a/><b/>",
        "<a/>b",
        "<?xml version='1.0'?><a/>",
        "</a>",
        "<",
    ] {
        assert!(Element::parse(text.as_bytes()).is_err(), "{text}");
    }
}
