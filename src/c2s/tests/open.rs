//! Stream headers, good and bad, and errors that come before there is a stream.

use super::pair::*;

fn header(attributes: &str) -> String {
    format!("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' {attributes}>")
}

#[test]
fn a_header_is_answered_with_a_header_and_features() {
    let mut pair = Pair::new(settings());
    let text = pair.sends("<?xml version='1.0'?>").sends(HEADER).reads();
    assert!(
        text.starts_with("<?xml version='1.0'?><stream:stream xmlns='jabber:client' "),
        "{text}"
    );
    assert!(text.contains(" from='example.org' version='1.0' xml:lang='en'><stream:features>"));
    assert!(text.ends_with("</stream:features>"), "{text}");
}

#[test]
fn who_the_client_says_it_is_comes_back() {
    let mut pair = Pair::new(settings());
    let attributes =
        "xmlns='jabber:client' to='example.org' from='Alice@example.org/x' version='1.0'";
    let text = pair.sends(&header(attributes)).reads();
    assert!(text.contains(" to='alice@example.org' "), "{text}");
}

/// RFC 6120 section 4.7.3: an id that can be guessed helps an attacker.
#[test]
fn every_stream_has_an_id_of_its_own() {
    let mut pair = Pair::new(settings());
    let id = |text: String| {
        let (_, rest) = text.split_once(" id='").unwrap();
        rest.split_once('\'').unwrap().0.to_owned()
    };
    let first = id(pair.sends(HEADER).reads());
    pair.sends(&plain("alice", PASSWORD)).reads();
    let second = id(pair.sends(HEADER).reads());
    assert_ne!(first, second);
    assert_eq!(first.len(), 24);
}

#[test]
fn a_bad_header_is_answered_with_a_header_and_an_error() {
    for (attributes, condition) in [
        (
            "xmlns='jabber:server' to='example.org' version='1.0'",
            "invalid-namespace",
        ),
        ("to='example.org' version='1.0'", "invalid-namespace"),
        ("xmlns='jabber:client' version='1.0'", "improper-addressing"),
        (
            "xmlns='jabber:client' to='example.net' version='1.0'",
            "host-unknown",
        ),
        (
            "xmlns='jabber:client' to='a@example.org' version='1.0'",
            "host-unknown",
        ),
        ("xmlns='jabber:client' to='' version='1.0'", "host-unknown"),
        (
            "xmlns='jabber:client' to='example.org'",
            "unsupported-version",
        ),
        (
            "xmlns='jabber:client' to='example.org' version='0.9'",
            "unsupported-version",
        ),
        (
            "xmlns='jabber:client' to='example.org' version='one'",
            "unsupported-version",
        ),
        (
            "xmlns='jabber:client' to='example.org' version='1.0' from='a@example.net'",
            "invalid-from",
        ),
        (
            "xmlns='jabber:client' to='example.org' version='1.0' from='@'",
            "invalid-from",
        ),
    ] {
        let mut pair = Pair::new(settings());
        pair.sends(&header(attributes));
        assert_eq!(pair.dies(), condition, "{attributes}");
    }
}

#[test]
fn a_root_that_is_no_stream_is_refused() {
    for (root, condition) in [
        (
            "<stream xmlns='jabber:client' to='example.org' version='1.0'>",
            "invalid-namespace",
        ),
        (
            "<s:flood xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' \
             to='example.org' version='1.0'>",
            "bad-format",
        ),
        ("GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        ("<!DOCTYPE x><a/>", "restricted-xml"),
    ] {
        let mut pair = Pair::new(settings());
        let text = pair.sends(root).reads();
        assert!(
            text.starts_with("<?xml version='1.0'?><stream:stream "),
            "{root}: {text}"
        );
        assert!(
            text.contains(&format!("<stream:error><{condition} ")),
            "{root}: {text}"
        );
    }
}

#[test]
fn a_newer_version_is_served_with_ours() {
    let mut pair = Pair::new(settings());
    let text = pair.sends(&HEADER.replace("1.0", "1.1")).reads();
    assert!(text.contains(" version='1.0' "), "{text}");
    assert!(!pair.session.is_closed());
}

#[test]
fn another_prefix_for_the_stream_is_as_good() {
    let mut pair = Pair::new(settings());
    pair.sends(
        "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' \
         to='EXAMPLE.org' version='1.0'>",
    );
    assert!(pair.reads().ends_with("</stream:features>"));
}

/// What happens to XML inside the stream, before the login.
#[test]
fn bad_xml_ends_the_stream() {
    for (bytes, condition) in [
        (&b"<a><b></a>"[..], "not-well-formed"),
        (b"<!-- hello -->", "restricted-xml"),
        (b"<?pi?>", "restricted-xml"),
        (b"<a>&unknown;</a>", "restricted-xml"),
        (b"text", "bad-format"),
        (b"<a>\xff</a>", "unsupported-encoding"),
        (b"<x:a/>", "not-well-formed"),
    ] {
        let mut pair = Pair::new(settings());
        pair.sends(HEADER).sends_bytes(bytes);
        assert_eq!(pair.dies(), condition, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn elements_nobody_knows_end_the_stream() {
    for element in [
        "<foo xmlns='urn:x'/>",
        "<foo/>",
        "<response2 xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
    ] {
        let mut pair = Pair::new(settings());
        pair.sends(HEADER).sends(element);
        assert_eq!(pair.dies(), "unsupported-stanza-type", "{element}");
    }
}

#[test]
fn a_stanza_before_the_login_ends_the_stream() {
    for stanza in ["<message/>", "<presence/>", BIND, "<iq type='get' id='1'/>"] {
        let mut pair = Pair::new(settings());
        pair.sends(HEADER).sends(stanza);
        assert_eq!(pair.dies(), "not-authorized", "{stanza}");
    }
}

#[test]
fn the_end_of_a_stream_is_answered_with_an_end() {
    let mut pair = Pair::new(settings());
    pair.sends(HEADER).reads();
    assert_eq!(pair.sends("</stream:stream>").reads(), "</stream:stream>");
    assert_eq!(pair.events(), ["Finished"]);
}

#[test]
fn a_stream_that_ends_where_it_begins_is_a_stream() {
    let mut pair = Pair::new(settings());
    let text = pair.sends(&HEADER.replace("'1.0'>", "'1.0'/>")).reads();
    assert!(
        text.ends_with("</stream:features></stream:stream>"),
        "{text}"
    );
    assert_eq!(pair.events(), ["Finished"]);
}
