//! A board that has the key and says what is not so: whatever of it can be read, the other one goes on.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::base::random::Rng;
use crate::core::tests::duo::Duo;
use crate::core::tests::pair::join;
use crate::core::tests::pair::open_room;

const SEEDS: u64 = 60;
const STEPS: u64 = 120;

/// Something of each kind that is numbered.
const SAID: [&str; 16] = [
    "<message type='chat' to='bob@h' id='m'><body>hello</body></message>",
    "<message type='chat' to='ann@h' id='m'><body>hello</body></message>",
    "<message type='groupchat' to='room@rooms.h' id='g'><body>all</body></message>",
    "<message type='groupchat' to='room@rooms.h' id='s'><subject>new</subject></message>",
    "<presence/>",
    "<presence><show>away</show></presence>",
    "<presence type='unavailable'/>",
    "<presence to='room@rooms.h/nick'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
    "<presence to='room@rooms.h/nick' type='unavailable'/>",
    "<presence type='subscribe' to='bob@h'/>",
    "<presence type='subscribed' to='ann@h'/>",
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='cid@h' name='Cid'/></query></iq>",
    "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Name</FN></vCard></iq>",
    "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='cid@h'/></block></iq>",
    "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'>\
     <item id='i'><a xmlns='b'/></item></publish></pubsub></iq>",
    "<iq type='set' id='a' to='room@rooms.h'><query xmlns='http://jabber.org/protocol/muc#admin'>\
     <item jid='bob@h' affiliation='member'/></query></iq>",
];

fn index(rng: &mut Rng, count: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(count).unwrap())).unwrap()
}

/// A byte is another one, a number the largest or none, or a piece of it stands elsewhere, too.
fn twist(rng: &mut Rng, bytes: &mut [u8]) {
    for _ in 0..=rng.below(3) {
        let at = index(rng, bytes.len());
        let end = bytes.len().min(at + 1 + index(rng, 8));
        match rng.below(4) {
            0 => bytes[at] = u8::try_from(rng.below(256)).unwrap(),
            1 => bytes[at..end].fill(0xff),
            2 => bytes[at..end].fill(0),
            _ => {
                let to = index(rng, bytes.len() - (end - at) + 1);
                bytes.copy_within(at..end, to);
            }
        }
    }
}

fn play(seed: u64) {
    let mut rng = Rng::from_number(seed);
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    for _ in 0..STEPS {
        let one = index(&mut rng, 2);
        let link = [1, 2][one];
        if duo.nodes[one].end_of(link).is_none() {
            let said = SAID[index(&mut rng, SAID.len())];
            duo.nodes[one].say(link, said);
        }
        for _ in 0..rng.below(8) {
            if rng.one_in(3) {
                let to = index(&mut rng, 2);
                duo.twist(to, |bytes| twist(&mut rng, bytes));
            }
            duo.happen(rng.below(6));
        }
        duo.nodes[one].written(link);
        // What a client waits for is reported at once.
        if duo.nodes[one].end_of(link).is_none() && rng.one_in(4) {
            duo.nodes[one].ask_ack(link);
        }
        if rng.one_in(40) {
            duo.pass_ms(61_000);
        }
    }
}

/// The sessions that each is told of at a meeting are not those that there are, and so is what becomes of them.
fn meet(seed: u64) {
    let mut rng = Rng::from_number(seed);
    let mut duo = Duo::new();
    let key = duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    join(&mut duo, 1, 2, "bob");
    duo.nodes[1].chat(2, "ann@h", "unread");
    duo.settle();
    duo.go_apart();
    duo.settle();
    let leader = index(&mut rng, 2);
    duo.meet_and_say(leader, |bytes| twist(&mut rng, bytes));
    duo.settle();
    for (one, link) in [(0, 1), (1, 2)] {
        for said in SAID {
            if duo.nodes[one].end_of(link).is_none() {
                duo.nodes[one].say(link, said);
            }
        }
        duo.settle();
        duo.nodes[one].written(link);
    }
    duo.die(0);
    duo.nodes[1].resume(7, "ann", key, 1);
    duo.settle();
    duo.nodes[1].written(7);
    duo.pass_ms(400_000);
    duo.settle();
}

#[test]
fn no_session_that_can_be_read_ends_the_other_board() {
    for seed in 1..=5 * SEEDS {
        let played = catch_unwind(AssertUnwindSafe(|| meet(seed)));
        assert!(played.is_ok(), "seed {seed}");
    }
}

#[test]
fn nothing_that_can_be_read_ends_the_other_board() {
    for seed in 1..=SEEDS {
        let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
        assert!(played.is_ok(), "seed {seed}");
    }
}
