//! The parser against another one (the crate rxml): both accept or both refuse, and the trees are equal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arbitrary::Unstructured;
use rxml::Parse as _;

use crate::base::random::for_seeds;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::extract;

/// What random documents are made of: pieces that make sense together, and what breaks them.
const PIECES: &[&str] = &[
    "<a",
    "<b",
    "<p:c",
    "<q:d",
    "</a>",
    "</b>",
    "</p:c>",
    "</q:d>",
    ">",
    "/>",
    " ",
    "\n",
    "\t",
    "\r\n",
    "\r",
    " e='1'",
    " f=\"2\"",
    " p:e='3'",
    " q:e='4'",
    " xml:lang='de'",
    " xmlns='urn:a'",
    " xmlns=''",
    " xmlns:p='urn:p'",
    " xmlns:q='urn:q'",
    " xmlns:q='urn:p'",
    " xmlns:p=''",
    " xmlns='jabber:client'",
    " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
    " g='&lt;&#10;\t\n'",
    " h='<'",
    " i=''",
    "j",
    "=",
    "'",
    "\"",
    "x",
    "text",
    "]]>",
    "]]",
    "]",
    "<![CDATA[",
    "&amp;",
    "&#65;",
    "&#x1F98A;",
    "&#0;",
    "&nbsp;",
    "&",
    ";",
    "<!-- -->",
    "<?k?>",
    "<!DOCTYPE l>",
    "\u{e4}",
    "\u{1f98a}",
    "\u{d7}",
    "\u{fffe}",
    "\u{1}",
    "\u{7f}",
    "-",
    "1",
    ":",
    "/",
    "<",
    "</",
    "\u{b7}",
    "&quot;",
    "&apos;",
    "&gt;",
    "xmlns",
    " xmlns:xmlns='m'",
    " n='http://www.w3.org/2000/xmlns/'",
    " xmlns:o='http://www.w3.org/2000/xmlns/'",
];

/// Documents of each test.
const SEEDS: u64 = 16_000;

#[test]
fn random_pieces_are_judged_alike() {
    for_seeds(SEEDS, |u| {
        let mut text = String::new();
        for _ in 0..u.int_in_range(1..=12)? {
            text.push_str(u.choose(PIECES)?);
        }
        assert_same_verdict(text.as_bytes());
        Ok(())
    });
}

#[test]
fn well_formed_documents_give_equal_trees() {
    for_seeds(SEEDS, |u| {
        let mut text = String::new();
        write_element(u, &mut text, 0)?;
        assert!(assert_same_verdict(text.as_bytes()), "{text}");
        Ok(())
    });
}

#[test]
fn damaged_documents_are_judged_alike() {
    for_seeds(SEEDS, |u| {
        let mut text = String::new();
        write_element(u, &mut text, 0)?;
        let mut bytes = text.into_bytes();
        for _ in 0..u.int_in_range(1..=2)? {
            let at = u.choose_index(bytes.len())?;
            match u.int_in_range(0..=3)? {
                0 => drop(bytes.remove(at)),
                1 => bytes[at] = *u.choose(b"<>&'\" =/:;#!-]x\x00\xff\xc3")?,
                2 => bytes.insert(at, *u.choose(b"<>&'\" =/:;#!-]x1\x1f\x80")?),
                _ => bytes[at] = u.arbitrary()?,
            }
            if bytes.is_empty() {
                bytes.push(b'<');
            }
        }
        assert_same_verdict(&bytes);
        Ok(())
    });
}

#[test]
fn hostile_documents_are_refused_by_both() {
    let text = include_str!("../../../tests/data/hostile.txt");
    let mut count = 0;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let document = line
            .replace("\\0", "\0")
            .replace("\\1", "\u{1}")
            .replace("\\e", "\u{fffe}");
        assert!(
            !assert_same_verdict(document.as_bytes()),
            "accepted: {line}"
        );
        count += 1;
    }
    assert!(count > 60, "the list was not read: {count}");
}

/// Whether both accept it; fails if they do not agree.
#[track_caller]
fn assert_same_verdict(inside: &[u8]) -> bool {
    let document = [b"<x xmlns='jabber:client'>", inside, b"</x>"].concat();
    let ours = Element::parse(&document).map(|element| {
        let mut text = String::new();
        describe(element.root(), &mut text);
        text
    });
    let theirs = describe_theirs(&without_lone_returns(&document));
    let shown = String::from_utf8_lossy(inside);
    match (&ours, &theirs) {
        (Ok(ours), Some(theirs)) => assert_eq!(ours, theirs, "{shown}"),
        (Err(_), None) => {}
        (Err(_), Some(_)) if is_lax_about_declarations(&shown) => {}
        _ => panic!("{shown}\nours: {ours:?}\ntheirs: {theirs:?}"),
    }
    ours.is_ok()
}

/// XML 1.0 section 2.11: a carriage return without line feed is a line feed, before anything else is looked at. rxml
/// refuses it in text, drops it in attributes and keeps it behind brackets in CDATA, so that it is given the line feed.
fn without_lone_returns(document: &[u8]) -> Vec<u8> {
    let mut out = document.to_vec();
    for at in memchr::memchr_iter(b'\r', document) {
        if document.get(at + 1) != Some(&b'\n') {
            out[at] = b'\n';
        }
    }
    out
}

