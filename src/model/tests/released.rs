//! What has been released keeps its bytes: a board reads the log of the board that it was, and the other
//! board's while the two are upgraded one after the other (`model::level`).
//!
//! A test here fails: the value that has changed needs a new tag, of the newest level, beside the old one.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::account::ArchiveDefault;
use crate::model::account::Credentials;
use crate::model::account::LastSeen;
use crate::model::account::Preferences;
use crate::model::account::ScramKeys;
use crate::model::account::StreamRow;
use crate::model::account::Token;
use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::frontier::Frontier;
use crate::model::level::LEVEL_FIRST;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Soft;
use crate::model::peer::PeerCount;
use crate::model::peer::Report;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::RoomChange;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRow;
use crate::model::room::Subject;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Write;
use crate::model::tests::shipped;
use crate::model::tests::shipped::bare;
use crate::model::tests::shipped::full;
use crate::stanza::MessageType;

fn at() -> Position {
    let epoch = Epoch {
        counter: 3,
        node: 1,
        salt: 9,
    };
    Position::new(epoch, 300, 2)
}

fn message() -> Arc<Message> {
    Arc::new(Message {
        kind: MessageType::Chat,
        from: full().to_jid(),
        to: bare().to_jid(),
        id: Some("i".into()),
        lang: None,
        payload: b"<body/>".as_slice().into(),
        sender: Some(full()),
    })
}

fn keys(byte: u8) -> ScramKeys {
    ScramKeys {
        salt: vec![byte; 2],
        iterations: 4_096,
        stored_key: Secret::new([byte; 3].as_slice().into()),
        server_key: Secret::new([byte; 4].as_slice().into()),
    }
}

fn names() -> Vec<RowName> {
    vec![
        RowName::Account,
        RowName::Credentials,
        RowName::LastSeen,
        RowName::Preferences,
        RowName::VCard,
        RowName::Frontier,
        RowName::Contact { jid: bare() },
        RowName::Blocked {
            jid: bare().to_jid(),
        },
        RowName::Token { device: "d".into() },
        RowName::Private { name: "p".into() },
        RowName::Stream { key: SmKey(5) },
        RowName::Room,
        RowName::RoomConfig,
        RowName::Subject,
        RowName::Affiliation { jid: bare() },
        RowName::Secret {
            purpose: "s".into(),
        },
        RowName::Text { name: "t".into() },
        RowName::Created { room: bare() },
        RowName::Lost { at: at() },
        RowName::Swept,
        RowName::Alias { at: at() },
    ]
}

fn account_rows() -> Vec<Row> {
    let mut frontier = Frontier::default();
    frontier.advance(at());
    let contact = |out, inward| Row::Contact {
        contact: Arc::new(Contact {
            listed: true,
            name: Some("n".into()),
            groups: vec!["g".into()],
            out,
            inward,
        }),
    };
    let payload = b"<p/>".as_slice().into();
    vec![
        Row::Account {
            row: AccountRow {
                incarnation: Incarnation(7),
                state: AccountState::Disabled,
                admin: true,
                created: Timestamp::from_unix_ms(8),
            },
        },
        Row::Credentials {
            keys: Arc::new(Credentials {
                sha1: keys(1),
                sha256: keys(2),
            }),
        },
        Row::LastSeen {
            seen: Arc::new(LastSeen {
                at: Timestamp::from_unix_ms(9),
                status: Some("away".into()),
            }),
        },
        Row::Preferences {
            preferences: Arc::new(Preferences {
                default: ArchiveDefault::Roster,
                always: [bare().to_jid()].into(),
                never: [full().to_jid()].into(),
            }),
        },
        contact(Outward::Asked, Inward::Asked { payload }),
        contact(Outward::To, Inward::Approved),
        contact(Outward::Without, Inward::From),
        Row::Blocked,
        Row::Token {
            token: Arc::new(Token {
                mechanism: "m".into(),
                secret: Secret::from("s"),
                expires: Timestamp::from_unix_ms(10),
                previous: Some(Secret::from("p")),
            }),
        },
        Row::Frontier {
            frontier: Arc::new(frontier),
        },
        Row::Stream {
            stream: Arc::new(StreamRow {
                h: 5,
                iq: Some("q".into()),
                at: Timestamp::from_unix_ms(11),
            }),
        },
        Row::Bytes {
            bytes: b"<v/>".as_slice().into(),
        },
    ]
}

