//! From the login to a session, and what a session lets through.

use super::pair::*;
use crate::c2s::BindRefusal;
use crate::c2s::Failure;
use crate::c2s::ResumeRefusal;
use crate::c2s::Settings;

/// Logged in, nothing bound, features read.
fn unbound() -> Pair {
    let mut pair = Pair::new(settings());
    pair.sends(HEADER)
        .sends(&plain("alice", PASSWORD))
        .sends(HEADER);
    pair.reads();
    pair.events();
    pair
}

fn bind_resource(resource: &str) -> String {
    format!(
        "<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>{resource}</resource></bind></iq>"
    )
}

fn iq_error(id: &str, kind: &str, condition: &str) -> String {
    format!(
        "<iq type='error' id='{id}'><error type='{kind}'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

#[test]
fn the_features_after_the_login() {
    let mut pair = Pair::new(Settings {
        features: b"<c xmlns='http://jabber.org/protocol/caps'/>".to_vec(),
        ..settings()
    });
    pair.sends(HEADER).sends(&plain("alice", PASSWORD)).reads();
    let text = pair.sends(HEADER).reads();
    let (_, features) = text.split_once("<stream:features>").unwrap();
    assert_eq!(
        features,
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind>\
         <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
         <sm xmlns='urn:xmpp:sm:3'/><csi xmlns='urn:xmpp:csi:0'/>\
         <ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/>\
         <c xmlns='http://jabber.org/protocol/caps'/>\
         <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes>\
         <idle-seconds>300</idle-seconds></limits></stream:features>"
    );
}

#[test]
fn a_bind_without_a_resource_gets_one() {
    let text = unbound().sends(BIND).reads();
    assert_eq!(
        text,
        "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>alice@example.org/one</jid></bind></iq>"
    );
}

#[test]
fn a_bind_with_a_resource_asks_for_it() {
    let mut pair = unbound();
    assert!(
        pair.sends(&bind_resource("desk &amp; chair"))
            .reads()
            .contains("/desk &amp; chair<")
    );
    assert!(pair.session.has_session());
}

#[test]
fn a_bad_resource_is_told_and_may_be_corrected() {
    let long = "x".repeat(1_024);
    for resource in ["\u{1}".replace('\u{1}', "&#9;"), long] {
        let mut pair = unbound();
        let text = pair.sends(&bind_resource(&resource)).reads();
        assert_eq!(text, iq_error("b2", "modify", "bad-request"));
        assert!(pair.sends(BIND).reads().contains("<jid>"));
    }
}

#[test]
fn a_refused_bind_is_told_and_may_be_repeated() {
    for (refusal, kind, condition) in [
        (BindRefusal::Full, "wait", "resource-constraint"),
        (BindRefusal::Taken, "modify", "conflict"),
        (BindRefusal::NotAllowed, "cancel", "not-allowed"),
        (BindRefusal::Unavailable, "wait", "internal-server-error"),
    ] {
        let mut pair = unbound();
        pair.world.bind = Err(refusal);
        assert_eq!(pair.sends(BIND).reads(), iq_error("b1", kind, condition));
        pair.world.bind = Ok(());
        assert!(pair.sends(BIND).reads().contains("<jid>"));
    }
}

#[test]
fn a_stanza_before_the_bind_ends_the_stream() {
    for stanza in [
        "<message/>",
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
    ] {
        let mut pair = unbound();
        pair.sends(stanza);
        assert_eq!(pair.dies(), "not-authorized", "{stanza}");
    }
}

/// XEP-0198 section 3, and harmless ones of sections 4 and XEP-0352.
#[test]
fn stream_management_before_the_bind_is_refused() {
    let mut pair = unbound();
    let text = pair.sends("<enable xmlns='urn:xmpp:sm:3'/>").reads();
    assert_eq!(
        text,
        "<failed xmlns='urn:xmpp:sm:3'>\
         <unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
    let text = pair
        .sends("<r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>")
        .sends("<active xmlns='urn:xmpp:csi:0'/>")
        .reads();
    assert_eq!(text, "");
    assert!(pair.sends(BIND).reads().contains("<jid>"));
}

#[test]
fn an_old_session_goes_on() {
    let mut pair = unbound();
    pair.world.resume = Ok(7);
    let text = pair
        .sends("<resume xmlns='urn:xmpp:sm:3' previd='a&lt;b' h='4'/>")
        .reads();
    assert_eq!(
        text,
        "<resumed xmlns='urn:xmpp:sm:3' previd='a&lt;b' h='7'/>"
    );
    assert_eq!(pair.events(), ["resume a<b 4"]);
    pair.sends("<presence/>");
    assert_eq!(pair.events(), ["<presence/>"]);
}

#[test]
fn an_old_session_that_is_gone_makes_room_for_a_new_one() {
    let mut pair = unbound();
    pair.world.resume = Err(ResumeRefusal { h: Some(3) });
    let text = pair
        .sends("<resume xmlns='urn:xmpp:sm:3' previd='x' h='4'/>")
        .reads();
    assert_eq!(
        text,
        "<failed xmlns='urn:xmpp:sm:3' h='3'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    );
    assert!(pair.sends(BIND).reads().contains("<jid>"));
}

#[test]
fn a_resume_without_its_numbers_is_refused() {
    for attributes in [
        "",
        "previd='x'",
        "h='1'",
        "previd='x' h='-1'",
        "previd='x' h='4294967296'",
    ] {
        let mut pair = unbound();
        let text = pair
            .sends(&format!("<resume xmlns='urn:xmpp:sm:3' {attributes}/>"))
            .reads();
        assert!(text.contains("<bad-request "), "{attributes}: {text}");
        assert!(pair.events().is_empty());
    }
}

#[test]
fn elements_of_the_stream_are_handed_on_in_order() {
    let mut pair = Pair::online();
    pair.sends("<presence/><r xmlns='urn:xmpp:sm:3'/><message/>");
    pair.sends("<enable xmlns='urn:xmpp:sm:3' resume='1'/><enable xmlns='urn:xmpp:sm:3' max='x'/>");
    pair.sends("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/><active xmlns='urn:xmpp:csi:0'/>");
    assert_eq!(
        pair.events(),
        [
            "<presence/>",
            "Request",
            "<message/>",
            "Enable(Enable { is_resumable: true, max_seconds: None })",
            "Enable(Enable { is_resumable: false, max_seconds: None })",
            "Misplaced",
            "Active",
        ]
    );
    assert_eq!(pair.reads(), "");
}

#[test]
fn a_client_speaks_for_itself_only() {
    for from in [
        "alice@example.org",
        "alice@example.org/one",
        "ALICE@example.org/one",
    ] {
        let mut pair = Pair::online();
        pair.sends(&format!("<message from='{from}'/>"));
        assert_eq!(pair.events().len(), 1, "{from}");
    }
    for from in [
        "bob@example.org",
        "alice@example.org/two",
        "example.org",
        "@",
        "",
    ] {
        let mut pair = Pair::online();
        pair.sends(&format!("<message from='{from}'/>"));
        assert_eq!(pair.dies(), "invalid-from", "{from}");
    }
}

#[test]
fn what_is_no_stanza_ends_the_stream() {
    for element in [
        "<foo/>",
        "<message xmlns='jabber:server'/>",
        "<foo xmlns='urn:xmpp:sm:3'/>",
        "<a xmlns='urn:xmpp:sm:3'/>",
        "<foo xmlns='urn:xmpp:csi:0'/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        &plain("alice", PASSWORD),
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
    ] {
        let mut pair = Pair::online();
        pair.sends(element);
        assert_eq!(pair.dies(), "unsupported-stanza-type", "{element}");
    }
}

#[test]
fn whitespace_is_a_sign_of_life_and_nothing_else() {
    let mut pair = Pair::online();
    pair.sends(" \n\t ").sends("<presence/> ");
    assert_eq!(pair.events(), ["<presence/>"]);
    assert_eq!(pair.reads(), "");
}

#[test]
fn the_core_can_end_a_stream_with_a_reason() {
    for (failure, condition) in [
        (Failure::LocalConflict, "conflict"),
        (Failure::LocalRevoked, "not-authorized"),
        (Failure::LocalFull, "resource-constraint"),
        (Failure::LocalInternal, "internal-server-error"),
        (Failure::PeerSlow, "policy-violation"),
        (Failure::LocalReset, "reset"),
        (Failure::LocalShutdown, "system-shutdown"),
        (
            Failure::PeerHandled { h: 10, sent: 8 },
            "undefined-condition",
        ),
    ] {
        let mut pair = Pair::online();
        pair.session.handle_end(failure);
        pair.sends("<presence/>");
        assert_eq!(pair.dies(), condition);
        assert_eq!(pair.events(), [format!("Failed({failure:?})")]);
    }
}

/// XEP-0198 section 6.
#[test]
fn acknowledging_too_much_is_told_with_numbers() {
    let mut pair = Pair::online();
    pair.session
        .handle_end(Failure::PeerHandled { h: 10, sent: 8 });
    let text = pair.sends("").reads();
    assert_eq!(
        text,
        "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/></stream:error>\
         </stream:stream>"
    );
}

#[test]
fn a_late_answer_of_the_core_changes_nothing() {
    let mut pair = Pair::online();
    pair.session.handle_credentials(crate::c2s::Account::Absent);
    pair.session.handle_bound(Err(BindRefusal::Full));
    pair.session.handle_resumed(Err(ResumeRefusal { h: None }));
    pair.session.handle_token(None);
    pair.session.handle_tls(tls());
    pair.sends("<presence/>");
    assert_eq!(pair.events(), ["<presence/>"]);
    assert_eq!(pair.reads(), "");
}

#[test]
fn a_malformed_stanza_is_answered_counted_and_survived() {
    let mut pair = Pair::online();
    pair.sends("<presence/><iq type='get' id='1'/><message to='@' type='error'/><message/>");
    assert_eq!(
        pair.events(),
        [
            "<presence/>",
            "answered Some(\"<iq to='alice@example.org/one' id='1' type='error'>\
             <error type='modify'><bad-request \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\")",
            "answered None",
            "<message/>",
        ]
    );
}

/// RFC 3921 section 3: clients from then on insist.
#[test]
fn a_legacy_session_is_answered() {
    let mut pair = Pair::online();
    pair.sends("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
    assert_eq!(
        pair.events(),
        ["answered Some(\"<iq id='s' type='result'/>\")"]
    );
}

/// RFC 6120 section 4.7.4: the language of the stream is that of its stanzas.
#[test]
fn a_stanza_without_a_language_gets_that_of_the_stream() {
    for (header, expected) in [
        (
            HEADER.replace(" to=", " xml:lang='de-CH' to="),
            Some("de-CH"),
        ),
        (HEADER.replace(" to=", " xml:lang='not a tag' to="), None),
        (HEADER.to_owned(), None),
    ] {
        let mut pair = Pair::new(settings());
        pair.sends(HEADER).sends(&plain("alice", PASSWORD));
        pair.sends(&header).sends(BIND);
        pair.languages.clear();
        pair.sends("<message/><message xml:lang='fr'/>");
        let languages: Vec<_> = pair.languages.iter().map(Option::as_deref).collect();
        assert_eq!(languages, [expected, Some("fr")]);
    }
}

#[test]
fn an_error_of_the_client_ends_the_stream_without_another() {
    for mut pair in [unbound(), Pair::online()] {
        let text = pair
            .sends("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
            .sends("</stream:error>")
            .reads();
        assert_eq!(text, "</stream:stream>");
        assert_eq!(pair.events(), ["Failed(PeerError)"]);
    }
}
