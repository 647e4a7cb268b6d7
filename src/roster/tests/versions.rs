//! Versions of a roster (RFC 6121 section 2.6).

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::model::account::Account;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::contact::Contact;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::epochs::Epochs;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::roster::version::changes_since;
use crate::roster::version::version;
use crate::route::tests::house::House;

fn set(house: &mut House, item: &str) -> String {
    house.send(
        "ann/phone",
        &format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{item}</query></iq>"),
    );
    let got = house.take("ann/phone");
    ver_of(&got[0])
}

fn get(house: &mut House, ver: &str) -> Vec<String> {
    house.send(
        "ann/phone",
        &format!("<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver='{ver}'/></iq>"),
    );
    house.take("ann/phone")
}

fn ver_of(text: &str) -> String {
    text.split("ver='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned()
}

fn house() -> House {
    let mut house = House::with(&["ann", "eve"]);
    house.log_in("ann/phone");
    house
}

#[test]
fn a_client_that_knows_everything_gets_an_empty_result() {
    let mut house = house();
    let ver = set(&mut house, "<item jid='a@b.example'/>");

    let got = get(&mut house, &ver);

    assert_eq!(got.len(), 1, "{got:?}");
    assert!(got[0].ends_with("id='g'></iq>"), "{got:?}");
}

/// So many contacts that the whole roster is longer than a few changes.
fn full_house() -> House {
    let mut house = house();
    for n in 0..40 {
        set(&mut house, &format!("<item jid='friend-{n}@b.example'/>"));
    }
    house
}

/// Section 2.6.3: pushes are for what is shorter that way.
#[test]
fn a_roster_that_is_shorter_than_the_pushes_comes_as_a_whole() {
    let mut house = house();
    let ver = set(&mut house, "<item jid='a@b.example'/>");
    set(&mut house, "<item jid='b@b.example' name='B'/>");
    let last = set(
        &mut house,
        "<item jid='a@b.example' subscription='remove'/>",
    );

    let got = get(&mut house, &ver);

    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(ver_of(&got[0]), last);
    assert_eq!(got[0].matches("<item ").count(), 1, "{got:?}");
    assert!(got[0].contains("jid='b@b.example' name='B'"), "{got:?}");
}

#[test]
fn what_changed_since_is_pushed_once_for_each_contact_in_the_order_of_changes() {
    let mut house = full_house();
    let ver = set(&mut house, "<item jid='a@b.example'/>");
    let second = set(&mut house, "<item jid='z@b.example'/>");
    set(&mut house, "<item jid='m@b.example'/>");
    set(&mut house, "<item jid='m@b.example' name='M'/>");
    set(&mut house, "<item jid='n@b.example'/>");
    let last = set(
        &mut house,
        "<item jid='a@b.example' subscription='remove'/>",
    );

    let got = get(&mut house, &ver);

    assert_eq!(got.len(), 5, "{got:?}");
    assert!(
        got[1].contains("jid='z@b.example'") && ver_of(&got[1]) == second,
        "{got:?}"
    );
    assert!(got[2].contains("jid='m@b.example' name='M'"), "{got:?}");
    assert!(got[3].contains("jid='n@b.example'"), "{got:?}");
    assert!(
        got[4].contains("<item jid='a@b.example' subscription='remove'/>"),
        "{got:?}"
    );
    assert_eq!(ver_of(&got[4]), last);
    assert_eq!(get(&mut house, &last).len(), 1);
}

#[test]
fn every_change_has_a_version_of_its_own() {
    let mut house = house();
    let versions = [
        set(&mut house, "<item jid='a@b.example'/>"),
        set(&mut house, "<item jid='a@b.example' name='A'/>"),
        set(&mut house, "<item jid='a@b.example'/>"),
        set(
            &mut house,
            "<item jid='a@b.example' subscription='remove'/>",
        ),
    ];
    let distinct: std::collections::BTreeSet<_> = versions.iter().collect();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn an_unknown_version_gets_the_whole_roster() {
    let mut house = house();
    let ver = set(&mut house, "<item jid='a@b.example'/>");
    let of_another_life = format!("{:016x}{}", 99, ver.get(16..).unwrap());
    let of_the_future = format!("{}{}", ver.get(..16).unwrap(), "f".repeat(32));
    for unknown in [
        "",
        "1",
        "x'".trim_end_matches('\''),
        &of_another_life,
        &of_the_future,
    ] {
        let got = get(&mut house, unknown);
        assert_eq!(got.len(), 1, "{got:?}");
        assert!(got[0].contains("<item jid='a@b.example'"), "{got:?}");
        assert_eq!(ver_of(&got[0]), ver);
    }
}

#[test]
fn a_client_far_behind_gets_the_whole_roster() {
    let mut house = house();
    let ver = set(&mut house, "<item jid='a@b.example'/>");
    for n in 0..65 {
        set(&mut house, &format!("<item jid='c{n}@b.example'/>"));
    }

    let got = get(&mut house, &ver);

    assert_eq!(got.len(), 1);
    assert_eq!(got[0].matches("<item ").count(), 66);
}

#[test]
fn a_request_for_subscription_is_not_told_by_the_roster() {
    let mut house = house();
    let ver = set(&mut house, "<item jid='a@b.example'/>");
    house.log_in("eve/den");
    house.send(
        "eve/den",
        "<presence type='subscribe' to='ann@house.example'/>",
    );
    house.take("ann/phone");

    let got = get(&mut house, &ver);

    assert_eq!(got.len(), 1, "{got:?}");
    assert!(!got[0].contains("eve@"), "{got:?}");
    let ver = ver_of(&got[0]);
    let got = get(&mut house, &ver);
    assert!(got[0].ends_with("id='g'></iq>"), "{got:?}");
}

#[test]
fn a_contact_that_was_removed_and_then_asked_is_gone_for_the_client() {
    let mut house = house();
    let ver = set(&mut house, "<item jid='eve@house.example'/>");
    set(
        &mut house,
        "<item jid='eve@house.example' subscription='remove'/>",
    );
    house.log_in("eve/den");
    house.send(
        "eve/den",
        "<presence type='subscribe' to='ann@house.example'/>",
    );
    house.take("ann/phone");

    let got = get(&mut house, &ver);

    assert_eq!(got.len(), 1, "{got:?}");
    assert!(
        got[0].contains("<query xmlns='jabber:iq:roster'"),
        "{got:?}"
    );
}

#[test]
fn of_many_removed_contacts_the_older_half_is_forgotten_and_no_older_version_known() {
    let mut house = full_house();
    let long_ago = set(&mut house, "<item jid='a@b.example'/>");
    let mut versions = Vec::new();
    for n in 0..257 {
        let jid = format!("c{n}@b.example");
        set(&mut house, &format!("<item jid='{jid}'/>"));
        let ver = set(
            &mut house,
            &format!("<item jid='{jid}' subscription='remove'/>"),
        );
        versions.push(ver);
    }
    assert_eq!(house.account("ann").contact_cells().count(), 298);

    set(&mut house, "<item jid='z@b.example'/>");

    assert_eq!(house.account("ann").contact_cells().count(), 171);
    for unknown in [&long_ago, &versions[126]] {
        let got = get(&mut house, unknown);
        assert!(got[0].contains("<item jid='a@b.example'"), "{got:?}");
    }
    let got = get(&mut house, &versions[255]);
    assert_eq!(got.len(), 3, "{got:?}");
}

/// Where a board alone has written, in an epoch of its own.
fn apart(node: u8, number: u64) -> Position {
    let epoch = Epoch {
        counter: 2,
        node,
        salt: 1,
    };
    Position::new(epoch, number, 0)
}

#[test]
fn a_version_of_one_branch_knows_nothing_of_the_other_whatever_their_order() {
    let mut epochs = Epochs::default();
    let mut rows = Rows::default();
    let root = AccountRow {
        incarnation: Incarnation(7),
        state: AccountState::Enabled,
        admin: false,
        created: Timestamp::from_unix_ms(1),
    };
    let stamp = Hlc::default();
    let root = Some(Row::Account { row: root });
    rows.put(RowName::Account, Cell::new(apart(0, 1), stamp, root));
    for (node, name) in [(0, "a@h"), (1, "b@h")] {
        epochs.add(&EpochRecord {
            epoch: apart(node, 0).epoch(),
            stamp,
            mode: Mode::Solo,
            parents: Vec::new(),
        });
        let contact = Arc::new(Contact {
            listed: true,
            ..Contact::default()
        });
        let jid = BareJid::parse(name).unwrap();
        let cell = Cell::new(apart(node, 5), stamp, Some(Row::Contact { contact }));
        rows.put(RowName::Contact { jid }, cell);
    }
    let account = Account {
        rows: Arc::new(rows),
        ..Account::default()
    };

    for node in [0, 1] {
        let known = version(Incarnation(7), apart(node, 5));
        assert!(changes_since(&account, &known, Some(&epochs)).is_none());
    }
}
