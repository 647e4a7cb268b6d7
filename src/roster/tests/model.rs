//! Random evenings of three users: what their clients know from stanzas alone is what the rows say.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::random::Rng;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::route::tests::house::House;
use crate::route::tests::house::bare;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;

const NAMES: [&str; 3] = ["ann", "bob", "eve"];
const CHANGES: [&str; 4] = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"];

/// What a client knows: items of the roster by address, and who is available.
#[derive(Debug, Default)]
struct Client {
    items: BTreeMap<String, String>,
    ver: String,
    seen: BTreeSet<String>,
    is_available: bool,
}

#[derive(Default)]
struct Evening {
    clients: BTreeMap<String, Client>,
    /// Rosters of clients that are gone, by user and version, for those that come back with them.
    caches: BTreeMap<&'static str, (String, BTreeMap<String, String>)>,
}

impl Client {
    fn hear(&mut self, own: &str, text: &str) {
        if text == "replay" {
            return;
        }
        let element = Element::parse(text.as_bytes()).unwrap();
        let root = element.root();
        let from = root.attr("from").unwrap().into_owned();
        match (root.name(), root.attr("type").as_deref()) {
            ("presence", None) => drop(self.seen.insert(from)),
            ("presence", Some("unavailable")) => drop(self.seen.remove(&from)),
            ("iq", Some(kind @ ("set" | "result"))) => {
                if let Some(query) = root.child("query", ns::ROSTER) {
                    assert_eq!(from, own, "{text}");
                    self.read(query, kind == "result");
                }
            }
            ("presence", _) => {}
            other => panic!("{other:?}: {text}"),
        }
    }

    fn read(&mut self, query: Node<'_>, is_all: bool) {
        if is_all {
            self.items.clear();
        }
        self.ver = query.attr("ver").unwrap().into_owned();
        for item in query.children() {
            let jid = item.attr("jid").unwrap().into_owned();
            if item.attr("subscription").as_deref() == Some("remove") {
                self.items.remove(&jid);
            } else {
                let outer = item.outer().into_owned();
                self.items.insert(jid, String::from_utf8(outer).unwrap());
            }
        }
    }
}

impl Evening {
    fn act(&mut self, house: &mut House, rng: &mut Rng) {
        let name = NAMES[usize::try_from(rng.below(3)).unwrap()];
        let other = NAMES[usize::try_from(rng.below(3)).unwrap()];
        let user = format!(
            "{name}/{}",
            ["phone", "desk"][usize::try_from(rng.below(2)).unwrap()]
        );
        if !self.clients.contains_key(&user) {
            return self.log_in(house, rng, name, &user);
        }
        let jid = bare(other);
        match rng.below(16) {
            0 => {
                let client = self.clients.remove(&user).unwrap();
                self.caches.insert(name, (client.ver, client.items));
                house.end(&user);
            }
            1 => self.say(house, &user, "<presence type='unavailable'/>", false),
            2 => self.say(house, &user, "<presence/>", true),
            3 => self.set(
                house,
                &user,
                &format!("<item jid='{jid}' name='{}'/>", rng.below(9)),
            ),
            4 => self.set(
                house,
                &user,
                &format!("<item jid='{jid}' subscription='remove'/>"),
            ),
            _ => {
                let change = CHANGES[usize::try_from(rng.below(4)).unwrap()];
                house.send(&user, &format!("<presence type='{change}' to='{jid}'/>"));
            }
        }
    }

    fn log_in(&mut self, house: &mut House, rng: &mut Rng, name: &'static str, user: &str) {
        house.bind(user);
        let mut client = Client::default();
        if let Some((ver, items)) = self.caches.get(name).filter(|_| rng.one_in(2)) {
            client.ver.clone_from(ver);
            client.items.clone_from(items);
        }
        let ver = &client.ver;
        let iq = format!(
            "<iq type='get' id='g'><query xmlns='{}' ver='{ver}'/></iq>",
            ns::ROSTER
        );
        self.clients.insert(user.to_owned(), client);
        house.send(user, &iq);
        self.say(house, user, "<presence/>", true);
    }

