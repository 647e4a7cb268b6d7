//! The house with words for what clients do with nodes.

use crate::route::tests::house::House;

/// A node of an account that some clients want to hear of.
pub(super) const TUNE: &str = "http://jabber.org/protocol/tune";

/// The service's address in the house.
pub(super) const SERVICE: &str = "pubsub.house.example";

/// A session that says that it wants to hear of `nodes`, in an answer to the question that this makes.
pub(super) fn listen(house: &mut House, user: &str, nodes: &[&str]) {
    house.send(
        user,
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>",
    );
    let asked = house.take(user);
    let asked = one(&asked, &["type='get'", "disco#info", "node='n#v'"]);
    let id = between(&asked, "id='", "'");
    let features = nodes
        .iter()
        .map(|node| format!("<feature var='{node}+notify'/>"));
    let features = features.collect::<Vec<_>>().concat();
    house.send(
        user,
        &format!(
            "<iq type='result' id='{id}' to='house.example'>\
             <query xmlns='http://jabber.org/protocol/disco#info' node='n#v'>{features}</query></iq>"
        ),
    );
}

/// `<pubsub/>` with this inside, and what comes back.
pub(super) fn ask(house: &mut House, user: &str, to: &str, kind: &str, inside: &str) -> String {
    request(house, user, to, kind, ("", inside))
}

/// The same in the namespace of owners.
pub(super) fn own(house: &mut House, user: &str, to: &str, kind: &str, inside: &str) -> String {
    request(house, user, to, kind, ("#owner", inside))
}

fn request(
    house: &mut House,
    user: &str,
    to: &str,
    kind: &str,
    (space, inside): (&str, &str),
) -> String {
    let to = if to.is_empty() {
        String::new()
    } else {
        format!(" to='{to}'")
    };
    house.send(
        user,
        &format!(
            "<iq type='{kind}' id='q'{to}>\
             <pubsub xmlns='http://jabber.org/protocol/pubsub{space}'>{inside}</pubsub></iq>"
        ),
    );
    answer(house, user)
}

fn answer(house: &mut House, user: &str) -> String {
    let inbox = house.take(user);
    let (answers, rest): (Vec<String>, Vec<String>) =
        inbox.into_iter().partition(|text| text.contains("id='q'"));
    house.give_back(user, rest);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.into_iter().next().unwrap()
}

/// An item of an account's own node.
pub(super) fn publish(house: &mut House, user: &str, node: &str, id: &str) -> String {
    let inside =
        format!("<publish node='{node}'><item id='{id}'><x xmlns='u:{id}'/></item></publish>");
    ask(house, user, "", "set", &inside)
}

/// A form of this type with these fields.
pub(super) fn form(kind: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(var, value)| format!("<field var='pubsub#{var}'><value>{value}</value></field>"));
    let fields = fields.collect::<Vec<_>>().concat();
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>http://jabber.org/protocol/pubsub#{kind}</value></field>{fields}</x>"
    )
}

/// The only text with all of these parts.
pub(super) fn one(inbox: &[String], parts: &[&str]) -> String {
    let mut found = inbox
        .iter()
        .filter(|text| parts.iter().all(|part| text.contains(part)));
    let first = found
        .next()
        .unwrap_or_else(|| panic!("{parts:?} in {inbox:#?}"));
    assert!(found.next().is_none(), "{parts:?} twice in {inbox:#?}");
    first.clone()
}

/// No text has all of these parts.
pub(super) fn none(inbox: &[String], parts: &[&str]) {
    let found = inbox
        .iter()
        .find(|text| parts.iter().all(|part| text.contains(part)));
    assert_eq!(found, None);
}

pub(super) fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).unwrap().1;
    rest.split_once(end).unwrap().0.to_owned()
}
