//! SASL2, Bind 2 and FAST: everything in one round trip, or as little of it as is asked for.

use base64ct::Base64;
use base64ct::Encoding;

use super::login::content;
use super::login::scram;
use super::pair::*;
use crate::c2s::BindRefusal;
use crate::c2s::Enabled;
use crate::c2s::ResumeRefusal;
use crate::c2s::Settings;

pub(super) const NS: &str = "xmlns='urn:xmpp:sasl:2'";
pub(super) const AGENT: &str = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'>\
    <software>AwesomeXMPP</software></user-agent>";

pub(super) fn fast() -> Settings {
    Settings {
        offers_tokens: true,
        ..strict()
    }
}

/// A stream with TLS whose features were read.
pub(super) fn open(settings: Settings) -> Pair {
    let mut pair = Pair::encrypted(settings);
    pair.sends(HEADER).reads();
    pair
}

/// `<authenticate/>` with PLAIN and these wishes.
pub(super) fn authenticate(password: &str, wishes: &str) -> String {
    let message = Base64::encode_string(format!("\0alice\0{password}").as_bytes());
    format!(
        "<authenticate {NS} mechanism='PLAIN'><initial-response>{message}</initial-response>\
         {wishes}</authenticate>"
    )
}

pub(super) fn success(pair: &mut Pair) -> String {
    let text = pair.reads();
    let start = format!("<success {NS}>");
    let (text, features) = text.split_once("</success><stream:features>").expect(&text);
    assert!(features.ends_with("</stream:features>"));
    text.strip_prefix(&*start).expect(text).to_owned()
}

pub(super) fn failure(condition: &str) -> String {
    format!("<failure {NS}><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>")
}

#[test]
fn the_feature_lists_what_can_be_had_inline() {
    let text = Pair::encrypted(fast()).sends(HEADER).reads();
    let (_, text) = text.split_once("<authentication ").unwrap();
    let (text, _) = text.split_once("</authentication>").unwrap();
    let (mechanisms, inline) = text.split_once("<inline>").unwrap();
    assert!(mechanisms.contains("<mechanism>SCRAM-SHA-256-PLUS</mechanism>"));
    assert!(!mechanisms.contains("HT-"), "tokens belong into <fast/>");
    assert_eq!(
        inline,
        "<sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline>\
         <feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/>\
         <feature var='urn:xmpp:sm:3'/></inline></bind>\
         <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism>\
         <mechanism>HT-SHA-256-ENDP</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>\
         </inline>"
    );
}

#[test]
fn it_is_not_offered_in_the_clear_nor_fast_where_that_is_off() {
    assert!(
        !Pair::new(settings())
            .sends(HEADER)
            .reads()
            .contains("urn:xmpp:sasl:2")
    );
    assert!(
        !Pair::encrypted(strict())
            .sends(HEADER)
            .reads()
            .contains("urn:xmpp:fast:0")
    );
}

#[test]
fn a_login_alone_leaves_the_bind_for_later() {
    let mut pair = open(strict());
    pair.sends(&authenticate(PASSWORD, ""));
    let text = pair.reads();
    assert!(
        text.starts_with(&format!(
            "<success {NS}><authorization-identifier>alice@example.org</authorization-identifier>\
         </success><stream:features><bind "
        )),
        "{text}"
    );
    // There is no new stream (XEP-0388 section 2.6.1).
    assert!(
        pair.sends(BIND)
            .reads()
            .contains("<jid>alice@example.org/one</jid>")
    );
}

#[test]
fn scram_goes_through_it_as_well() {
    let mut pair = open(strict());
    let header = "p=tls-exporter,,";
    let first = Base64::encode_string(format!("{header}n=alice,r=abc").as_bytes());
    let text = pair
        .sends(&format!(
            "<authenticate {NS} mechanism='SCRAM-SHA-256-PLUS'>\
             <initial-response>{first}</initial-response></authenticate>"
        ))
        .reads();
    let challenge = Base64::decode_vec(&content(&text, "challenge")).unwrap();
    let challenge = String::from_utf8(challenge).unwrap();
    let (last, signature) = scram("n=alice,r=abc", &challenge, header, &[7; 32]);
    let last = Base64::encode_string(last.as_bytes());
    pair.sends(&format!("<response {NS}>{last}</response>"));
    let said = content(&success(&mut pair), "additional-data");
    assert_eq!(Base64::decode_vec(&said).unwrap(), signature.as_bytes());
}

