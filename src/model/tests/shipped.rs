//! The byte form of what one node tells the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::model::account::Present;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::message::How;
use crate::model::op::KickReason;
use crate::model::op::Kicked;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::peer::PeerCount;
use crate::model::peer::PeerOccupancy;
use crate::model::peer::PeerSession;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::room::Hearers;
use crate::model::room::Relayed;
use crate::model::room::Removed;
use crate::model::room::Rights;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::room::Shown;
use crate::model::room::Why;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

pub(super) fn full() -> FullJid {
    FullJid::parse("ann@h/a").unwrap()
}

pub(super) fn bare() -> BareJid {
    BareJid::parse("bob@h").unwrap()
}

fn outgoing(kind: Kind) -> Arc<Outgoing> {
    Arc::new(Outgoing {
        kind,
        from: Jid::parse("ann@h/a").unwrap(),
        to: None,
        id: Some("1".into()),
        lang: Some("de".into()),
        payload: b"<body>hi</body>".as_slice().into(),
    })
}

fn present() -> Present {
    Present {
        priority: -5,
        stanza: outgoing(Kind::Presence(PresenceType::Available)),
    }
}

fn shown() -> Arc<Shown> {
    Arc::new(Shown {
        open: outgoing(Kind::Presence(PresenceType::Available)),
        hidden: outgoing(Kind::Presence(PresenceType::Unavailable)),
        own_bytes: 3,
    })
}

fn why() -> Why {
    Why {
        codes: vec![110, 307],
        actor: Some("boss".into()),
        reason: Some("enough".into()),
    }
}

fn changes() -> Vec<RoomChange> {
    let stanza = outgoing(Kind::Message(MessageType::Groupchat));
    let nick: Arc<str> = "nick".into();
    let say = |to| RoomChange::Say {
        stanza: Arc::clone(&stanza),
        to,
    };
    vec![
        say(Hearers::All),
        say(Hearers::Moderators),
        say(Hearers::Occupant { nick: nick.clone() }),
        RoomChange::Join {
            nick: nick.clone(),
            jid: full(),
            session: SessionId(9),
            occupant_id: "occupant".into(),
            silenced: Arc::new(["loud".into()].into()),
            role: RoomRole::Moderator,
            shown: shown(),
            id: None,
            created: true,
            assigned: false,
            history: true,
        },
        RoomChange::Hush {
            nick: nick.clone(),
            silenced: Arc::new(["loud".into()].into()),
        },
        RoomChange::Show {
            nick: nick.clone(),
            jid: full(),
            shown: shown(),
            id: Some("s".into()),
        },
        RoomChange::Rename {
            nick: nick.clone(),
            new: "other".into(),
            shown: vec![(full(), shown())],
        },
        RoomChange::Rights {
            changed: vec![Rights {
                nick: nick.clone(),
                role: RoomRole::Visitor,
                shown: vec![(full(), shown())],
            }],
            why: why(),
        },
        RoomChange::Leave {
            nick: nick.clone(),
            jid: full(),
            said: b"<status/>".as_slice().into(),
        },
        RoomChange::Remove {
            removed: vec![Removed {
                nick,
                devices: vec![full()],
            }],
            why: why(),
        },
        RoomChange::Destroy {
            inside: vec![full()],
            notice: b"<destroy/>".as_slice().into(),
        },
    ]
}

fn relayed() -> [RoomChange; 2] {
    [
        RoomChange::Ask {
            stanza: outgoing(Kind::Iq(IqType::Get)),
            to: full(),
            relayed: Arc::new(Relayed {
                asker: full(),
                id: "r".into(),
                nick: "nick".into(),
            }),
        },
        RoomChange::Reply {
            stanza: outgoing(Kind::Iq(IqType::Result)),
            from: full(),
            to: full(),
        },
    ]
}

