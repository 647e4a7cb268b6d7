//! In-band registration (XEP-0077) of a stranger.

use super::pair::*;
use crate::c2s::Registered;
use crate::c2s::Settings;

const FORM: &str = "<iq type='get' id='r1'><query xmlns='jabber:iq:register'/></iq>";

fn open_to_all() -> Settings {
    Settings {
        offers_registration: true,
        ..settings()
    }
}

fn pair() -> Pair {
    let mut pair = Pair::new(open_to_all());
    pair.sends(HEADER).reads();
    pair
}

fn create(fields: &str) -> String {
    format!("<iq type='set' id='r2'><query xmlns='jabber:iq:register'>{fields}</query></iq>")
}

fn bob() -> String {
    create("<username>Bob</username><password>pencil</password>")
}

fn error(id: &str, kind: &str, condition: &str) -> String {
    format!(
        "<iq type='error' id='{id}'><error type='{kind}'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

#[test]
fn it_is_offered_where_it_is_on_and_a_login_possible() {
    let feature = "<register xmlns='http://jabber.org/features/iq-register'/>";
    assert!(
        Pair::new(open_to_all())
            .sends(HEADER)
            .reads()
            .contains(feature)
    );
    assert!(
        !Pair::new(settings())
            .sends(HEADER)
            .reads()
            .contains(feature)
    );
    let mut secret = Pair::new(Settings {
        offers_registration: true,
        ..strict()
    });
    assert!(!secret.sends(HEADER).reads().contains(feature));
}

#[test]
fn where_it_is_off_it_is_a_stanza_like_any_other() {
    for settings in [
        settings(),
        Settings {
            offers_registration: true,
            ..strict()
        },
    ] {
        let mut pair = Pair::new(settings);
        pair.sends(HEADER).sends(FORM);
        assert_eq!(pair.dies(), "not-authorized");
    }
}

#[test]
fn the_form_asks_for_a_name_and_a_password() {
    let mut pair = pair();
    let text = pair.sends(FORM).reads();
    assert_eq!(pair.events(), ["register form"]);
    assert!(text.starts_with("<iq type='result' id='r1'><query xmlns='jabber:iq:register'>"));
    assert!(
        text.ends_with("<username/><password/></query></iq>"),
        "{text}"
    );
}

#[test]
fn an_account_is_made_and_can_log_in_on_the_same_stream() {
    let mut pair = pair();
    assert_eq!(pair.sends(&bob()).reads(), "<iq type='result' id='r2'/>");
    assert_eq!(pair.events(), ["register bob@example.org"]);
    pair.world.accounts.push("bob");
    assert!(
        pair.sends(&plain("bob", PASSWORD))
            .reads()
            .starts_with("<success ")
    );
}

#[test]
fn every_refusal_has_its_error() {
    for (answer, kind, condition) in [
        (Registered::Closed, "cancel", "not-allowed"),
        (Registered::Taken, "cancel", "conflict"),
        (Registered::NotAcceptable, "modify", "not-acceptable"),
        (Registered::Later, "wait", "resource-constraint"),
    ] {
        let mut pair = pair();
        pair.world.registered = answer;
        assert_eq!(pair.sends(FORM).reads(), error("r1", kind, condition));
        assert_eq!(pair.sends(&bob()).reads(), error("r2", kind, condition));
    }
}

#[test]
fn what_names_no_account_is_not_acceptable() {
    for fields in [
        "",
        "<username>bob</username>",
        "<password>pencil</password>",
        "<username/><password>pencil</password>",
        "<username>b o b</username><password>pencil</password>",
        "<username>bob@example.net</username><password>pencil</password>",
        "<username>bob</username><password/>",
    ] {
        let mut pair = pair();
        let text = pair.sends(&create(fields)).reads();
        assert_eq!(text, error("r2", "modify", "not-acceptable"), "{fields}");
        assert!(pair.events().is_empty());
    }
}

#[test]
fn who_wants_to_leave_has_to_log_in() {
    let text = pair().sends(&create("<remove/>")).reads();
    assert_eq!(text, error("r2", "auth", "registration-required"));
}

#[test]
fn tries_are_counted_with_those_of_logins() {
    let mut pair = pair();
    pair.world.registered = Registered::Taken;
    for _ in 0..3 {
        pair.sends(&bob());
    }
    pair.reads();
    pair.sends(&plain("alice", "eraser"));
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn other_types_of_iq_end_the_stream() {
    for kind in ["result", "error", "x"] {
        let mut pair = pair();
        pair.sends(&FORM.replace("get", kind));
        assert_eq!(pair.dies(), "not-authorized");
    }
}

const PREAUTH: &str = "<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='abc'/></iq>";

fn by_invitation() -> Pair {
    let mut pair = Pair::new(Settings {
        takes_invitations: true,
        ..settings()
    });
    pair.sends(HEADER).reads();
    pair
}

#[test]
fn a_good_word_is_found_good_and_goes_along_with_the_account() {
    let mut pair = by_invitation();
    assert_eq!(pair.sends(PREAUTH).reads(), "<iq type='result' id='p'/>");
    pair.sends(&bob());
    assert_eq!(
        pair.events(),
        ["invitation", "register bob@example.org with a word"]
    );
}

#[test]
fn a_word_that_nobody_knows_is_told_and_does_not_go_along() {
    let mut pair = by_invitation();
    pair.world.registered = Registered::Unknown;
    let text = pair.sends(PREAUTH).reads();
    assert_eq!(text, error("p", "cancel", "item-not-found"));
    pair.sends(&bob());
    assert_eq!(pair.events(), ["invitation", "register bob@example.org"]);
}

#[test]
fn words_are_offered_and_taken_where_invitations_are() {
    let feature = "<register xmlns='urn:xmpp:ibr-token:0'/>";
    let offer = Pair::new(Settings {
        takes_invitations: true,
        ..settings()
    })
    .sends(HEADER)
    .reads();
    assert!(offer.contains(feature), "{offer}");
    let mut open = Pair::new(open_to_all());
    assert!(!open.sends(HEADER).reads().contains(feature));
    open.sends(PREAUTH);
    assert_eq!(open.dies(), "not-authorized");
}
