//! What users keep for themselves on the server: private elements, and items of nodes (XEP-0163).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use meerkat::testing::sim::Change;
use meerkat::testing::sim::Machine;

use crate::checker::excuse::Excuse;
use crate::checker::items::Key;
use crate::client::Device;
use crate::client::LISTS;
use crate::client::Outgoing;
use crate::client::State;
use crate::client::Up;
use crate::world::Reading;
use crate::world::World;

/// One in so many things that are stored is a file, one in so many lists a service (XEP-0357).
const FILE_EVERY: u64 = 4;
const PUSH_EVERY: u64 = 3;

const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";

/// As clients that keep bookmarks say it (XEP-0402 section 3).
const OPTIONS: &str = "<publish-options><x xmlns='jabber:x:data' type='submit'>\
    <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
    <field var='pubsub#persist_items'><value>true</value></field>\
    <field var='pubsub#max_items'><value>max</value></field>\
    <field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options>";

/// The place of what services are told, among nodes.
const PUSH: &str = "push";

/// A service is told from now on, or not any more (XEP-0357 sections 4 and 5).
fn switch_push(id: &str, node: &str, is_off: bool) -> Outgoing {
    let (ns, service) = ("urn:xmpp:push:0", "push.example");
    let switch = if is_off {
        format!("<disable xmlns='{ns}' jid='{service}' node='{node}'/>")
    } else {
        let options = "http://jabber.org/protocol/pubsub#publish-options";
        format!(
            "<enable xmlns='{ns}' jid='{service}' node='{node}'><x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE'><value>{options}</value></field><body>{id}</body></x></enable>"
        )
    };
    Outgoing {
        body: Some(id.to_owned()),
        text: format!("<iq type='set' id='{id}'>{switch}</iq>"),
    }
}

impl World {
    pub(super) fn store_something(&mut self, index: usize, number: u64) -> Outgoing {
        if number.is_multiple_of(FILE_EVERY) {
            return Self::ask_slot(number);
        }
        if self.rng.one_in(2) {
            self.store_element(index, number)
        } else {
            self.change_item(index, number)
        }
    }

    /// Private XML: one element a device, and one for all.
    fn store_element(&mut self, index: usize, number: u64) -> Outgoing {
        let body = format!("s{number}");
        let device = &self.devices[index];
        let is_shared = self.rng.one_in(2);
        let place = if is_shared {
            "shared"
        } else {
            &device.resource
        };
        let ns = format!("sim:{place}");
        let name = format!("{{{ns}}}note");
        self.checker.stored(&body, number, &device.account, &name);
        let note = format!("<note xmlns='{ns}'><body>{body}</body></note>");
        let text = format!(
            "<iq type='set' id='{body}'><query xmlns='jabber:iq:private'>{note}</query></iq>"
        );
        Outgoing {
            body: Some(body),
            text,
        }
    }

    /// A list of the device, as of keys (XEP-0384), or a bookmark of it.
    fn change_item(&mut self, index: usize, number: u64) -> Outgoing {
        let device = &self.devices[index];
        let is_list = self.rng.one_in(2);
        let is_push = is_list && number.is_multiple_of(PUSH_EVERY);
        let (node, item) = if is_push {
            (PUSH.to_owned(), device.resource.clone())
        } else if is_list {
            (
                format!("sim:list:{}", device.resource),
                "current".to_owned(),
            )
        } else {
            let item = format!("{}@rooms.example", device.resource);
            (BOOKMARKS.to_owned(), item)
        };
        let is_taken_back = self.rng.one_in(4);
        let key = (device.account.clone(), node.clone(), item.clone());
        let id = format!("{}{number}", if is_taken_back { 'd' } else { 'e' });
        self.checker.item_changed(&id, number, key, is_taken_back);
        if is_push {
            return switch_push(&id, &item, is_taken_back);
        }
        let note = format!("<note xmlns='sim:note'><body>{id}</body></note>");
        let inside = match (is_taken_back, is_list) {
            (true, _) => {
                format!("<retract node='{node}' notify='true'><item id='{item}'/></retract>")
            }
            (false, true) => {
                format!("<publish node='{node}'><item id='{item}'>{note}</item></publish>")
            }
            (false, false) => format!(
                "<publish node='{node}'><item id='{item}'><conference xmlns='{BOOKMARKS}' autojoin='true'>\
                 <extensions>{note}</extensions></conference></item></publish>{OPTIONS}"
            ),
        };
        let text = format!(
            "<iq type='set' id='{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{inside}</pubsub></iq>"
        );
        Outgoing {
            body: Some(id),
            text,
        }
    }

    /// A node has changed, as a device is told.
    pub(super) fn hear_change(&mut self, index: usize, change: &Change) {
        let told = &mut self.devices[index].told;
        for _ in &change.retracted {
            told.insert(change.node.clone(), None);
        }
        for (_, body) in &change.published {
            told.insert(change.node.clone(), Some(body.clone()));
        }
    }

    /// The server asks what the client wants to hear of (XEP-0115 section 6.2).
    pub(super) fn answer_what_it_hears_of(&mut self, index: usize, id: &str, from: &str) {
        let text = Device::answer_disco(id, from);
        let up = self.devices[index].transmit(Outgoing { body: None, text });
        self.send(index, up);
    }

