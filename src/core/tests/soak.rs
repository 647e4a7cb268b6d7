//! Two nodes under random work, orders and cuts: in the end both know the same.

use crate::base::random::Rng;
use crate::core::Core;
use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::duo::Duo;
use crate::core::tests::pair::join;
use crate::core::tests::pair::open_room;
use crate::core::tests::pair::say_in_room;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::model::row::Rows;

const NAMES: [&str; 3] = ["ann", "bob", "cid"];
const SEEDS: u64 = 150;
const STEPS: u64 = 250;

struct Soak {
    duo: Duo,
    rng: Rng,
    /// Open streams of each node, and whose they are.
    links: [Vec<(u64, &'static str)>; 2],
    next_link: u64,
    is_apart: bool,
    bodies: u64,
}

impl Soak {
    fn new(seed: u64) -> Self {
        let mut duo = Duo::new();
        duo.arrive(0, 1, "ann");
        duo.arrive(1, 2, "bob");
        join(&mut duo, 0, 1, "ann");
        open_room(&mut duo, 0, 1);
        for node in &mut duo.nodes {
            // Records come late, and leave as soon as they may.
            node.core.limits.resident_max = 1;
            node.loads_wait = seed.is_multiple_of(2);
        }
        Self {
            duo,
            rng: Rng::from_number(seed),
            links: [vec![(1, "ann")], vec![(2, "bob")]],
            next_link: 3,
            is_apart: false,
            bodies: 0,
        }
    }

    fn pick(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap();
        usize::try_from(self.rng.below(count)).unwrap()
    }

    fn act(&mut self) {
        let one = self.pick(2);
        if self.links[one].len() < 2 || self.rng.below(12) == 0 {
            return self.come(one);
        }
        let index = self.pick(self.links[one].len());
        let (link, _) = self.links[one][index];
        let other = NAMES[self.pick(3)];
        let nick = ["x", "y", "z"][self.pick(3)];
        self.bodies += 1;
        let body = format!("m{}", self.bodies);
        let node = &mut self.duo.nodes[one];
        match self.rng.below(14) {
            0..=2 => node.chat(link, &format!("{other}@h"), &body),
            3 => node.say(link, "<presence/>"),
            4 => node.say(link, "<presence type='unavailable'/>"),
            5 => node.say(
                link,
                &format!("<presence type='subscribe' to='{other}@h'/>"),
            ),
            6 => node.say(
                link,
                &format!("<presence type='subscribed' to='{other}@h'/>"),
            ),
            7 | 8 => {
                let ask = "<x xmlns='http://jabber.org/protocol/muc'/>";
                node.say(
                    link,
                    &format!("<presence to='room@rooms.h/{nick}'>{ask}</presence>"),
                );
            }
            9 | 10 => say_in_room(&mut self.duo, one, link, &body),
            11 => node.say(link, "<presence type='unavailable' to='room@rooms.h/x'/>"),
            12 => {
                node.say(link, &format!("<presence to='{other}@h'/>"));
                node.say(
                    link,
                    "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
                );
            }
            _ => {
                self.links[one].remove(index);
                node.step(Input::Closed {
                    link: LinkId(link),
                    orderly: true,
                });
            }
        }
    }

    fn come(&mut self, one: usize) {
        let name = NAMES[self.pick(3)];
        let resource = ["p", "q"][self.pick(2)];
        self.duo.nodes[one].bind(self.next_link, name, resource);
        self.links[one].push((self.next_link, name));
        self.next_link += 1;
    }

    fn change(&mut self) {
        if self.is_apart {
            let leader = self.pick(2);
            self.duo.meet(leader);
        } else {
            self.duo.part();
            for one in [0, 1] {
                if self.rng.below(3) > 0 {
                    self.duo.go_solo(one);
                }
            }
        }
        self.is_apart = !self.is_apart;
    }

    fn finish(&mut self) {
        if self.is_apart {
            self.change();
        }
        self.duo.settle();
    }
}

/// Who is online and who is in which room, as a node knows it.
fn known(core: &Core) -> Vec<String> {
    let mut known = Vec::new();
    for (jid, account) in &core.states.delivered.accounts {
        for online in account.online.values() {
            known.push(format!("{jid} {online:?}"));
        }
    }
    for (jid, room) in &core.states.delivered.rooms {
        for (nick, occupant) in &room.occupants {
            let devices = occupant.devices.iter();
            let devices: Vec<String> = devices
                .map(|(jid, one)| format!("{jid} {:?} {:?}", one.session, one.said))
                .collect();
            known.push(format!(
                "{jid} {nick} {} {:?} {devices:?}",
                occupant.user, occupant.role
            ));
        }
        known.push(format!("{jid} {:?}", room.nicks));
    }
    known
}

/// The rows that guards may name, of the records that both have in memory.
fn rows(core: &Core, other: &Core) -> Vec<String> {
    let held = &core.states.delivered;
    let accounts = held.accounts.keys().cloned();
    let accounts = accounts.map(|jid| RecordKey::Account { jid });
    let rooms = held.rooms.keys().cloned();
    let keys = accounts.chain(rooms.map(|jid| RecordKey::Room { jid }));
    let both = keys.filter(|key| other.states.delivered.holds(key));
    let mut found = Vec::new();
    for key in both {
        let cells = held.rows(&key).into_iter().flat_map(Rows::iter);
        let named = cells.filter(|(name, _)| !matches!(name, RowName::Stream { .. }));
        found.extend(named.map(|(name, cell)| format!("{key:?} {name:?} {cell:?}")));
    }
    found
}

fn check(soak: &Soak, seed: u64) {
    let nodes = &soak.duo.nodes;
    assert_eq!(known(&nodes[0].core), known(&nodes[1].core), "seed {seed}");
    let logs = nodes.each_ref().map(|node| {
        let mut log: Vec<_> = node.appended.iter().map(|entry| entry.position).collect();
        log.sort();
        log
    });
    assert_eq!(logs[0], logs[1], "seed {seed}");
    for (number, node) in nodes.iter().enumerate() {
        let core = &node.core;
        assert!(
            core.order.open.is_empty(),
            "seed {seed}: {:?}",
            core.order.open
        );
        assert!(core.order.is_clear(), "seed {seed}");
        assert!(core.states.over.accounts.is_empty(), "seed {seed}");
        assert!(core.states.over.rooms.is_empty(), "seed {seed}");
        let own = core.own_sessions();
        let mut own: Vec<_> = own.iter().map(|one| one.session).collect();
        own.sort();
        let here: Vec<_> = core.sessions.keys().copied().collect();
        assert_eq!(own, here, "seed {seed}, node {number}");
        for room in core.states.delivered.rooms.values() {
            for (nick, occupant) in &room.occupants {
                let alone = occupant
                    .devices
                    .keys()
                    .all(|jid| jid.bare() == occupant.user);
                assert!(alone, "seed {seed}: two users are {nick}");
            }
        }
    }
}

#[test]
fn both_know_the_same_whatever_the_order_of_what_happens() {
    for seed in 0..SEEDS {
        let mut soak = Soak::new(seed);
        for _ in 0..STEPS {
            if soak.rng.below(3) == 0 {
                soak.act();
            } else {
                let choice = soak.rng.below(6);
                soak.duo.happen(choice);
            }
        }
        soak.finish();
        check(&soak, seed);
        let [one, two] = soak.duo.nodes.each_ref().map(|node| &node.core);
        assert_eq!(rows(one, two), rows(two, one), "seed {seed}");
    }
}

#[test]
fn both_know_the_same_after_cuts() {
    for seed in 0..SEEDS {
        let mut soak = Soak::new(seed);
        for _ in 0..STEPS {
            match soak.rng.below(40) {
                0 => soak.change(),
                1..=14 => soak.act(),
                _ => {
                    let choice = soak.rng.below(6);
                    soak.duo.happen(choice);
                }
            }
        }
        soak.finish();
        check(&soak, seed);
    }
}
