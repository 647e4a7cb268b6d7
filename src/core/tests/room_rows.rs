//! Who waits for membership and who wears a hat, on two boards that lose each other.

use crate::base::jid::BareJid;
use crate::core::tests::duo::Duo;
use crate::core::tests::pair::join;
use crate::core::tests::pair::open_room;
use crate::model::room::Affiliation;
use crate::model::room::Room;

/// Ann at node 0 owns the room, Bob at node 1 is its admin, both are inside.
fn room() -> Duo {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    join(&mut duo, 1, 2, "bob");
    affiliate(&mut duo, (0, 1), "bob", "admin");
    duo.settle();
    duo
}

fn affiliate(duo: &mut Duo, (one, link): (usize, u64), who: &str, what: &str) {
    duo.nodes[one].say(
        link,
        &format!(
            "<iq type='set' id='a' to='room@rooms.h'>\
             <query xmlns='http://jabber.org/protocol/muc#admin'>\
             <item jid='{who}@h' affiliation='{what}'/></query></iq>"
        ),
    );
}

fn close(duo: &mut Duo) {
    duo.nodes[0].say(
        1,
        "<iq type='set' id='c' to='room@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
         <field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>",
    );
    duo.settle();
}

fn form(kind: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("<field var='{name}'><value>{value}</value></field>"))
        .collect();
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{kind}</value></field>{}</x>",
        fields.concat()
    )
}

fn hat(duo: &mut Duo, (one, link): (usize, u64), command: &str, title: &str) {
    let fields = [
        ("hats#uri", "urn:hat"),
        ("hats#title", title),
        ("hats#jid", "bob@h"),
    ];
    let form = form("urn:xmpp:hats:commands", &fields);
    duo.nodes[one].say(
        link,
        &format!(
            "<iq type='set' id='h' to='room@rooms.h'>\
             <command xmlns='http://jabber.org/protocol/commands' \
             node='urn:xmpp:hats:commands:{command}'>{form}</command></iq>"
        ),
    );
}

fn decide(duo: &mut Duo, (one, link): (usize, u64), allow: &str) {
    let fields = [("muc#jid", "cid@h"), ("muc#register_allow", allow)];
    let form = form("http://jabber.org/protocol/muc#register", &fields);
    duo.nodes[one].say(
        link,
        &format!("<message to='room@rooms.h'>{form}</message>"),
    );
}

/// Cid, at node 1, asks.
fn ask(duo: &mut Duo) {
    duo.arrive(1, 3, "cid");
    let fields = [("muc#register_roomnick", "Cid")];
    let form = form("http://jabber.org/protocol/muc#register", &fields);
    duo.nodes[1].say(
        3,
        &format!(
            "<iq type='set' id='r' to='room@rooms.h'>\
             <query xmlns='jabber:iq:register'>{form}</query></iq>"
        ),
    );
    duo.settle();
}

fn at(duo: &Duo, one: usize) -> &Room {
    let jid = BareJid::parse("room@rooms.h").unwrap();
    &duo.nodes[one].core.states.delivered.rooms[&jid]
}

fn of(duo: &Duo, one: usize, name: &str) -> Affiliation {
    let jid = BareJid::parse(&format!("{name}@h")).unwrap();
    at(duo, one).affiliation(&jid)
}

/// What the nodes hold is the same; what Bob shows inside.
fn shown_by_bob(duo: &Duo) -> String {
    assert_eq!(at(duo, 0).rows, at(duo, 1).rows);
    let shown = [0, 1].map(|one| {
        let occupant = &at(duo, one).occupants["bob"];
        let (_, device) = occupant.newest().unwrap();
        String::from_utf8(device.shown.open.payload.to_vec()).unwrap()
    });
    assert_eq!(shown[0], shown[1]);
    shown[0].clone()
}

#[test]
fn who_asks_at_one_board_is_admitted_at_the_other() {
    let mut duo = room();
    close(&mut duo);
    ask(&mut duo);
    duo.nodes[0].read(1);

    decide(&mut duo, (0, 1), "1");
    duo.settle();

    for one in [0, 1] {
        assert_eq!(of(&duo, one, "cid"), Affiliation::Member);
        assert_eq!(at(&duo, one).applicants().count(), 0);
    }
    assert_eq!(
        duo.heard(1, 3).last().unwrap(),
        "room@rooms.h: ",
        "the invitation"
    );
}

#[test]
fn who_is_refused_at_one_board_and_admitted_at_the_other_is_a_member() {
    let mut duo = room();
    close(&mut duo);
    ask(&mut duo);
    duo.go_apart();
    decide(&mut duo, (0, 1), "0");
    decide(&mut duo, (1, 2), "1");
    assert_eq!(of(&duo, 0, "cid"), Affiliation::None);

    duo.heal();

    for one in [0, 1] {
        assert_eq!(of(&duo, one, "cid"), Affiliation::Member);
        assert_eq!(at(&duo, one).applicants().count(), 0);
    }
}

#[test]
fn a_hat_that_one_board_has_destroyed_is_worn_by_nobody() {
    let mut duo = room();
    hat(&mut duo, (0, 1), "create", "Teacher");
    duo.settle();
    duo.go_apart();
    hat(&mut duo, (0, 1), "destroy", "");
    hat(&mut duo, (1, 2), "assign", "");
    duo.sync(1);

    duo.heal();

    assert!(!shown_by_bob(&duo).contains("hat"));
    hat(&mut duo, (0, 1), "create", "Again");
    duo.settle();
    assert!(!shown_by_bob(&duo).contains("hat"));
}

#[test]
fn who_has_lost_a_hat_while_apart_shows_none_when_the_boards_meet() {
    let mut duo = room();
    hat(&mut duo, (0, 1), "create", "Teacher");
    duo.settle();
    hat(&mut duo, (0, 1), "assign", "");
    duo.settle();
    assert!(shown_by_bob(&duo).contains("<hat title='Teacher'"));
    duo.go_apart();
    hat(&mut duo, (0, 1), "unassign", "");

    duo.heal();

    assert!(!shown_by_bob(&duo).contains("<hat"));
}

#[test]
fn the_later_title_of_a_hat_holds_at_both_boards_and_is_shown() {
    let mut duo = room();
    hat(&mut duo, (0, 1), "create", "Teacher");
    duo.settle();
    hat(&mut duo, (0, 1), "assign", "");
    duo.settle();
    duo.go_apart();
    hat(&mut duo, (1, 2), "create", "Earlier");
    duo.nodes[0].pass_ms(1_000);
    hat(&mut duo, (0, 1), "create", "Later");

    duo.heal();

    assert!(shown_by_bob(&duo).contains("<hat title='Later'"));
}

#[test]
fn whose_rights_were_changed_while_apart_has_them_when_the_boards_meet() {
    let mut duo = room();
    duo.go_apart();
    affiliate(&mut duo, (0, 1), "bob", "none");

    duo.heal();

    assert!(shown_by_bob(&duo).contains("affiliation='none' role='participant'"));
}

#[test]
fn who_is_no_member_any_more_when_the_boards_meet_is_out() {
    let mut duo = room();
    close(&mut duo);
    duo.go_apart();
    affiliate(&mut duo, (0, 1), "bob", "none");

    duo.heal();

    for one in [0, 1] {
        assert!(!at(&duo, one).occupants.contains_key("bob"));
    }
}
