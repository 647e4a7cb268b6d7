//! What two nodes that were apart have changed of one thing, when they meet.

use crate::core::tests::duo::Duo;
use crate::core::tests::harness::account;
use crate::core::tests::harness::bare;
use crate::core::tests::pair::befriend;
use crate::core::tests::pair::join;
use crate::core::tests::pair::open_room;
use crate::model::op::Durable;
use crate::model::room::Affiliation;
use crate::model::row::Row;
use crate::model::row::RowName;

/// Says it, and has it on disk.
fn say(duo: &mut Duo, one: usize, link: u64, stanza: &str) {
    duo.nodes[one].pass_ms(10);
    duo.nodes[one].say(link, stanza);
    duo.sync(one);
}

#[test]
fn a_contact_renamed_here_and_subscribed_to_there_is_both() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.arrive(1, 3, "ann");
    befriend(&mut duo, (0, 1, "ann"), (1, 2, "bob"));
    duo.go_apart();

    let name = "<iq type='set' id='r'><query xmlns='jabber:iq:roster'>\
                <item jid='bob@h' name='Bobby'/></query></iq>";
    say(&mut duo, 0, 1, name);
    say(&mut duo, 1, 2, "<presence type='unsubscribe' to='ann@h'/>");
    duo.heal();

    for node in &duo.nodes {
        let rows = node.core.states.delivered.rows(&account("ann")).unwrap();
        let name = RowName::Contact { jid: bare("bob") };
        let contact = rows.row(&name).and_then(Row::contact).unwrap();
        assert_eq!(contact.name.as_deref(), Some("Bobby"));
        assert_eq!(contact.subscription(), "to");
    }
}

/// Ann and Bob own a room; each is at a node of its own.
fn owners() -> Duo {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    let own = affiliate("bob", "owner");
    say(&mut duo, 0, 1, &own);
    duo.settle();
    duo
}

fn affiliate(user: &str, affiliation: &str) -> String {
    format!(
        "<iq type='set' id='a' to='room@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#admin'>\
         <item jid='{user}@h' affiliation='{affiliation}'/></query></iq>"
    )
}

/// What Ann and Bob are to the room, on each node.
fn affiliations(duo: &Duo) -> [[Affiliation; 2]; 2] {
    duo.nodes.each_ref().map(|node| {
        let mut rooms = node.core.states.delivered.rooms.values();
        let room = rooms.next().unwrap();
        ["ann", "bob"].map(|name| room.affiliation(&bare(name)))
    })
}

#[test]
fn of_two_owners_who_have_removed_each_other_the_one_stays_who_was_removed_last() {
    for last in [0, 1] {
        let mut duo = owners();
        duo.go_apart();
        duo.nodes[last].pass_ms(1_000);
        say(&mut duo, 0, 1, &affiliate("bob", "none"));
        say(&mut duo, 1, 2, &affiliate("ann", "member"));

        duo.heal();

        let expected = if last == 0 {
            [Affiliation::Member, Affiliation::Owner]
        } else {
            [Affiliation::Owner, Affiliation::None]
        };
        assert_eq!(affiliations(&duo), [expected, expected]);
    }
}

#[test]
fn an_owner_removed_on_one_side_stays_removed_where_another_one_is_left() {
    let mut duo = owners();
    duo.go_apart();
    say(&mut duo, 0, 1, &affiliate("bob", "member"));
    say(&mut duo, 1, 2, &affiliate("bob", "admin"));

    duo.heal();

    let expected = [Affiliation::Owner, Affiliation::Member];
    assert_eq!(affiliations(&duo), [expected, expected]);
}

#[test]
fn fields_are_named_where_both_programs_know_them() {
    for (level, is_named) in [(1, false), (2, true)] {
        let mut duo = Duo::new();
        duo.arrive(0, 1, "ann");
        duo.nodes[0].core.set_level(level);
        let item = |name: &str| {
            format!(
                "<iq type='set' id='r'><query xmlns='jabber:iq:roster'>\
                 <item jid='bob@h' name='{name}'/></query></iq>"
            )
        };
        say(&mut duo, 0, 1, &item("Bob"));
        say(&mut duo, 0, 1, &item("Bobby"));

        let entry = duo.nodes[0].appended.back().unwrap();
        let mut ops = entry.durable_ops();
        let is_part =
            ops.any(|op| matches!(op, Durable::Row { row: Some(row), .. } if row.is_part()));
        assert_eq!(is_part, is_named);
    }
}