    /// At the end each device looks at everything that its account keeps.
    pub(super) fn ask_items(&mut self, index: usize) -> Vec<Up> {
        let device = &mut self.devices[index];
        if self.reading != Reading::Anew || !device.can_send() || device.asked >= NODES.len() {
            return Vec::new();
        }
        let number = device.asked;
        device.asked += 1;
        let items = format!("<items node='{}'/>", NODES[number]);
        let text = format!(
            "<iq type='get' id='q{number}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{items}</pubsub></iq>"
        );
        device.transmit(Outgoing { body: None, text })
    }

    /// What is there is what was stored last, and whoever wants to hear of it has.
    pub(super) fn check_items(&self) -> Result<(), String> {
        for (index, device) in self.devices.iter().enumerate() {
            let mut found = found(device);
            let pushes = self.machines[0].pushes(&device.account).into_iter();
            found.extend(pushes.map(|(node, body)| {
                let key = (device.account.clone(), PUSH.to_owned(), node);
                (key, body)
            }));
            self.checker.check_items(&device.account, &found)?;
            let has_moved = self.checker.moved.contains(&(index, device.session));
            if device.stream.is_none() {
                continue;
            }
            for list in LISTS {
                let key = (
                    device.account.clone(),
                    list.to_owned(),
                    "current".to_owned(),
                );
                let told = device.told.get(list).cloned().flatten();
                let is_missed = told.as_ref() != found.get(&key);
                let excuses = &self.checker.excuses;
                if is_missed
                    && !excuses.admit(Excuse::PresenceGone, has_moved)
                    && !excuses.admit(Excuse::Older, device.is_older)
                {
                    return Err(format!(
                        "{} was told {told:?} of {list}, where {:?} is",
                        device.jid(),
                        found.get(&key)
                    ));
                }
            }
        }
        self.checker
            .check_files(|account| self.machines[0].files(account))
    }
}

impl World {
    /// Both boards have the same occupants in the room, each with a session that its client goes on with.
    pub(super) fn check_held(&self) -> Result<BTreeSet<String>, String> {
        let online = self.devices.iter().filter(|one| one.state == State::Online);
        let nicks: BTreeSet<String> = online.map(Device::nick).collect();
        let held: Vec<_> = self.machines.iter().map(Machine::occupants).collect();
        for (board, held) in held.iter().enumerate() {
            let mut ghosts = held.iter();
            let ghost = ghosts.find(|(nick, is_there)| !**is_there || !nicks.contains(*nick));
            if let Some((nick, _)) = ghost {
                return Err(format!("board {board} has {nick} in the room, who is gone"));
            }
        }
        let mut held = held.into_iter().map(|one| one.into_keys().collect());
        let first: BTreeSet<String> = held.next().unwrap_or_default();
        match held.find(|one| *one != first) {
            Some(other) => Err(format!("in the room are {first:?} and {other:?}")),
            None => Ok(first),
        }
    }

    /// Whoever is inside sees those who are, and nobody who is gone. `held`: who is, for the boards.
    pub(super) fn check_occupants(&self, held: &BTreeSet<String>) -> Result<(), String> {
        let all = || self.devices.iter().enumerate();
        let has_moved = |(index, device): &(usize, &Device)| {
            self.checker.moved.contains(&(*index, device.session))
        };
        let inside = || all().filter(|(_, device)| device.inside_from.is_some());
        let nicks: BTreeSet<String> = inside().map(|(_, device)| device.nick()).collect();
        let sure = inside().filter(|one| !has_moved(one));
        let sure: Vec<String> = sure.map(|(_, device)| device.nick()).collect();
        // Who is inside, but for all that it has heard.
        let unheard = all().filter(|one| one.1.inside_from.is_none() && has_moved(one));
        let unheard = unheard.map(|(_, device)| device.nick());
        let unheard: BTreeSet<String> = unheard.filter(|nick| held.contains(nick)).collect();
        for one in inside() {
            let (_, device) = one;
            let is_unheard = |nick: &&String| {
                let excuses = &self.checker.excuses;
                excuses.admit(Excuse::PresenceGone, unheard.contains(*nick))
            };
            let mut ghosts = device.occupants.difference(&nicks);
            let ghost = ghosts.find(|nick| !is_unheard(nick));
            let missing = sure.iter().find(|nick| !device.occupants.contains(*nick));
            let is_wrong = ghost.is_some() || missing.is_some();
            let excuses = &self.checker.excuses;
            if is_wrong && !excuses.admit(Excuse::PresenceGone, has_moved(&one)) {
                return Err(format!(
                    "{} sees {ghost:?} in the room, who is gone, and not {missing:?}",
                    device.jid()
                ));
            }
        }
        Ok(())
    }
}

/// What devices look at.
pub(super) const NODES: [&str; 3] = [LISTS[0], LISTS[1], BOOKMARKS];

fn found(device: &Device) -> BTreeMap<Key, String> {
    let mut found = BTreeMap::new();
    for (number, items) in &device.answers {
        for (id, body) in items {
            let node = NODES[*number].to_owned();
            found.insert((device.account.clone(), node, id.clone()), body.clone());
        }
    }
    found
}