#[test]
fn everything_comes_in_one_answer() {
    let mut pair = open(strict());
    pair.world.management = Some(Enabled {
        resumption: Some(("id".to_owned(), 600)),
        location: None,
    });
    pair.world.metadata = Some(b"<metadata xmlns='urn:xmpp:mam:2'/>");
    pair.sends(&authenticate(
        PASSWORD,
        &format!(
            "{AGENT}<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag>\
             <enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true'/>\
             <inactive xmlns='urn:xmpp:csi:0'/></bind>"
        ),
    ));
    assert_eq!(
        pair.events(),
        [
            "look up alice@example.org",
            "derive",
            "bind alice@example.org Tagged(\"AwesomeXMPP\") Some(Inline { is_carbons: true, \
             management: Some(Enable { is_resumable: true, max_seconds: None }), \
             activity: Some(Inactive) })",
        ]
    );
    assert_eq!(
        success(&mut pair),
        "<authorization-identifier>alice@example.org/AwesomeXMPP/x</authorization-identifier>\
         <bound xmlns='urn:xmpp:bind:0'>\
         <enabled xmlns='urn:xmpp:sm:3' id='id' resume='true' max='600'/>\
         <metadata xmlns='urn:xmpp:mam:2'/></bound>"
    );
    pair.sends("<presence/>");
    assert_eq!(pair.events(), ["<presence/>"]);
}

#[test]
fn the_features_after_a_bind_do_not_ask_for_one() {
    let mut pair = open(strict());
    pair.sends(&authenticate(PASSWORD, "<bind xmlns='urn:xmpp:bind:0'/>"));
    let text = pair.reads();
    let (_, features) = text.split_once("<stream:features>").unwrap();
    assert!(
        features.starts_with("<sm xmlns='urn:xmpp:sm:3'/>"),
        "{features}"
    );
}

/// @xmpp/client asks again for what is offered again, and loses the session that way.
#[test]
fn the_features_do_not_offer_the_management_that_is_on() {
    let wishes = [
        "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>",
        RESUME,
    ];
    for wish in wishes {
        let mut pair = open(strict());
        pair.world.management = Some(Enabled {
            resumption: None,
            location: None,
        });
        pair.world.resume = Ok(9);
        pair.sends(&authenticate(PASSWORD, wish));
        let text = pair.reads();
        let (_, features) = text.split_once("<stream:features>").unwrap();
        assert!(
            features.starts_with("<csi xmlns='urn:xmpp:csi:0'/>"),
            "{features}"
        );
    }
}

#[test]
fn a_tag_that_is_no_resource_is_left_out() {
    for tag in ["", "&#9;", &"x".repeat(257)] {
        let mut pair = open(strict());
        let wish = format!("<bind xmlns='urn:xmpp:bind:0'><tag>{tag}</tag></bind>");
        pair.sends(&authenticate(PASSWORD, &wish));
        let events = pair.events();
        assert!(
            events[2].starts_with("bind alice@example.org Any "),
            "{events:?}"
        );
    }
}

#[test]
fn management_that_was_wished_for_and_did_not_come_is_told() {
    let mut pair = open(strict());
    pair.sends(&authenticate(
        PASSWORD,
        "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind>",
    ));
    assert!(success(&mut pair).ends_with(
        "<bound xmlns='urn:xmpp:bind:0'><failed xmlns='urn:xmpp:sm:3'><internal-server-error \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed></bound>"
    ));
}

const RESUME: &str = "<resume xmlns='urn:xmpp:sm:3' previd='old' h='5'/>";

/// XEP-0386 section 3.2: a resume comes first, and a bind is then ignored.
#[test]
fn a_good_resume_makes_the_bind_unnecessary() {
    let mut pair = open(strict());
    pair.world.resume = Ok(9);
    pair.sends(&authenticate(
        PASSWORD,
        &format!("<bind xmlns='urn:xmpp:bind:0'/>{RESUME}"),
    ));
    assert_eq!(pair.events()[2..], ["resume old 5"]);
    assert_eq!(
        success(&mut pair),
        "<authorization-identifier>alice@example.org/old</authorization-identifier>\
         <resumed xmlns='urn:xmpp:sm:3' previd='old' h='9'/>"
    );
}

#[test]
fn a_failed_resume_is_told_and_the_bind_is_done() {
    let mut pair = open(strict());
    pair.world.resume = Err(ResumeRefusal { h: Some(3) });
    pair.sends(&authenticate(
        PASSWORD,
        &format!("{RESUME}<bind xmlns='urn:xmpp:bind:0'/>"),
    ));
    assert_eq!(
        success(&mut pair),
        "<authorization-identifier>alice@example.org/one</authorization-identifier>\
         <failed xmlns='urn:xmpp:sm:3' h='3'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>\
         <bound xmlns='urn:xmpp:bind:0'/>"
    );
}

#[test]
fn a_failed_resume_without_a_bind_leaves_it_for_later() {
    let mut pair = open(strict());
    pair.sends(&authenticate(PASSWORD, RESUME));
    assert!(success(&mut pair).contains(">alice@example.org</authorization-identifier><failed "));
    assert!(pair.sends(BIND).reads().contains("<jid>"));
}