    fn say(&mut self, house: &mut House, user: &str, presence: &str, is_available: bool) {
        let client = self.clients.get_mut(user).unwrap();
        client.is_available = is_available;
        house.send(user, presence);
        if !is_available {
            // From here on it is told nothing, and asks anew when it comes back.
            for text in house.take(user) {
                client.hear(bare(user.split('/').next().unwrap()).as_str(), &text);
            }
            client.seen.clear();
        }
    }

    fn set(&self, house: &mut House, user: &str, item: &str) {
        assert!(self.clients.contains_key(user));
        let jid = item.split('\'').nth(1).unwrap().to_owned();
        let own = bare(user.split('/').next().unwrap());
        let is_listed = house
            .account(own.local().unwrap())
            .contact(&bare(jid.split('@').next().unwrap()))
            .is_some_and(|contact| contact.listed);
        if jid == own.as_str() || (item.contains("'remove'") && !is_listed) {
            return;
        }
        let query = format!("<query xmlns='{}'>{item}</query>", ns::ROSTER);
        house.send(user, &format!("<iq type='set' id='s'>{query}</iq>"));
    }

    fn check(&mut self, house: &mut House) {
        check_rows(house);
        for (user, client) in &mut self.clients {
            let name = user.split('/').next().unwrap();
            let own = bare(name);
            for text in house.take(user) {
                client.hear(own.as_str(), &text);
            }
            let account = house.account(name);
            let listed = account.contacts().filter(|(_, one, _)| one.listed);
            let listed: BTreeSet<&str> = listed.map(|(jid, _, _)| jid.as_str()).collect();
            let items: BTreeSet<&str> = client.items.keys().map(String::as_str).collect();
            assert_eq!(items, listed, "{user}");
            for (jid, contact, _) in account.contacts().filter(|(_, one, _)| one.listed) {
                let item = &client.items[jid.as_str()];
                let subscription = format!("subscription='{}'", contact.subscription());
                assert!(item.contains(&subscription), "{user}: {item}");
                let is_asked = contact.out == Outward::Asked;
                assert_eq!(item.contains("ask='subscribe'"), is_asked, "{user}: {item}");
            }
            if client.is_available {
                assert_eq!(client.seen, visible_to(house, name), "{user}");
            }
        }
    }
}

/// The full addresses of all who are available and may be seen by the user.
fn visible_to(house: &House, name: &str) -> BTreeSet<String> {
    NAMES
        .iter()
        .filter(|other| {
            **other == name
                || house
                    .contact(other, name)
                    .is_some_and(|contact| contact.inward == Inward::From)
        })
        .flat_map(|other| house.account(other).available())
        .map(|(online, _)| online.jid.as_str().to_owned())
        .collect()
}

/// Both sides agree on every subscription.
fn check_rows(house: &House) {
    for one in NAMES {
        for other in NAMES {
            let out = house
                .contact(one, other)
                .map_or(Outward::Without, |row| row.out);
            let inward = house
                .contact(other, one)
                .map_or(Inward::Without, |row| row.inward.clone());
            let agree = match inward {
                Inward::From => out == Outward::To,
                Inward::Asked { .. } => out == Outward::Asked,
                Inward::Without | Inward::Approved => out == Outward::Without,
            };
            assert!(agree, "{one} {out:?} of {other} {inward:?}");
        }
    }
}

#[test]
fn clients_know_what_the_rows_say() {
    for seed in 0..20 {
        let mut rng = Rng::from_number(seed);
        let mut house = House::with(&NAMES);
        let mut evening = Evening::default();
        for _ in 0..300 {
            evening.act(&mut house, &mut rng);
            evening.check(&mut house);
        }
    }
}
