//! Many people in one room.

use crate::model::room::Occupant;
use crate::model::room::OccupantDevice;
use crate::model::room::Room;
use crate::muc::tests::town::Town;
use crate::stanza::outgoing::Outgoing;

const CROWD: usize = 100;

#[test]
fn what_a_crowd_gets_is_made_once() {
    let names: Vec<String> = (0..CROWD).map(|number| format!("user{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut town = Town::with(&names);
    town.open_hall(names[0], "owner");
    for name in &names[1..] {
        town.enter(name, name);
        town.clear();
    }
    let before = town.made();
    town.log_in("late");
    town.enter("late", "late");
    // Presence of all others, made when they came; two versions of one's own for them, one for
    // oneself, and the subject.
    assert_eq!(town.inbox("late").len(), CROWD + 2);
    assert!(town.made() - before <= 4, "{}", town.made() - before);

    let before = town.made();
    town.say(names[0], "hello");
    assert_eq!(town.made(), before);
    for name in &names {
        assert_eq!(town.inbox(name).len(), 2);
    }
}

const THOUSAND: usize = 1_000;

#[test]
fn a_thousand_come_and_talk_and_nothing_is_made_twice() {
    let names: Vec<String> = (0..THOUSAND)
        .map(|number| format!("user{number}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut town = Town::with(&names);
    town.is_deaf = true;
    town.open_hall(names[0], "owner");
    let mut sends = Vec::new();
    for name in &names[1..] {
        let before = town.sends;
        town.enter(name, name);
        sends.push(town.sends - before);
    }
    // Each one gets all that are there, itself, and the subject; each one there gets one.
    for (there, sends) in (1..).zip(&sends) {
        assert!(*sends <= 2 * there + 2, "{sends} for {there}");
    }
    let before = town.sends;
    town.say(names[0], "hello");
    assert_eq!(town.sends - before, THOUSAND);
    let room = town.room("hall").unwrap();
    assert_eq!(room.occupants.len(), THOUSAND);
    let bytes = bytes_of(room);
    assert!(
        bytes / THOUSAND < 2_048,
        "{} bytes an occupant",
        bytes / THOUSAND
    );
}

/// What the room keeps of its occupants: two versions of each presence, names and addresses.
fn bytes_of(room: &Room) -> usize {
    let devices = room.occupants.values().flat_map(|one| &one.devices);
    let shown = devices.map(|(jid, device)| {
        let both = device.shown.open.payload.len() + device.shown.hidden.payload.len();
        let addresses = 2 * jid.as_str().len() + 2 * device.shown.open.from.as_str().len();
        both + addresses + 2 * size_of::<Outgoing>() + size_of::<OccupantDevice>()
    });
    let names = room.occupants.iter().map(|(nick, one)| {
        2 * nick.len() + one.id.len() + one.user.as_str().len() + size_of::<Occupant>()
    });
    shown.sum::<usize>() + names.sum::<usize>()
}
