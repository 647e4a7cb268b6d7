//! What becomes of affiliations when the account of a name is another one.

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

/// Alice owns the hall; Bob has an account and is outside.
fn hall() -> Town {
    let mut town = Town::with(&["alice", "bob"]);
    for name in ["alice", "bob"] {
        town.make_account(name);
    }
    town.open_hall("alice", "A");
    town
}

fn admin(kind: &str, item: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='{kind}' id='q' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query></iq>"
    )
}

fn give(town: &mut Town, item: &str) {
    town.send("alice", &admin("set", item));
    one(&town.inbox("alice"), &["type='result'", "id='q'"]);
}

#[test]
fn whoever_has_the_name_later_inherits_no_membership_and_no_nickname() {
    let mut town = hall();
    town.configure("alice", &[("membersonly", "1")]);
    give(
        &mut town,
        "<item jid='bob@test' affiliation='member' nick='Bob'/>",
    );
    town.enter("bob", "Bob");
    one(&town.inbox("bob"), &["code='110'", "affiliation='member'"]);
    town.log_out("bob");

    town.make_account_again("bob");

    town.log_in("bob");
    town.enter("bob", "Bob");
    one(&town.inbox("bob"), &["<registration-required"]);
    town.clear();
    town.send("alice", &admin("get", "<item affiliation='member'/>"));
    none(&town.inbox("alice"), &["bob@test"]);
    give(
        &mut town,
        "<item jid='alice@test' affiliation='owner' nick='Bob'/>",
    );
}

#[test]
fn an_old_row_goes_when_the_new_account_enters() {
    let mut town = hall();
    give(&mut town, "<item jid='bob@test' affiliation='admin'/>");
    town.make_account_again("bob");

    town.enter("bob", "B");

    one(
        &town.inbox("bob"),
        &["code='110'", "affiliation='none'", "role='participant'"],
    );
    assert_eq!(town.room("hall").unwrap().affiliations().count(), 1);
}

#[test]
fn a_ban_is_for_whoever_has_the_name() {
    let mut town = hall();
    give(&mut town, "<item jid='bob@test' affiliation='outcast'/>");

    town.make_account_again("bob");

    town.enter("bob", "B");
    one(&town.inbox("bob"), &["<forbidden"]);
    town.clear();
    town.send("alice", &admin("get", "<item affiliation='outcast'/>"));
    one(&town.inbox("alice"), &["bob@test"]);
}

#[test]
fn what_is_given_before_there_is_an_account_is_for_the_first_one() {
    let mut town = hall();
    give(&mut town, "<item jid='dave@test' affiliation='member'/>");
    town.log_in("dave");
    town.make_account("dave");
    town.enter("dave", "D");
    one(&town.inbox("dave"), &["code='110'", "affiliation='member'"]);
    town.log_out("dave");

    town.make_account_again("dave");

    town.log_in("dave");
    town.enter("dave", "D");
    one(&town.inbox("dave"), &["code='110'", "affiliation='none'"]);
}

#[test]
fn an_owner_whose_account_is_gone_does_not_let_the_last_one_step_down() {
    let mut town = hall();
    give(&mut town, "<item jid='bob@test' affiliation='owner'/>");
    town.make_account_again("bob");

    town.send(
        "alice",
        &admin("set", "<item jid='alice@test' affiliation='none'/>"),
    );

    one(&town.inbox("alice"), &["<conflict"]);
}

#[test]
fn occupant_ids_are_of_accounts_and_not_of_names() {
    let mut town = hall();
    let id = |town: &mut Town| {
        town.clear();
        town.enter("bob", "B");
        let inbox = town.inbox("bob");
        let own = one(&inbox, &["code='110'"]);
        own.split_once("<occupant-id").unwrap().1.to_owned()
    };
    let first = id(&mut town);
    town.log_out("bob");
    town.log_in("bob");
    assert_eq!(id(&mut town), first);
    town.log_out("bob");
    town.make_account_again("bob");
    town.log_in("bob");
    assert_ne!(id(&mut town), first);
}

#[test]
fn members_that_come_and_go_do_not_fill_the_room() {
    let mut town = hall();
    for number in 0..600 {
        for affiliation in ["member", "none"] {
            give(
                &mut town,
                &format!("<item jid='m{number}@test' affiliation='{affiliation}'/>"),
            );
        }
    }
    assert!(town.room("hall").unwrap().rows.iter().count() < 300);
}
