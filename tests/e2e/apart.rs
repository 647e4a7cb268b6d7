//! Two boards that are both alone, each with users who change things: what they make of it when they meet again.

use std::process::Command;

use crate::generator::board::Board;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Security;
use crate::generator::xml::Node;
use crate::mirror::arrive;
use crate::mirror::message;
use crate::mirror::pair;
use crate::mirror::receive;

fn signal(board: &Board, name: &str) {
    let id = board.process.as_ref().unwrap().id().to_string();
    let asked = Command::new("kill").args([name, &id]).status();
    assert!(asked.unwrap().success());
}

/// Each is alone while the other stands still, and then they meet.
fn apart((a, b): (&Board, &Board), at_a: impl FnOnce(), at_b: impl FnOnce()) {
    signal(b, "-STOP");
    wait_until("A is alone", || a.is("solo"));
    at_a();
    signal(a, "-STOP");
    signal(b, "-CONT");
    wait_until("B is alone", || b.is("solo"));
    at_b();
    signal(a, "-CONT");
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
}

/// An IQ set of the client's own account, which has to succeed.
async fn set(client: &mut Client, id: &str, payload: &str) -> Node {
    let iq = format!("<iq type='set' id='{id}'>{payload}</iq>");
    let answer = client.request(id, &iq).await.unwrap();
    assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
    answer
}

fn may_log_in(ground: &Ground, board: &Board, user: &str) -> bool {
    in_time("a login", async {
        let login = ground.login(board.ports, Security::Plain, user, "x");
        login.await.is_ok()
    })
}

#[test]
fn two_users_of_one_name_made_apart_are_two_and_neither_is_the_other() {
    let (a, b) = pair();
    let ground = Ground::new();
    // Given a carol on each board, of whom the other board does not know
    let write = |board: &Board, text: &str| {
        in_time("what carol has", async {
            let mut carol = arrive(&ground, board, "carol").await;
            let item = format!("<item jid='{text}@localhost'/>");
            set(
                &mut carol,
                "r",
                &format!("<query xmlns='jabber:iq:roster'>{item}</query>"),
            )
            .await;
            let mut bob = arrive(&ground, board, "bob").await;
            bob.send(&message("carol", text));
            bob.settle().await.unwrap();
            receive(&mut carol, text).await;
        });
    };
    apart(
        (&a, &b),
        || {
            a.add_user("carol");
            write(&a, "friend-at-a");
        },
        || {
            b.add_user("carol");
            write(&b, "friend-at-b");
            // Nobody has to know it: this one's is another's.
            b.set_password("carol", "carol--b");
        },
    );

    // Then the first keeps the name, on both boards, with its own password
    wait_until("the other has a name of its own", || {
        [&a, &b]
            .iter()
            .all(|board| board.run(&["user", "list"]).contains("carol--b"))
    });
    assert!(may_log_in(&ground, &a, "carol") && may_log_in(&ground, &b, "carol"));
    // And the other one waits for an administrator, with all that it had
    assert!(!may_log_in(&ground, &a, "carol--b"));
    a.run(&["user", "enable", "carol--b"]);
    assert!(may_log_in(&ground, &a, "carol--b") && may_log_in(&ground, &b, "carol--b"));
    wait_until("both have the same", || a.exported() == b.exported());
    let files = a.exported();
    let text_of = |name: &str| {
        let file = files.iter().find(|(path, _)| path.ends_with(name));
        file.unwrap().1.clone()
    };
    let (first, other) = (text_of("carol.xml"), text_of("carol--b.xml"));
    assert!(
        first.contains("friend-at-a") && !first.contains("friend-at-b"),
        "{first}"
    );
    assert!(
        other.contains("friend-at-b") && !other.contains("friend-at-a"),
        "{other}"
    );
    // And an operator is told
    for board in [&a, &b] {
        assert!(
            board
                .run(&["pair", "conflicts"])
                .contains("carol@localhost, account")
        );
        assert!(
            board
                .run(&["pair", "status"])
                .contains("1 name was given twice")
        );
    }
}

const FORM: &str = "http://jabber.org/protocol/muc#roomconfig";