/// rxml takes a declaration that is repeated in one tag, and prefixes for the name of `xmlns`, both of which
/// Namespaces in XML forbids (sections 6.3 and 3).
fn is_lax_about_declarations(text: &str) -> bool {
    let repeats = |tag: &str| {
        let words = tag
            .split_whitespace()
            .filter_map(|word| word.split('=').next());
        let mut names: Vec<&str> = words.filter(|word| word.starts_with("xmlns")).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        names.len() < count
    };
    text.contains("http://www.w3.org/2000/xmlns/") || text.split('<').any(repeats)
}

fn describe(node: Node<'_>, out: &mut String) {
    let attributes = node.attributes().map(|attribute| {
        let namespace = match attribute.prefix {
            "" => String::new(),
            prefix => extract::namespace_of_prefix(node, prefix)
                .unwrap()
                .into_owned(),
        };
        (
            (namespace, attribute.name.to_owned()),
            attribute.value.into_owned(),
        )
    });
    describe_start(out, node.ns(), node.name(), &attributes.collect());
    for child in node.children() {
        describe(child, out);
    }
    write!(out, "{:?})", node.text()).unwrap();
}

fn describe_start(
    out: &mut String,
    ns: &str,
    name: &str,
    attributes: &BTreeMap<(String, String), String>,
) {
    write!(out, "({{{ns}}}{name} {attributes:?}").unwrap();
}

fn describe_theirs(document: &[u8]) -> Option<String> {
    let mut parser = rxml::Parser::new();
    let mut input = document;
    let mut out = String::new();
    let mut texts = Vec::new();
    loop {
        match parser.parse(&mut input, true).ok()? {
            None => return Some(out),
            Some(rxml::Event::XmlDeclaration(..)) => return None,
            Some(rxml::Event::StartElement(_, (ns, name), attributes)) => {
                let attributes = attributes.iter().map(|((ns, name), value)| {
                    (
                        (ns.as_str().to_owned(), name.as_str().to_owned()),
                        value.clone(),
                    )
                });
                describe_start(&mut out, ns.as_str(), name.as_str(), &attributes.collect());
                texts.push(String::new());
            }
            Some(rxml::Event::Text(_, text)) => texts.last_mut()?.push_str(&text),
            Some(rxml::Event::EndElement(_)) => write!(out, "{:?})", texts.pop()?).unwrap(),
        }
    }
}

/// A right document: every prefix is declared where it is used, or further out.
fn write_element(
    u: &mut Unstructured<'_>,
    out: &mut String,
    depth: usize,
) -> arbitrary::Result<()> {
    let name = *u.choose(&["a", "b-1", "p:c", "\u{e4}", "_.d", "q:p"])?;
    let (space, quote) = (
        *u.choose(&[" ", "\n\t ", "\r\n"])?,
        *u.choose(&['\'', '"'])?,
    );
    write!(out, "<{name}").unwrap();
    if depth == 0 || u.ratio(1, 4)? {
        let uri = *u.choose(&["urn:p", "&#117;rn:q", "jabber:client", "u v"])?;
        write!(
            out,
            "{space}xmlns:p='{uri}' xmlns:q =\t{quote}urn:q1{quote}"
        )
        .unwrap();
    }
    if u.ratio(1, 3)? {
        let uri = *u.choose(&["", "urn:d", "jabber:client", "urn:\u{e4}&amp;"])?;
        write!(out, "{space}xmlns={quote}{uri}{quote}").unwrap();
    }
    for attribute in ["e", "xml:lang", "p:e", "q:f"] {
        if u.ratio(1, 4)? {
            let value = *u.choose(&[
                "",
                "1",
                "a\tb\r\nc\nd",
                "&lt;&#9;&#xA;&quot;",
                ">\u{1f98a}]]>",
                "x y",
            ])?;
            write!(out, "{space}{attribute}{quote}").unwrap();
            out.pop();
            write!(out, " = {quote}{value}{quote}").unwrap();
        }
    }
    if u.ratio(1, 5)? {
        out.push_str(u.choose(&["/>", " />"])?);
        return Ok(());
    }
    out.push_str(u.choose(&[">", "\n>"])?);
    for _ in 0..u.int_in_range(0..=3)? {
        if depth < 5 && u.ratio(1, 2)? {
            write_element(u, out, depth + 1)?;
        } else {
            out.push_str(u.choose(&[
                "t",
                "a\r\nb\nc",
                "&amp;lt;",
                "]] >",
                "<![CDATA[<&]]]]>",
                "<![CDATA[]]>",
                "]",
                // Behind a letter: after two brackets it would not be well-formed.
                "f>",
                "\u{d7ff}\u{fffd}",
            ])?);
        }
    }
    write!(out, "</{name}{}>", u.choose(&["", " ", "\n"])?).unwrap();
    Ok(())
}