/// XEP-0388 section 2.6.2: none of the wishes is done.
#[test]
fn a_failed_login_does_nothing_else() {
    let mut pair = open(fast());
    let wishes = format!(
        "{AGENT}<bind xmlns='urn:xmpp:bind:0'/>{RESUME}\
         <request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"
    );
    pair.sends(&authenticate("eraser", &wishes));
    assert_eq!(pair.reads(), failure("not-authorized"));
    assert_eq!(
        pair.events(),
        [
            "look up alice@example.org",
            "derive",
            "refused PeerCredentials"
        ]
    );
    pair.sends(&authenticate(PASSWORD, ""));
    success(&mut pair);
}

#[test]
fn every_bad_request_has_its_condition() {
    for (request, condition) in [
        (format!("<authenticate {NS}/>"), "invalid-mechanism"),
        (
            format!("<authenticate {NS} mechanism='X'/>"),
            "invalid-mechanism",
        ),
        (
            format!("<authenticate {NS} mechanism='HT-SHA-256-NONE'/>"),
            "invalid-mechanism",
        ),
        (
            format!(
                "<authenticate {NS} mechanism='PLAIN'><initial-response>!</initial-response>\
                 </authenticate>"
            ),
            "incorrect-encoding",
        ),
        (
            authenticate(PASSWORD, "<resume xmlns='urn:xmpp:sm:3'/>"),
            "malformed-request",
        ),
        (
            authenticate(
                PASSWORD,
                "<request-token xmlns='urn:xmpp:fast:0' mechanism='PLAIN'/>",
            ),
            "malformed-request",
        ),
        // Tokens belong to devices, and this one has no name.
        (
            authenticate(
                PASSWORD,
                "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>",
            ),
            "malformed-request",
        ),
        // A password's mechanism with the mark of a token.
        (
            authenticate(PASSWORD, &format!("{AGENT}<fast xmlns='urn:xmpp:fast:0'/>")),
            "invalid-mechanism",
        ),
    ] {
        let mut pair = open(fast());
        assert_eq!(
            pair.sends(&request).reads(),
            failure(condition),
            "{request}"
        );
    }
}

/// XEP-0388 section 4.2.
#[test]
fn an_authzid_has_to_be_the_one_in_the_header() {
    let message = Base64::encode_string(b"alice@example.org\0alice\0pencil");
    let request = format!(
        "<authenticate {NS} mechanism='PLAIN'><initial-response>{message}</initial-response>\
         </authenticate>"
    );
    for (name, is_good) in [("alice", true), ("bob", false)] {
        let mut pair = Pair::encrypted(strict());
        let from = format!(" from='{name}@example.org' to=");
        pair.sends(&HEADER.replace(" to=", &from)).reads();
        let text = pair.sends(&request).reads();
        assert_eq!(text.starts_with("<success "), is_good, "{text}");
        assert_eq!(text == failure("invalid-authzid"), !is_good, "{text}");
    }
}

#[test]
fn a_second_login_ends_the_stream() {
    let mut pair = open(strict());
    pair.sends(&authenticate(PASSWORD, "")).reads();
    pair.sends(&authenticate(PASSWORD, ""));
    assert_eq!(pair.dies(), "unsupported-stanza-type");
}

#[test]
fn only_messages_belong_into_an_exchange() {
    for (element, condition) in [
        ("<message/>", "not-authorized"),
        (
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "unsupported-stanza-type",
        ),
    ] {
        let mut pair = open(strict());
        pair.sends(&format!("<authenticate {NS} mechanism='SCRAM-SHA-1'/>"));
        assert_eq!(pair.reads(), format!("<challenge {NS}/>"));
        pair.sends(element);
        assert_eq!(pair.dies(), condition);
    }
}

#[test]
fn a_bind_without_room_ends_the_stream() {
    let mut pair = open(strict());
    pair.world.bind = Err(BindRefusal::Full);
    pair.sends(&authenticate(PASSWORD, "<bind xmlns='urn:xmpp:bind:0'/>"));
    assert_eq!(pair.dies(), "resource-constraint");
}

/// The same with the core taking its time, and cut anywhere.
#[test]
fn the_one_round_trip_does_not_depend_on_timing() {
    let wishes = format!(
        "{AGENT}<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>{RESUME}\
         <bind xmlns='urn:xmpp:bind:0'/>"
    );
    let script = format!(
        "{HEADER}{}<presence/></stream:stream>",
        authenticate(PASSWORD, &wishes)
    );
    let mut whole = Pair::encrypted(fast());
    whole.sends(&script);
    let (text, events) = (whole.reads(), whole.events());
    assert!(events.contains(&"<presence/>".to_owned()), "{events:?}");

    let mut slow = Pair::encrypted(fast());
    slow.world.is_slow = true;
    slow.sends(&script);
    while slow.session.is_waiting() && !slow.session.is_closed() {
        slow.answer();
    }
    assert_eq!(
        (slow.reads(), slow.events()),
        (text.clone(), events.clone())
    );
    for cut in 1..script.len() {
        let (first, second) = script.split_at(cut);
        let mut pair = Pair::encrypted(fast());
        pair.sends(first).sends(second);
        assert_eq!(
            (pair.reads(), pair.events()),
            (text.clone(), events.clone()),
            "cut at {cut}"
        );
    }
}
