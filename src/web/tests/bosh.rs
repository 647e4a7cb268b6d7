//! A session of BOSH: order, answers, and ends (XEP-0124).

use crate::base::time::Monotonic;
use crate::web::bosh::Request;
use crate::web::bosh::Session;

const FIRST: &str = "to='example.org' wait='60' hold='1' ack='1' ver='1.6' xml:lang='de' \
                     xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'";

fn request(rid: u64, attributes: &str, payload: &str) -> Request {
    let body = format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='{rid}' {attributes}>{payload}</body>"
    );
    Request::parse(body.as_bytes()).unwrap()
}

fn at(seconds: u64) -> Monotonic {
    Monotonic(seconds * 1_000)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn answer(session: &Session, rid: u64) -> Option<String> {
    session.answer(rid).map(|bytes| text(bytes.to_vec()))
}

/// A session whose first request, 10, is answered.
fn begun(attributes: &str) -> Session {
    let mut session = Session::new(
        &request(10, attributes, ""),
        "s1".to_owned(),
        "example.org",
        at(0),
    );
    let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0' xml:lang='de'/>";
    assert_eq!(text(session.take_input()), open);
    assert_eq!(answer(&session, 10), None);
    let header = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='x1' from='example.org'/>";
    session.handle_output(format!("{header}<stream:features/>").as_bytes(), at(0));
    session
}

#[test]
fn a_session_is_described_and_gets_its_features() {
    let session = begun(FIRST);
    assert_eq!(
        answer(&session, 10).unwrap(),
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' \
         xmlns:stream='http://etherx.jabber.org/streams' sid='s1' wait='50' hold='1' requests='2' \
         inactivity='60' ver='1.11' from='example.org' authid='x1' xmpp:version='1.0' \
         xmpp:restartlogic='true' ack='10'><stream:features \
         xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'/></body>"
    );
}

#[test]
fn requests_are_taken_in_order_and_the_oldest_is_answered() {
    let mut session = begun(FIRST);
    session.handle_request(request(12, "sid='s1'", "<b xmlns='x'/>"), at(1));
    assert_eq!(text(session.take_input()), "");
    session.handle_request(request(11, "sid='s1'", "<a xmlns='x'/>"), at(1));
    assert_eq!(text(session.take_input()), "<a xmlns='x'/><b xmlns='x'/>");
    // One is kept open.
    let empty = "<body xmlns='http://jabber.org/protocol/httpbind' ack='12'/>";
    assert_eq!(answer(&session, 11).unwrap(), empty);
    assert_eq!(answer(&session, 12), None);

    session.handle_output(b"<message/>", at(2));
    let message =
        "<body xmlns='http://jabber.org/protocol/httpbind'><message xmlns='jabber:client'/></body>";
    assert_eq!(answer(&session, 12).unwrap(), message);
    // The same again for who did not get it.
    session.handle_request(request(12, "sid='s1'", "<b xmlns='x'/>"), at(3));
    assert_eq!(text(session.take_input()), "");
    assert_eq!(answer(&session, 12).unwrap(), message);
}

#[test]
fn a_request_waits_as_long_as_was_agreed() {
    let mut session = begun(&FIRST.replace("wait='60'", "wait='5'"));
    session.handle_request(request(11, "sid='s1'", ""), at(1));
    assert_eq!(session.timeout(), Some(at(6)));
    session.handle_timeout(at(5));
    assert_eq!(answer(&session, 11), None);
    session.handle_timeout(at(6));
    assert!(answer(&session, 11).unwrap().ends_with("/>"));
}

#[test]
fn a_client_that_asks_no_more_is_gone() {
    let mut session = begun(FIRST);
    session.handle_timeout(at(59));
    assert!(!session.is_over());
    assert_eq!(session.timeout(), Some(at(60)));
    session.handle_timeout(at(60));
    assert!(session.is_over());
    // Without the end of the stream: it can be resumed.
    assert_eq!(text(session.take_input()), "");
}

#[test]
fn a_number_out_of_the_window_ends_the_session() {
    for rid in [5, 13] {
        let mut session = begun(FIRST);
        session.handle_request(request(11, "sid='s1'", ""), at(1));
        session.handle_request(request(rid, "sid='s1'", ""), at(1));
        assert!(session.is_over() == (rid == 5), "{rid}");
    }
    let mut session = begun(FIRST);
    session.handle_request(request(13, "sid='s1'", ""), at(1));
    assert!(session.is_over());
}

#[test]
fn a_restart_begins_a_stream_and_a_terminate_ends_it() {
    let mut session = begun(FIRST);
    let restart = "sid='s1' to='example.org' xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'";
    session.handle_request(request(11, restart, ""), at(1));
    assert!(text(session.take_input()).starts_with("<open "));
    session.handle_request(
        request(12, "sid='s1' type='terminate'", "<presence/>"),
        at(1),
    );
    let input = text(session.take_input());
    assert!(
        input.starts_with("<presence") && input.contains("<close "),
        "{input}"
    );
    assert!(session.is_over());
    for rid in [11, 12] {
        assert!(
            answer(&session, rid).unwrap().contains("type='terminate'"),
            "{rid}"
        );
    }
}

#[test]
fn the_end_of_the_stream_is_told_with_its_reason() {
    let mut session = begun(FIRST);
    session.handle_request(request(11, "sid='s1'", ""), at(1));
    session.handle_output(
        b"<stream:error><reset/></stream:error><close xmlns='f'/>",
        at(1),
    );
    let answer = answer(&session, 11).unwrap();
    assert!(answer.contains("<reset/>"), "{answer}");
}

/// Section 15: the hash of "c" is what the first request announces.
#[test]
fn keys_go_backwards_through_their_hashes() {
    let hash = "84a516841ba77a5b4648de2cd0dfcb30ea46dbb4";
    let mut session = begun(&format!("{FIRST} newkey='{hash}'"));
    session.handle_request(request(11, "sid='s1' key='c'", ""), at(1));
    assert!(!session.is_over());
    session.handle_request(request(12, "sid='s1' key='c'", ""), at(1));
    assert!(session.is_over());
}

#[test]
fn what_is_no_body_is_none() {
    for text in [
        "",
        "<body/>",
        "<body xmlns='http://jabber.org/protocol/httpbind'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='0'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='9007199254740992'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'>",
        "<iq rid='1'/>",
    ] {
        assert!(Request::parse(text.as_bytes()).is_none(), "{text}");
    }
}
