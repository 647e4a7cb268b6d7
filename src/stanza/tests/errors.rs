//! Errors of stanzas and of streams on the wire.

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

#[test]
fn an_error_goes_back_with_the_id_and_without_the_payload() {
    let sender = Jid::parse("a@b/c").unwrap();
    let stanza = element("<iq type='set' id='1' to='d@e'><secret/></iq>");

    let reply = StanzaError::new(Condition::Forbidden)
        .with_text("no & never")
        .reply_to_element(&stanza, &sender)
        .unwrap();

    assert_eq!(
        as_text(&reply),
        "<iq from='d@e' to='a@b/c' id='1' type='error'><error type='auth'>\
         <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no &amp; never</text></error></iq>"
    );
}

#[test]
fn an_error_carries_its_details() {
    let error = StanzaError::new(Condition::NotAcceptable)
        .with_type(ErrorType::Cancel)
        .with_by(Jid::parse("b").unwrap())
        .with_detail("blocked", ns::BLOCKING_ERRORS);

    let sender = Jid::parse("a@b/c").unwrap();
    let reply = error
        .reply_to_element(&element("<message/>"), &sender)
        .unwrap();

    assert_eq!(
        as_text(&reply),
        "<message to='a@b/c' type='error'><error type='cancel' by='b'>\
         <not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
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
fn a_stream_error_is_written_with_its_text() {
    let error = StreamError::new(StreamCondition::RestrictedXml).with_text("no & never");
    let mut out = Vec::new();
    error.write(&mut out);
    assert_eq!(
        as_text(&out),
        "<stream:error><restricted-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>no &amp; never</text></stream:error>"
    );
}
