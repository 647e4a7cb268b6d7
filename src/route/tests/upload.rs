//! Slots and files in a house: who gets one, and what becomes of it.

use std::sync::Arc;

use crate::base::ids::FileId;
use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::FileAsk;
use crate::effect::request::Outcome;
use crate::effect::settings::Upload;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::file::FileKeys;
use crate::model::file::FileRow;
use crate::model::file::Slot;
use crate::model::file::SlotMac;
use crate::model::op::Op;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route::tests::house::House;
use crate::stanza::Condition;
use crate::upload;

const DAY_MS: u64 = 86_400_000;

fn house() -> House {
    let mut house = House::with(&["ann", "bob"]);
    house.settings.file_keys = FileKeys::new(&[7; 32]);
    house.settings.upload = Some(Arc::new(Upload {
        host: "upload.house.example".into(),
        url: "https://h".into(),
        file_bytes_max: 100,
        bytes_max: 300,
        day_bytes_max: 250,
        files_max: 4,
        kept_ms: 10 * DAY_MS,
    }));
    house.log_in("ann/phone");
    house
}

fn to_host(house: &mut House, what: &str) -> String {
    let xml = format!("<iq type='get' id='u' to='upload.house.example'>{what}</iq>");
    house.send("ann/phone", &xml);
    house.take("ann/phone").concat()
}

fn request(house: &mut House, name: &str, bytes: u64) -> String {
    let what = format!(
        "<request xmlns='urn:xmpp:http:upload:0' filename='{name}' size='{bytes}' content-type='image/png'/>"
    );
    to_host(house, &what)
}

/// The addresses for PUT and GET.
fn urls(answer: &str) -> (String, String) {
    let urls: Vec<&str> = answer.split("url='").skip(1).collect();
    let url = |at: usize| {
        let url = urls[at].split('\'').next().unwrap();
        url.replace("&amp;", "&")
    };
    (url(0), url(1))
}

fn slot(house: &mut House, bytes: u64) -> (Arc<Slot>, SlotMac) {
    let (put, _) = urls(&request(house, "a.png", bytes));
    parse(house, &put).unwrap()
}

fn parse(house: &House, put: &str) -> Option<(Arc<Slot>, SlotMac)> {
    let path = put.strip_prefix("https://h/upload/").unwrap();
    let (path, query) = path.split_once('?').unwrap();
    let (sealed, name) = path.split_once('/').unwrap();
    let keys = &house.settings.file_keys;
    let parsed = upload::parse_put(keys, "house.example", (sealed, name), query);
    parsed.map(|(slot, mac)| (Arc::new(slot), mac))
}

/// Asks as the web door does, and commits.
fn ask(house: &mut House, ask: &FileAsk) -> Outcome {
    let facts = Facts {
        now: house.now,
        ..Facts::default()
    };
    let view = View::new(&house.state, &house.settings, &facts);
    let (proposal, refused) = match upload::evaluate_ask(&view, ask) {
        Ok(proposal) => (proposal, None),
        Err(Stop::Refuse { error }) => (Proposal::nothing(), Some(error.condition)),
        Err(other) => panic!("{other:?}"),
    };
    house.commit(&proposal.ops);
    upload::outcome(&house.state, ask, refused)
}

fn keep(house: &mut House, (slot, mac): &(Arc<Slot>, SlotMac)) -> Outcome {
    let file = FileRow {
        name: slot.name.clone(),
        content_type: "image/png".into(),
        bytes: slot.bytes,
        hash: [1; 32],
        uploaded: house.now,
        expires: house.now,
    };
    let keep = FileAsk::Keep {
        slot: Arc::clone(slot),
        mac: *mac,
        file: Arc::new(file),
    };
    ask(house, &keep)
}

fn open(house: &mut House, (slot, mac): &(Arc<Slot>, SlotMac)) -> Outcome {
    let open = FileAsk::Open {
        slot: Arc::clone(slot),
        mac: *mac,
    };
    ask(house, &open)
}

fn find(house: &mut House, slot: &Slot) -> Outcome {
    let place = slot.place.clone();
    ask(house, &FileAsk::Find { place })
}

fn refused(condition: Condition) -> Outcome {
    Outcome::Refused { condition }
}

#[test]
fn the_service_is_found_and_says_how_large_a_file_may_be() {
    let mut house = house();
    house.send(
        "ann/phone",
        "<iq type='get' id='i' to='house.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
    );
    let items = house.take("ann/phone").concat();
    assert!(items.contains("jid='upload.house.example'"), "{items}");
    let info = to_host(
        &mut house,
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    );
    for part in [
        "category='store'",
        "type='file'",
        "var='urn:xmpp:http:upload:0'",
        "<value>urn:xmpp:http:upload:0</value>",
        "var='max-file-size'",
        "<value>100</value>",
    ] {
        assert!(info.contains(part), "{part} in {info}");
    }
}

#[test]
fn a_slot_keeps_the_name_and_is_good_once() {
    let mut house = house();
    let (put, get) = urls(&request(&mut house, "tr\u{e8}s cool.png", 10));
    assert!(get.starts_with("https://h/upload/"), "{get}");
    assert!(get.ends_with("/tr%C3%A8s%20cool.png"), "{get}");
    assert!(put.starts_with(&format!("{get}?")), "{put}");

    let slot = slot(&mut house, 10);
    assert_eq!(open(&mut house, &slot), Outcome::Done);
    assert_eq!(find(&mut house, &slot.0), refused(Condition::ItemNotFound));
    let Outcome::File { file } = keep(&mut house, &slot) else {
        panic!("it is not kept");
    };
    assert_eq!(file.expires, house.now.plus_ms(10 * DAY_MS));
    assert!(matches!(find(&mut house, &slot.0), Outcome::File { .. }));

    assert_eq!(open(&mut house, &slot), refused(Condition::Conflict));
    assert_eq!(keep(&mut house, &slot), refused(Condition::Conflict));
}

