//! Errors of stanzas and of streams on the wire.

use std::collections::BTreeSet;

use super::as_text;
use super::element;
use super::parse;
use crate::base::jid::Jid;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::StanzaError;
use crate::stanza::StreamCondition;
use crate::stanza::StreamError;
use crate::stanza::ns;
use crate::xml::XmlError;

#[test]
fn an_error_goes_back_with_the_id_and_without_the_payload() {
    let stanza = parse("<iq type='set' id='1' from='a@b/c' to='d@e'><secret/></iq>").unwrap();

    let reply = StanzaError::new(Condition::Forbidden)
        .with_text("no & never")
        .reply(&stanza)
        .unwrap();

    assert_eq!(
        as_text(&reply),
        "<iq from='d@e' to='a@b/c' id='1' type='error'><error type='auth'>\
         <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no &amp; never</text></error></iq>"
    );
    assert_eq!(
        Condition::of(element(as_text(&reply)).root()),
        Some(Condition::Forbidden)
    );
}

#[test]
fn an_error_carries_its_details() {
    let error = StanzaError::new(Condition::Gone)
        .with_type(ErrorType::Modify)
        .with_uri("xmpp:new@b")
        .with_by(Jid::parse("b").unwrap())
        .with_detail("blocked", ns::BLOCKING_ERRORS);

    let reply = error
        .reply(&parse("<message from='a@b/c'/>").unwrap())
        .unwrap();

    assert_eq!(
        as_text(&reply),
        "<message to='a@b/c' type='error'><error type='modify' by='b'>\
         <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:new@b</gone>\
         <blocked xmlns='urn:xmpp:blocking:errors'/></error></message>"
    );
}

#[test]
fn errors_and_results_are_never_answered() {
    let error = StanzaError::new(Condition::ServiceUnavailable);
    for text in [
        "<message type='error'/>",
        "<presence type='error'/>",
        "<iq id='1' type='error'/>",
        "<iq id='1' type='result'/>",
    ] {
        assert_eq!(error.reply(&parse(text).unwrap()), None, "{text}");
        let sender = Jid::parse("a@b/c").unwrap();
        assert_eq!(
            error.reply_to_element(&element(text), &sender),
            None,
            "{text}"
        );
    }
}

#[test]
fn what_was_refused_is_answered_as_well() {
    let sender = Jid::parse("a@b/c").unwrap();
    let refused = element("<iq type='wild' id='1' to='@'/>");
    let error = parse("<iq type='wild' id='1' to='@'/>").unwrap_err();

    let reply = error.reply_to_element(&refused, &sender).unwrap();

    assert_eq!(
        as_text(&reply),
        "<iq to='a@b/c' id='1' type='error'><error type='modify'>\
         <bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert_eq!(error.reply_to_element(&element("<query/>"), &sender), None);
}

#[test]
fn conditions_are_those_of_the_rfc_and_differ() {
    let names: BTreeSet<_> = Condition::ALL
        .iter()
        .map(|condition| condition.name())
        .collect();
    assert_eq!(names.len(), 22);
    let names: BTreeSet<_> = StreamCondition::ALL
        .iter()
        .map(|condition| condition.name())
        .collect();
    assert_eq!(names.len(), 25);
}

#[test]
fn an_unknown_condition_is_undefined() {
    let known = |text: &str| Condition::of(element(text).root());
    let namespace = "urn:ietf:params:xml:ns:xmpp-stanzas";

    assert_eq!(known("<message type='error'/>"), None);
    assert_eq!(
        known("<message><error/></message>"),
        Some(Condition::Undefined)
    );
    assert_eq!(
        known(&format!(
            "<iq><error><new xmlns='{namespace}'/></error></iq>"
        )),
        Some(Condition::Undefined)
    );
    assert_eq!(
        known(&format!(
            "<iq><error><text xmlns='{namespace}'/><gone xmlns='{namespace}'/></error></iq>"
        )),
        Some(Condition::Gone)
    );
}

#[test]
fn a_stream_error_is_written_with_and_without_its_declaration() {
    let error = StreamError::new(StreamCondition::SeeOtherHost)
        .with_host("b.example")
        .with_text("moved");
    let mut out = Vec::new();
    error.write(&mut out);
    assert_eq!(
        as_text(&out),
        "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example</see-other-host>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>moved</text></stream:error>"
    );

    let mut out = Vec::new();
    StreamError::from(XmlError::Restricted).write_standalone(&mut out);
    let root = element(as_text(&out));
    assert!(root.root().is("error", ns::STREAM));
    assert!(root.root().has_child("restricted-xml", ns::STREAM_ERRORS));
}
