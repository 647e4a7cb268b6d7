//! The tables of RFC 6121 Appendix A, row by row.

use std::sync::Arc;

use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::roster::subscription::Change;
use crate::roster::subscription::receive;
use crate::roster::subscription::send;

/// The nine states, as the appendix lists them.
const STATES: [&str; 9] = [
    "none",
    "none+out",
    "none+in",
    "none+out+in",
    "to",
    "to+in",
    "from",
    "from+out",
    "both",
];

fn state(name: &str) -> Contact {
    let out = match name {
        "to" | "to+in" | "both" => Outward::To,
        _ if name.contains("+out") => Outward::Asked,
        _ => Outward::Without,
    };
    let inward = match name {
        "from" | "from+out" | "both" => Inward::From,
        _ if name.contains("+in") => Inward::Asked {
            payload: Arc::default(),
        },
        _ => Inward::Without,
    };
    Contact {
        listed: true,
        out,
        inward,
        ..Contact::default()
    }
}

fn name(contact: &Contact) -> &'static str {
    STATES
        .into_iter()
        .find(|name| state(name) == *contact)
        .unwrap()
}

/// For every state: whether the stanza goes on, and the new state.
fn check(change: Change, is_sent: bool, table: [(bool, &str); 9]) {
    for (before, (goes_on, after)) in STATES.into_iter().zip(table) {
        let found = if is_sent {
            let sent = send(change, &state(before));
            (sent.is_routed, sent.row)
        } else {
            let received = receive(change, &state(before), &Arc::default());
            (received.is_delivered, received.row)
        };
        assert_eq!(
            (found.0, name(&found.1)),
            (goes_on, after),
            "{change:?} in {before}"
        );
    }
}

#[test]
fn a_request_is_always_routed_and_noted_where_there_is_no_subscription() {
    check(
        Change::Subscribe,
        true,
        [
            (true, "none+out"),
            (true, "none+out"),
            (true, "none+out+in"),
            (true, "none+out+in"),
            (true, "to"),
            (true, "to+in"),
            (true, "from+out"),
            (true, "from+out"),
            (true, "both"),
        ],
    );
}

#[test]
fn an_end_of_the_own_subscription_is_always_routed() {
    check(
        Change::Unsubscribe,
        true,
        [
            (true, "none"),
            (true, "none"),
            (true, "none+in"),
            (true, "none+in"),
            (true, "none"),
            (true, "none+in"),
            (true, "from"),
            (true, "from"),
            (true, "from"),
        ],
    );
}

#[test]
fn an_approval_is_routed_only_to_who_asked() {
    for (before, after) in [
        ("none+in", "from"),
        ("none+out+in", "from+out"),
        ("to+in", "both"),
    ] {
        let sent = send(Change::Subscribed, &state(before));
        assert!(sent.is_routed, "{before}");
        assert_eq!(name(&sent.row), after);
    }
    for before in ["from", "from+out", "both"] {
        let sent = send(Change::Subscribed, &state(before));
        assert!(!sent.is_routed, "{before}");
        assert_eq!(name(&sent.row), before);
    }
    for before in ["none", "none+out", "to"] {
        let sent = send(Change::Subscribed, &state(before));
        assert!(!sent.is_routed, "{before}");
        assert_eq!(sent.row.inward, Inward::Approved, "{before}");
    }
}

#[test]
fn a_refusal_is_routed_where_something_is_taken_away() {
    check(
        Change::Unsubscribed,
        true,
        [
            (false, "none"),
            (false, "none+out"),
            (true, "none"),
            (true, "none+out"),
            (false, "to"),
            (true, "to"),
            (true, "none"),
            (true, "none+out"),
            (true, "to"),
        ],
    );
}

#[test]
fn a_request_is_delivered_once_and_never_to_who_has_granted_it() {
    check(
        Change::Subscribe,
        false,
        [
            (true, "none+in"),
            (true, "none+out+in"),
            (false, "none+in"),
            (false, "none+out+in"),
            (true, "to+in"),
            (false, "to+in"),
            (false, "from"),
            (false, "from+out"),
            (false, "both"),
        ],
    );
    for granted in ["from", "from+out", "both"] {
        let received = receive(Change::Subscribe, &state(granted), &Arc::default());
        assert!(received.is_approved, "{granted}");
    }
}

#[test]
fn an_end_of_the_others_subscription_is_delivered_where_there_was_one() {
    check(
        Change::Unsubscribe,
        false,
        [
            (false, "none"),
            (false, "none+out"),
            (true, "none"),
            (true, "none+out"),
            (false, "to"),
            (true, "to"),
            (true, "none"),
            (true, "none+out"),
            (true, "to"),
        ],
    );
}

#[test]
fn an_approval_is_delivered_only_to_who_asked() {
    check(
        Change::Subscribed,
        false,
        [
            (false, "none"),
            (true, "to"),
            (false, "none+in"),
            (true, "to+in"),
            (false, "to"),
            (false, "to+in"),
            (false, "from"),
            (true, "both"),
            (false, "both"),
        ],
    );
}

#[test]
fn a_refusal_is_delivered_where_something_was_asked_or_granted() {
    check(
        Change::Unsubscribed,
        false,
        [
            (false, "none"),
            (true, "none"),
            (false, "none+in"),
            (true, "none+in"),
            (true, "none"),
            (true, "none+in"),
            (false, "from"),
            (true, "from"),
            (true, "from"),
        ],
    );
}