fn softs() -> Vec<Soft> {
    let said = outgoing(Kind::Presence(PresenceType::Subscribe));
    let stanza = outgoing(Kind::Iq(IqType::Get));
    let mut softs = vec![
        Soft::Bind {
            jid: full(),
            session: SessionId(1 << 56 | 4),
            node: 1,
            device: Some("phone".into()),
            since: Timestamp::from_unix_ms(5),
        },
        Soft::Unbind {
            jid: full(),
            session: SessionId(4),
            status: Some(b"<status/>".as_slice().into()),
        },
        Soft::Presence {
            jid: full(),
            presence: Some(present()),
            said: Arc::clone(&said),
        },
        Soft::Directed {
            jid: full(),
            to: bare().to_jid(),
            available: true,
            said,
        },
        Soft::Route {
            stanza: Arc::clone(&stanza),
            to: bare().to_jid(),
        },
        Soft::Announce { stanza },
        Soft::Handed {
            session: SessionId(4),
            positions: vec![Position::from_u128(5 << 8)],
        },
    ];
    for want in [Want::Carbons, Want::Roster, Want::Blocks] {
        let (jid, on) = (full(), true);
        softs.push(Soft::Wants { jid, want, on });
    }
    let session = SessionId(4);
    let resource = "a".into();
    for whom in [
        Kicked::All,
        Kicked::Others { session },
        Kicked::Resource { resource },
    ] {
        let (account, why) = (bare(), KickReason::Ended);
        softs.push(Soft::Kick { account, whom, why });
    }
    softs.extend(
        changes()
            .into_iter()
            .chain(relayed())
            .map(|change| Soft::Room {
                room: bare(),
                change: Arc::new(change),
            }),
    );
    softs
}

pub(super) fn entry() -> Entry {
    let mut ops: Vec<Op> = softs().into_iter().map(Op::soft).collect();
    ops.push(Op::row(RecordKey::Node, RowName::VCard, None));
    Entry {
        position: Position::from_u128(1 << 100 | 77 << 8),
        stamp: Hlc::default().next(12, 1),
        op_id: OpId {
            source: 3,
            number: 4,
        },
        origin: Some(Origin {
            jid: full(),
            key: SmKey(5),
            h: 6,
            iq: Some("q".into()),
        }),
        ops,
    }
}

#[test]
fn an_entry_crosses_the_link_with_all_its_ops() {
    let entry = entry();
    let mut bytes = Vec::new();
    entry.encode_shipped(&mut bytes);

    let read = Entry::decode_shipped(&bytes).unwrap();

    assert_eq!(format!("{read:?}"), format!("{entry:?}"));
}

#[test]
fn the_log_has_nothing_volatile() {
    let mut bytes = Vec::new();
    entry().encode(&mut bytes);

    let read = Entry::decode(&bytes).unwrap();

    assert_eq!(read.ops.len(), 1);
    assert!(read.is_durable());
}

#[test]
fn an_entry_that_is_cut_anywhere_is_refused() {
    let mut bytes = Vec::new();
    entry().encode_shipped(&mut bytes);
    for end in 0..bytes.len() {
        assert!(Entry::decode_shipped(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_session_crosses_the_link_as_it_stands() {
    let session = PeerSession {
        jid: full(),
        session: SessionId(4),
        node: 1,
        device: None,
        since: Timestamp::from_unix_ms(5),
        order: Position::from_u128(99 << 8),
        presence: Some(present()),
        carbons: true,
        interested: false,
        watches_blocks: true,
        directed: BTreeSet::from([bare().to_jid()]),
        rooms: vec![PeerOccupancy {
            room: bare(),
            nick: "nick".into(),
            occupant_id: "occupant".into(),
            silenced: Arc::default(),
            role: RoomRole::Participant,
            shown: shown(),
            said: Position::from_u128(98 << 8),
        }],
        counted: Some(PeerCount {
            key: SmKey(5),
            h: 6,
            resume_ms: Some(300_000),
            queue: Some(vec![(Position::from_u128(97 << 8), How::Direct)]),
        }),
        is_inherited: true,
    };
    let read: PeerSession = from_bytes(&to_bytes(&session)).unwrap();
    assert_eq!(format!("{read:?}"), format!("{session:?}"));
}