/// Makes a room that persists, and says something in it.
async fn make_room(board: &Board, ground: &Ground, user: &str, text: &str, members_only: u8) {
    let mut owner = arrive(ground, board, user).await;
    owner.send(&format!(
        "<presence to='den@rooms.localhost/{user}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    ));
    let field =
        |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
    let fields = [
        field("FORM_TYPE", FORM),
        field("muc#roomconfig_persistentroom", "1"),
        field("muc#roomconfig_membersonly", &members_only.to_string()),
        field("muc#roomconfig_roomname", text),
    ]
    .concat();
    let iq = format!(
        "<iq type='set' id='form' to='den@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'>{fields}</x></query></iq>"
    );
    let answer = owner.request("form", &iq).await.unwrap();
    assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
    owner.send(&format!(
        "<message to='den@rooms.localhost' type='groupchat' id='{text}'><body>{text}</body></message>"
    ));
    receive(&mut owner, text).await;
}

/// What somebody is told who enters, up to the subject or an error, as text.
async fn enter(board: &Board, ground: &Ground, user: &str, room: &str) -> String {
    let mut client = arrive(ground, board, user).await;
    client.send(&format!(
        "<presence to='{room}@rooms.localhost/{user}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    ));
    let mut told = String::new();
    loop {
        let element = client.next().await.unwrap();
        let text = String::from_utf8_lossy(element).into_owned();
        told.push_str(&text);
        if text.contains("<subject") || text.contains("type='error'") {
            return told;
        }
    }
}

#[test]
fn two_rooms_of_one_name_made_apart_are_two_and_nothing_leaks_from_one_into_the_other() {
    let (a, b) = pair();
    let ground = Ground::new();
    // Given a room of everybody on one board, and one of that name for members on the other
    apart(
        (&a, &b),
        || in_time("a room", make_room(&a, &ground, "alice", "for-all", 0)),
        || in_time("a room", make_room(&b, &ground, "bob", "secret", 1)),
    );

    // Then the first keeps the name, and shows nothing of the other
    for board in [&a, &b] {
        let told = in_time("a visit", enter(board, &ground, "bob", "den"));
        assert!(
            told.contains("for-all") && !told.contains("secret"),
            "{told}"
        );
    }
    // And the other has a name of its own, its members, and what was said in it
    wait_until("the other room is there", || {
        in_time("a visit", enter(&a, &ground, "bob", "den--b")).contains("secret")
    });
    let told = in_time("a visit", enter(&b, &ground, "bob", "den--b"));
    assert!(
        told.contains("secret") && !told.contains("for-all"),
        "{told}"
    );
    let told = in_time("a visit", enter(&b, &ground, "alice", "den--b"));
    assert!(
        told.contains("registration-required") && !told.contains("secret"),
        "{told}"
    );
    wait_until("an operator is told", || {
        let conflicts = |board: &Board| board.run(&["pair", "conflicts"]);
        [&a, &b]
            .iter()
            .all(|board| conflicts(board).contains("den@rooms.localhost, room"))
    });
}

/// The conflicts without what differs from one run to the next.
fn conflicts(board: &Board) -> Vec<String> {
    let text = board.run(&["pair", "conflicts"]);
    text.lines().map(str::to_owned).collect()
}

fn id_of(board: &Board, what: &str) -> String {
    let lines = conflicts(board);
    let line = lines.iter().find(|line| line.contains(what));
    assert!(line.is_some(), "no {what} in {lines:?}");
    line.unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn what_both_change_and_one_loses_is_in_one_journal_and_comes_back_on_both() {
    let (a, b) = pair();
    let ground = Ground::new();
    let vcard = |text: &str| format!("<vCard xmlns='vcard-temp'><FN>{text}</FN></vCard>");
    let contact = |text: &str| {
        format!("<query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='{text}'/></query>")
    };
    let admin = |affiliation: &str| {
        format!(
            "<iq type='set' id='a' to='den@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'>\
             <item jid='bob@localhost' affiliation='{affiliation}'/></query></iq>"
        )
    };
    in_time("a room", make_room(&a, &ground, "alice", "hello", 0));
    let change = |board: &Board, text: &str, affiliation: &str| {
        in_time("changes", async {
            let mut alice = arrive(&ground, board, "alice").await;
            set(&mut alice, "v", &vcard(text)).await;
            set(&mut alice, "c", &contact(text)).await;
            let answer = alice.request("a", &admin(affiliation)).await.unwrap();
            assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
        });
    };
    // Given what both boards have changed while apart, the second one later
    apart(
        (&a, &b),
        || change(&a, "Early", "outcast"),
        || change(&b, "Late", "member"),
    );

    // Then both have the same in their journals
    wait_until("one journal", || {
        conflicts(&a).len() == 3 && conflicts(&a) == conflicts(&b)
    });
    // And what is given back on one is there on both
    let shown = |board: &Board| {
        let files = board.exported();
        let file = files.iter().find(|(path, _)| path.ends_with("alice.xml"));
        file.unwrap().1.clone()
    };
    let is_on_both = |text: &str| shown(&a).contains(text) && shown(&b).contains(text);
    assert!(is_on_both("<FN>Late</FN>") && !is_on_both("Early"));
    let card = id_of(&b, "vCard");
    b.run(&["pair", "restore", &card]);
    assert!(
        shown(&b).contains("<FN>Early</FN>"),
        "done, and not committed"
    );
    wait_until("the vCard is on both", || is_on_both("<FN>Early</FN>"));
    a.run(&["pair", "restore", &id_of(&a, "contact bob@localhost")]);
    wait_until("the name is on both", || {
        is_on_both("name='Early'") || is_on_both("name=\"Early\"")
    });
    // The ban has won over the membership
    b.run(&[
        "pair",
        "restore",
        &id_of(&b, "affiliation of bob@localhost"),
    ]);
    wait_until("nothing is left", || {
        conflicts(&a).is_empty() && conflicts(&b).is_empty()
    });
    for board in [&a, &b] {
        let told = in_time("a visit", enter(board, &ground, "bob", "den"));
        assert!(
            told.contains("affiliation='member'") || told.contains("affiliation=\"member\""),
            "{told}"
        );
    }
    assert!(
        a.refused(&["pair", "restore", &card])
            .contains("there is no conflict")
    );
}
