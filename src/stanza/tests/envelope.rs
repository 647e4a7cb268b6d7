//! Reading and writing the envelope (RFC 6120 section 8, RFC 6121 sections 4.7 and 5.2).

use super::as_text;
use super::element;
use super::parse;
use crate::base::jid::Jid;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::Stanza;
use crate::stanza::envelope::Header;

#[track_caller]
fn assert_kind(text: &str, kind: Kind) {
    assert_eq!(parse(text).unwrap().kind, kind, "{text}");
}

#[track_caller]
fn assert_refused(text: &str, condition: Condition) {
    assert_eq!(parse(text).unwrap_err().condition, condition, "{text}");
}

#[test]
fn the_envelope_is_read() {
    let stanza = parse(
        "<message from='A@B/c' to='d@e' id='&lt;1' type='chat' xml:lang='de'><body/></message>",
    );
    let stanza = stanza.unwrap();

    assert_eq!(stanza.kind, Kind::Message(MessageType::Chat));
    assert_eq!(stanza.from.as_ref().map(Jid::as_str), Some("a@b/c"));
    assert_eq!(stanza.to.as_ref().map(Jid::as_str), Some("d@e"));
    assert_eq!(stanza.id.as_deref(), Some("<1"));
    assert_eq!(stanza.lang.as_deref(), Some("de"));
    assert!(stanza.query().is_none());
}

#[test]
fn unknown_types_are_normal_for_messages_and_wrong_for_others() {
    assert_kind("<message/>", Kind::Message(MessageType::Normal));
    assert_kind("<message type='wild'/>", Kind::Message(MessageType::Normal));
    assert_kind(
        "<message type='groupchat'/>",
        Kind::Message(MessageType::Groupchat),
    );
    assert_kind("<presence/>", Kind::Presence(PresenceType::Available));
    assert_kind(
        "<presence type='unavailable'/>",
        Kind::Presence(PresenceType::Unavailable),
    );
    assert_refused("<presence type='wild'/>", Condition::BadRequest);
    assert_refused("<presence type='available'/>", Condition::BadRequest);
    assert_refused("<iq id='1' type='wild'><a/></iq>", Condition::BadRequest);
    assert_refused("<iq id='1'><a/></iq>", Condition::BadRequest);
}

#[test]
fn an_iq_needs_an_id_and_a_request_one_child() {
    assert_kind(
        "<iq id='' type='get'><a xmlns='u'/></iq>",
        Kind::Iq(IqType::Get),
    );
    assert_kind("<iq id='1' type='result'/>", Kind::Iq(IqType::Result));
    assert_kind(
        "<iq id='1' type='error'><a/><error/></iq>",
        Kind::Iq(IqType::Error),
    );
    assert_refused("<iq type='get'><a/></iq>", Condition::BadRequest);
    assert_refused("<iq id='1' type='set'/>", Condition::BadRequest);
    assert_refused("<iq id='1' type='get'><a/><b/></iq>", Condition::BadRequest);
}

#[test]
fn addresses_must_be_right() {
    assert_refused("<message to='a@'/>", Condition::JidMalformed);
    assert_refused("<message to=''/>", Condition::JidMalformed);
    assert_refused("<message from='@b'/>", Condition::JidMalformed);
}

#[test]
fn only_three_elements_of_one_namespace_are_stanzas() {
    assert!(Stanza::is_stanza(&element("<presence/>")));
    assert!(!Stanza::is_stanza(&element("<query/>")));
    assert!(!Stanza::is_stanza(&element(
        "<message xmlns='jabber:server'/>"
    )));
    assert_refused("<message xmlns='jabber:server'/>", Condition::BadRequest);
}

/// As the stanza goes on to somebody: other addresses, the same payload, and something behind it.
fn write(stanza: &Stanza, out: &mut Vec<u8>, from: &Jid, to: Option<&Jid>, extra: &[u8]) {
    let header = Header {
        kind: stanza.kind,
        from: Some(from),
        to,
        id: stanza.id.as_deref(),
        lang: stanza.lang.as_deref(),
    };
    header.write(out, &[&stanza.root().inner(), extra]);
}

#[test]
fn a_stanza_is_written_anew_around_the_same_payload() {
    let payload = "<body  a = \"1\">x &amp; <![CDATA[y]]></body>\n<y xmlns='urn:y'/>";
    let stanza = parse(&format!(
        "<message to='a@b' type='normal' id='\"'>{payload}</message>"
    ))
    .unwrap();
    let (from, to) = (Jid::parse("c@d/o'o").unwrap(), Jid::parse("a@b/x").unwrap());
    let mut out = b"before".to_vec();

    write(&stanza, &mut out, &from, Some(&to), b"<delay/>");

    assert_eq!(
        as_text(&out),
        format!(
            "before<message from='c@d/o&apos;o' to='a@b/x' id='&quot;'>{payload}<delay/></message>"
        )
    );
}

#[test]
fn an_empty_stanza_is_written_as_one_tag() {
    let stanza = parse("<presence type='unavailable'></presence>").unwrap();
    let mut out = Vec::new();

    write(&stanza, &mut out, &Jid::parse("a@b/c").unwrap(), None, b"");

    assert_eq!(as_text(&out), "<presence from='a@b/c' type='unavailable'/>");
}

#[test]
fn every_kind_survives_writing_and_reading() {
    let from = Jid::parse("a@b/c").unwrap();
    for text in [
        "<message/>",
        "<message type='chat'/>",
        "<message type='error'/>",
        "<message type='groupchat'/>",
        "<message type='headline'/>",
        "<presence/>",
        "<presence type='error'/>",
        "<presence type='probe'/>",
        "<presence type='subscribe'/>",
        "<presence type='subscribed'/>",
        "<presence type='unavailable'/>",
        "<presence type='unsubscribe'/>",
        "<presence type='unsubscribed'/>",
        "<iq id='1' type='get'><a/></iq>",
        "<iq id='1' type='set'><a/></iq>",
        "<iq id='1' type='result'/>",
        "<iq id='1' type='error'/>",
    ] {
        let stanza = parse(text).unwrap();
        let mut out = Vec::new();
        write(&stanza, &mut out, &from, None, b"");
        assert_eq!(parse(as_text(&out)).unwrap().kind, stanza.kind, "{text}");
    }
}

#[test]
fn a_result_answers_a_request_and_nothing_else() {
    let request =
        parse("<iq id='7' type='get' from='a@b/c' to='b'><ping xmlns='urn:xmpp:ping'/></iq>")
            .unwrap();

    let result = request.to_result(b"").unwrap();

    assert_eq!(
        as_text(&result),
        "<iq from='b' to='a@b/c' id='7' type='result'/>"
    );
    assert!(request.query().unwrap().is("ping", "urn:xmpp:ping"));
    assert_eq!(
        parse("<iq id='7' type='result'/>").unwrap().to_result(b""),
        None
    );
}