fn room_rows() -> Vec<Row> {
    vec![
        Row::Room {
            row: RoomRow {
                incarnation: Incarnation(7),
                created: Timestamp::from_unix_ms(8),
                locked: true,
                destroyed: false,
                secret: [6; 16],
            },
        },
        Row::RoomConfig {
            config: Arc::new(RoomConfig {
                name: "n".into(),
                password: Some("p".into()),
                persistent: true,
                occupants_max: 200,
                private_messages: 3,
                presence_broadcast: 7,
                member_list: 6,
                ..RoomConfig::default()
            }),
        },
        Row::Subject {
            subject: Arc::new(Subject {
                message: message(),
                at: Timestamp::from_unix_ms(12),
            }),
        },
        Row::Affiliation {
            row: Arc::new(AffiliationRow {
                affiliation: Affiliation::Admin,
                account: Some(Incarnation(7)),
                nick: Some("n".into()),
                reason: Some("r".into()),
            }),
        },
    ]
}

fn ops() -> Vec<Durable> {
    let record = RecordKey::Account { jid: bare() };
    let owner = Owner::Room { jid: bare() };
    vec![
        Durable::Row {
            record: RecordKey::Node,
            name: RowName::VCard,
            row: None,
        },
        Durable::Message {
            message: message(),
            places: vec![Place {
                owner: owner.clone(),
                incarnation: Incarnation(7),
                with: bare().to_jid(),
                role: Role::Said,
                archived: true,
            }],
        },
        Durable::Expire { owner, upto: at() },
        Durable::Sweep {
            record: record.clone(),
        },
        Durable::Forget {
            record,
            names: names(),
        },
    ]
}

fn cell() -> Cell {
    let mut cell = Cell::new(at(), Hlc::default().next(12, 1), Some(Row::Blocked));
    cell.beside.push(Write {
        at: at(),
        stamp: Hlc::default(),
        row: None,
    });
    cell
}

fn epoch() -> EpochRecord {
    EpochRecord {
        epoch: at().epoch(),
        stamp: Hlc::default().next(12, 1),
        mode: Mode::Sync,
        parents: vec![at()],
    }
}

fn count() -> PeerCount {
    PeerCount {
        key: SmKey(5),
        h: 6,
        resume_ms: Some(7),
        queue: Some(vec![(at(), crate::model::message::How::Late)]),
    }
}

/// What is read again, of the level that it is said to be.
fn hex<T: Code>(value: &T) -> String {
    let bytes = to_bytes(value);
    assert_eq!(value.level(), LEVEL_FIRST);
    let again = from_bytes::<T>(&bytes).map(|value| to_bytes(&value));
    assert_eq!(again.as_ref(), Ok(&bytes));
    spell(&bytes)
}

fn spell(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[test]
fn what_is_released_keeps_its_bytes() {
    let mut lines = vec![
        hex(&names()),
        hex(&account_rows()),
        hex(&room_rows()),
        hex(&ops()),
        hex(&cell()),
        hex(&epoch()),
        hex(&count()),
        hex(&Report::default()),
    ];
    let mut shipped = Vec::new();
    shipped::entry().encode_shipped(&mut shipped);
    lines.push(spell(&shipped));
    expect_test::expect_file!["released.txt"].assert_eq(&(lines.join("\n") + "\n"));
}

/// The tags below the first of a later level that are understood.
fn tags<T: Code>() -> Vec<u8> {
    let is_known = |tag: &u8| !matches!(from_bytes::<T>(&[*tag]), Err(CodecError::Unknown));
    (0..30).filter(is_known).collect()
}

#[test]
fn what_is_new_has_a_tag_that_tells_its_level() {
    let upto = |first: u8, last: u8| (first..=last).collect::<Vec<u8>>();
    assert_eq!(tags::<RecordKey>(), upto(0, 2));
    assert_eq!(tags::<RowName>(), upto(1, 21));
    assert_eq!(tags::<Row>(), upto(1, 14));
    assert_eq!(tags::<Durable>(), upto(1, 5));
    assert_eq!(tags::<Soft>(), upto(1, 16));
    assert_eq!(tags::<RoomChange>(), upto(1, 11));
}

#[test]
fn a_value_is_as_new_as_the_newest_part_of_it() {
    let (old, new) = (hex(&vec![Some(5_u8)]), Newer::There);
    assert_eq!(old, "010105");
    assert_eq!(vec![Some(Newer::Here), Some(new)].level(), 2);
}

enum Newer {
    Here,
    There,
}

crate::model::codec::coded!(enum Newer { 1 => Here, 30 => There });
