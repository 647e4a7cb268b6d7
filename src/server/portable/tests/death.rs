//! An import that dies in any call to the disk, or finds it full, can be made again.

use crate::model::account::AccountState;
use crate::server::portable::tests::House;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;

/// Two users with more than one batch.
fn users() -> String {
    let body = "x".repeat(14_000);
    let message = |number: usize| {
        format!(
            "<result xmlns='urn:xmpp:mam:2' id='{number}'><forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='2024-05-01T00:00:{number:02}Z'/>\
             <message xmlns='jabber:client' from='a@b' to='juliet@capulet.example'>\
             <body>{number} {body}</body></message></forwarded></result>"
        )
    };
    let messages: String = (0..40).map(message).collect();
    format!(
        "<user name='juliet'><query xmlns='jabber:iq:roster'><item jid='romeo@montague.example'/></query>\
         <archive xmlns='urn:xmpp:pie:0#mam'>{messages}</archive></user>\
         <user name='nurse'><vCard xmlns='vcard-temp'><FN>N</FN></vCard><offline-messages>\
         <message xmlns='jabber:client' from='a@b'><body>waits</body>\
         <delay xmlns='urn:xmpp:delay' stamp='2024-05-01T00:00:00Z'/></message></offline-messages></user>"
    )
}

const NAMES: [&str; 2] = ["juliet", "nurse"];

fn wanted() -> Vec<String> {
    let house = House::new();
    house.import_users(&users()).unwrap();
    house.exported(&NAMES)
}

#[test]
fn whatever_an_import_died_of_it_can_be_made_again() {
    let (users, wanted) = (users(), wanted());
    let (mut calls, mut deaths, mut finished) = (0, 0, 0);
    loop {
        // Given an import that dies after so many calls, with its process or with the machine
        let model = Model::new(calls);
        let mut house = House::on(model.disk());
        drop(house.store());
        model.die_after(calls);
        let done = house.import_users(&users);
        if done.is_ok() && !model.is_down() {
            break;
        }
        if calls % 2 == 0 {
            model.kill();
        } else {
            model.cut_power();
        }
        house.disk = model.disk();

        // Then each account is disabled, absent, or already whole; and when it is made again
        let again = house.import_users(&users);

        // Then all is there once
        if let Err(told) = again {
            assert!(told.contains("exists already"), "{calls}: {told}");
            finished += 1;
        }
        assert_eq!(house.exported(&NAMES), wanted, "{calls}");
        let is_enabled = |name: &&str| {
            let row = house.account(name).row().unwrap();
            row.state == AccountState::Enabled
        };
        assert!(NAMES.iter().all(is_enabled), "{calls}");
        (calls, deaths) = (calls + 7, deaths + 1);
    }
    assert!(deaths > 10 && 2 * finished < deaths, "{deaths} {finished}");
}

#[test]
fn a_full_disk_is_told_and_a_larger_one_is_enough() {
    let (users, wanted) = (users(), wanted());
    let mut refusals = 0;
    for quarters in (1..20).step_by(3) {
        // Given a disk that takes a start, and perhaps not all that comes
        let model = Model::new(1);
        let house = House::on(model.disk());
        drop(house.store());
        let used: usize = model.image().values().map(Vec::len).sum();
        model.set_faults(Faults {
            capacity: Some(u64::try_from(used).unwrap() + (quarters << 18)),
            ..Faults::default()
        });

        // When it is full, then that is said, and the same import succeeds when there is room
        let done = house.import_users(&users);
        model.set_faults(Faults::default());
        if let Err(told) = done {
            assert!(told.contains("no space left"), "{told}");
            refusals += 1;
            house.import_users(&users).unwrap();
        }
        drop(house.import_users("<user name='paris'/>"));
        assert_eq!(house.exported(&NAMES), wanted, "{quarters}");
    }
    assert!((1..6).contains(&refusals), "{refusals}");
}