#[test]
fn every_file_has_an_address_of_its_own() {
    let mut house = house();
    let (first, second) = (request(&mut house, "a", 1), request(&mut house, "a", 1));
    assert_ne!(urls(&first).1, urls(&second).1);
}

#[test]
fn what_is_no_request_is_refused() {
    let mut house = house();
    for what in [
        "filename='a'",
        "size='1'",
        "filename='a' size='0'",
        "filename='a' size='x'",
        "filename='a' size='-1'",
    ] {
        let answer = to_host(
            &mut house,
            &format!("<request xmlns='urn:xmpp:http:upload:0' {what}/>"),
        );
        assert!(answer.contains("<bad-request"), "{what}: {answer}");
    }
    let answer = request(&mut house, "a", 101);
    assert!(answer.contains("<not-acceptable"), "{answer}");
    assert!(answer.contains("<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size>100</max-file-size></file-too-large></error>"), "{answer}");
}

#[test]
fn a_changed_or_late_slot_is_none() {
    let mut house = house();
    let (put, _) = urls(&request(&mut house, "a.png", 10));
    for (old, new) in [
        ("size=10", "size=11"),
        ("until=", "until=9"),
        ("a.png", "b.png"),
        ("mac=", "mac=0"),
        ("type=image%2Fpng", "type=text%2Fhtml"),
        ("&type=image%2Fpng", ""),
        ("/upload/", "/upload/A"),
    ] {
        let changed = put.replace(old, new);
        assert_ne!(changed, put);
        let outcome = parse(&house, &changed).map(|slot| open(&mut house, &slot));
        assert!(
            outcome.is_none_or(|outcome| outcome == refused(Condition::Forbidden)),
            "{changed}"
        );
    }
    let slot = parse(&house, &put).unwrap();
    house.now = house.now.plus_ms(300_000);
    assert_eq!(open(&mut house, &slot), refused(Condition::Forbidden));
}

#[test]
fn quotas_hold_at_the_request_and_when_the_file_has_come() {
    let mut house = house();
    let slots: Vec<_> = (0..4).map(|_| slot(&mut house, 100)).collect();
    assert!(matches!(keep(&mut house, &slots[0]), Outcome::File { .. }));
    assert!(matches!(keep(&mut house, &slots[1]), Outcome::File { .. }));
    // 250 a day.
    assert_eq!(
        keep(&mut house, &slots[2]),
        refused(Condition::ResourceConstraint)
    );
    let answer = request(&mut house, "a", 100);
    let again = house.now.plus_ms(DAY_MS);
    assert!(answer.contains("<resource-constraint"), "{answer}");
    assert!(
        answer.contains("<retry xmlns='urn:xmpp:http:upload:0' stamp='"),
        "{answer}"
    );
    // 300 in all.
    house.now = again;
    let third = slot(&mut house, 100);
    assert!(matches!(keep(&mut house, &third), Outcome::File { .. }));
    assert!(request(&mut house, "a", 1).contains("<resource-constraint"));
    // What has expired makes room, and is found no more.
    house.now = house.now.plus_ms(9 * DAY_MS);
    assert_eq!(
        find(&mut house, &slots[0].0),
        refused(Condition::ItemNotFound)
    );
    assert!(request(&mut house, "a", 100).contains("<slot"));
}

#[test]
fn so_many_files_and_no_more() {
    let mut house = house();
    for _ in 0..4 {
        let slot = slot(&mut house, 1);
        assert!(matches!(keep(&mut house, &slot), Outcome::File { .. }));
    }
    assert!(request(&mut house, "a", 1).contains("4 files"));
}

#[test]
fn who_is_deleted_has_no_files_and_who_comes_after_no_slots() {
    let mut house = house();
    let (used, unused) = (slot(&mut house, 10), slot(&mut house, 10));
    keep(&mut house, &used);
    house.delete("ann");
    assert_eq!(find(&mut house, &used.0), refused(Condition::ItemNotFound));
    assert_eq!(open(&mut house, &unused), refused(Condition::Forbidden));
    let ann = BareJid::parse("ann@house.example").unwrap();
    assert!(
        house.state.accounts[&ann]
            .rows
            .row(&RowName::File {
                id: used.0.place.id
            })
            .is_none()
    );
}

#[test]
fn without_a_service_there_is_no_host() {
    let mut house = house();
    house.settings.upload = None;
    let answer = request(&mut house, "a", 1);
    assert!(answer.contains("<remote-server-not-found"), "{answer}");
}

#[test]
fn the_row_of_a_file_is_for_boards_that_know_of_files() {
    let name = RowName::File { id: FileId(1) };
    let record = RecordKey::Account {
        jid: BareJid::parse("ann@h").unwrap(),
    };
    let file = Arc::new(FileRow {
        name: "a".into(),
        content_type: "a/b".into(),
        bytes: 1,
        hash: [1; 32],
        uploaded: crate::base::time::Timestamp::default(),
        expires: crate::base::time::Timestamp::default(),
    });
    let op = Op::row(record, name, Some(Row::File { file }));
    let bytes = crate::model::codec::to_bytes(&op);
    let read: Op = crate::model::codec::from_bytes(&bytes).unwrap();
    assert_eq!(format!("{read:?}"), format!("{op:?}"));
    assert_eq!(crate::model::codec::Code::level(&op), 2);
}
