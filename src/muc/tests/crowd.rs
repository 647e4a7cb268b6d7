//! Many people in one room.

use crate::muc::tests::town::Town;

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
