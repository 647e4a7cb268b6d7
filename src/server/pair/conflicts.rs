//! The conflict journal for an operator: what was lost when two branches met, and how it comes back.

use std::sync::Arc;

use miniserde::Deserialize;
use miniserde::Serialize;

use crate::effect::request::Command;
use crate::model::claim;
use crate::model::contact::Contact;
use crate::model::fields;
use crate::model::merge::Lost;
use crate::model::merge::read_journal;
use crate::model::op::Op;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::store::Store;
use crate::store::StoreError;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 80;

/// Names are a contract with scripts: fields are added, never renamed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Conflict {
    /// For `pair restore`.
    pub(crate) id: String,
    /// When the value was written: an XEP-0082 date.
    pub(crate) written: String,
    /// The board that wrote it, while the two were apart.
    pub(crate) node: u8,
    /// The account or room.
    pub(crate) of: String,
    pub(crate) what: String,
    /// The value that was lost, in short.
    pub(crate) lost: String,
    /// What is there instead now; empty: nothing.
    pub(crate) kept: String,
    /// Why it cannot be restored; empty: it can.
    pub(crate) bar: String,
}

/// Everything in the journal, the oldest branch first.
pub(crate) fn list(store: &Store) -> Result<Vec<Conflict>, StoreError> {
    let mut found = Vec::new();
    for (at, cell) in journal(store)?.from(&FIRST) {
        let RowName::Lost { at: id } = at else {
            continue;
        };
        if let Some(lost) = read_journal(cell) {
            let kept = rows_of(store, &lost.record)?;
            let kept = kept.row(&lost.name).map(|row| shown(&lost.name, row));
            found.push(Conflict {
                id: format!("{:032x}", id.to_u128()),
                written: lost.written.to_xep0082(),
                node: id.epoch().node,
                of: owner(&lost.record).to_owned(),
                what: what(&lost.name),
                lost: shown(&lost.name, &lost.row),
                kept: kept.unwrap_or_default(),
                bar: bar(&lost.name).unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(found)
}

/// How many there are, as the tables have it, and how many of them are names that were given twice.
pub(crate) fn counts(store: &Store) -> (u64, u64) {
    // Where they cannot be read, the server has told so already.
    let journal = journal(store).unwrap_or_default();
    let lost = journal.from(&FIRST).filter_map(|(at, cell)| {
        let is_journal = matches!(at, RowName::Lost { .. });
        is_journal.then(|| read_journal(cell))?
    });
    lost.fold((0, 0), |(all, names), lost| {
        let is_name = claim::root(&lost.record) == Some(lost.name);
        (all + 1, names + u64::from(is_name))
    })
}

/// What brings a lost value back, and takes it from the journal.
pub(crate) fn restoration(store: &Store, id: &str) -> Result<Command, String> {
    let unknown = || format!("there is no conflict {id}; see: meerkat pair conflicts");
    let at = u128::from_str_radix(id, 16).map_err(|_| unknown())?;
    let journal_name = RowName::Lost {
        at: Position::from_u128(at),
    };
    let rows = journal(store).map_err(|error| error.to_string())?;
    let lost = rows.cell(&journal_name).and_then(read_journal);
    let Lost {
        record, name, row, ..
    } = lost.ok_or_else(unknown)?;
    if let Some(bar) = bar(&name) {
        return Err(bar.to_owned());
    }
    let (RecordKey::Account { jid } | RecordKey::Room { jid }) = &record else {
        return Err("it is the server's own".to_owned());
    };
    let now = rows_of(store, &record).map_err(|error| error.to_string())?;
    let jid = jid.clone();
    let row = safe(&name, row, now.row(&name));
    let ops = vec![
        Op::row(record, name, Some(row)),
        Op::row(RecordKey::Node, journal_name, None),
    ];
    Ok(Command::Restore { jid, ops })
}

/// What is there with what was lost. Who may see whose presence is agreed on by two, and stays as it is.
fn safe(name: &RowName, lost: Row, now: Option<&Row>) -> Row {
    let lost = fields::upon(name, now, Some(&lost)).unwrap_or(lost);
    let Row::Contact { contact } = lost else {
        return lost;
    };
    let now = match now {
        Some(Row::Contact { contact }) => contact.as_ref().clone(),
        _ => Contact::default(),
    };
    let contact = Arc::new(Contact {
        out: now.out,
        inward: now.inward,
        ..contact.as_ref().clone()
    });
    Row::Contact { contact }
}

const FIRST: RowName = RowName::Lost { at: Position::ZERO };

fn journal(store: &Store) -> Result<Rows, StoreError> {
    rows_of(store, &RecordKey::Node)
}

fn rows_of(store: &Store, key: &RecordKey) -> Result<Rows, StoreError> {
    Ok(match store.load(key)? {
        Record::Node { rows } | Record::Leaf { rows } => rows,
        Record::Account { account } => account.rows.as_ref().clone(),
        Record::Room { room } => room.rows.as_ref().clone(),
    })
}

/// Who somebody is, and what was taken from somebody on purpose, is not given back by one word.
fn bar(name: &RowName) -> Option<&'static str> {
    match name {
        RowName::Account => Some(
            "another account has the name; this one is NAME--a or NAME--b: meerkat user enable",
        ),
        RowName::Room => {
            Some("another room has the name; this one is NAME--a or NAME--b, if it persists")
        }
        RowName::Token { .. } => Some("the device logs in with its password again"),
        RowName::Secret { .. } => Some("it is the server's own"),
        _ => None,
    }
}

fn owner(record: &RecordKey) -> &str {
    match record {
        RecordKey::Node => "the server",
        RecordKey::Account { jid } | RecordKey::Room { jid } => jid.as_str(),
        RecordKey::Leaf { leaf } => leaf.owner.as_str(),
    }
}

fn what(name: &RowName) -> String {
    match name {
        RowName::Account => "account".to_owned(),
        RowName::Room => "room".to_owned(),
        RowName::Credentials => "password".to_owned(),
        RowName::Preferences => "archive preferences".to_owned(),
        RowName::VCard => "vCard".to_owned(),
        RowName::Contact { jid } => format!("contact {jid}"),
        RowName::Blocked { jid } => format!("block of {jid}"),
        RowName::Token { .. } => "token of a device".to_owned(),
        RowName::Secret { .. } => "secret".to_owned(),
        RowName::Private { name } => format!("private element {name}"),
        RowName::RoomConfig => "configuration".to_owned(),
        RowName::Subject => "subject".to_owned(),
        RowName::Affiliation { jid } => format!("affiliation of {jid}"),
        RowName::Leaf { node } => format!("configuration of the node {node}"),
        RowName::Item { id } => format!("item {id} of a node"),
        RowName::Subscription { jid } | RowName::FurtherSubscription { jid, .. } => {
            format!("subscription of {jid} to a node")
        }
        RowName::Hat { uri } => format!("hat {uri}"),
        RowName::Worn { jid, uri } => format!("hat {uri} of {jid}"),
        RowName::Applicant { jid } => format!("{jid} asks for membership"),
        RowName::Standing { jid } => format!("affiliation of {jid} to a node"),
        other => format!("{other:?}"),
    }
}

/// A value as one line; secrets are not shown.
fn shown(name: &RowName, row: &Row) -> String {
    let text = match row {
        _ if matches!(name, RowName::Secret { .. }) => "a secret".to_owned(),
        Row::Credentials { .. } => "a password".to_owned(),
        Row::Token { .. } => "a token".to_owned(),
        Row::Blocked => "blocked".to_owned(),
        Row::File { file } => file.name.clone().into(),
        Row::Bytes { bytes } => String::from_utf8_lossy(bytes).into_owned(),
        Row::Subject { subject } => String::from_utf8_lossy(&subject.message.payload).into_owned(),
        Row::Affiliation { row } => format!("{:?}", row.affiliation),
        Row::Account { row } => format!("{:?}", row.state),
        Row::Room { row } if row.destroyed => "destroyed".to_owned(),
        Row::Room { .. } => "there".to_owned(),
        Row::Contact { contact } => {
            let groups = contact.groups.iter().map(|group| format!(" [{group}]"));
            let name = contact.name.as_deref().unwrap_or_default();
            let groups: String = groups.collect();
            format!("{name}{groups}, out {:?}", contact.out)
        }
        other => fields::told(other).unwrap_or_else(|| format!("{other:?}")),
    };
    let line = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one });
    line.take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::jid::BareJid;
    use crate::base::mirror_limits::JOURNAL_MS;
    use crate::model::contact::Outward;
    use crate::model::entry::Entry;
    use crate::model::entry::EpochRecord;
    use crate::model::entry::Mode;
    use crate::model::position::Epoch;
    use crate::model::position::Hlc;
    use crate::model::position::Index;
    use crate::model::position::OpId;
    use crate::store::memory;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn epoch(counter: u32, node: u8) -> Epoch {
        let salt = 1;
        Epoch {
            counter,
            node,
            salt,
        }
    }

    fn ann() -> RecordKey {
        let jid = BareJid::parse("ann@h").unwrap();
        RecordKey::Account { jid }
    }

    fn vcard(text: &str) -> Op {
        let bytes = Arc::from(text.as_bytes());
        Op::row(ann(), RowName::VCard, Some(Row::Bytes { bytes }))
    }

    /// An entry of an epoch, in the log as its only one.
    fn write(store: &Store, index: u64, (epoch, ms): (Epoch, u64), op: Op) {
        let entry = Arc::new(Entry {
            position: Position::new(epoch, index, 0),
            stamp: Hlc::default().next(ms, epoch.node),
            op_id: OpId::default(),
            origin: None,
            ops: vec![op],
        });
        store
            .checkpoint(&[(Index(index), entry)], &epochs(), Index(index))
            .unwrap();
    }

    fn epochs() -> Vec<EpochRecord> {
        let begin = |epoch, mode, parents: &[Position]| EpochRecord {
            epoch,
            stamp: Hlc::default(),
            mode,
            parents: parents.to_vec(),
        };
        let ends = [0, 1].map(|node| Position::new(epoch(2, node), 9, 0));
        vec![
            begin(epoch(2, 0), Mode::Solo, &[]),
            begin(epoch(2, 1), Mode::Solo, &[]),
            begin(epoch(3, 0), Mode::Sync, &ends),
        ]
    }

    /// Both boards have changed Ann's vCard while apart, the second one later.
    fn contested() -> Store {
        let store = memory(1 << 20).unwrap();
        write(&store, 1, (epoch(2, 0), NOW_MS), vcard("one"));
        write(&store, 2, (epoch(2, 1), NOW_MS + 5), vcard("two"));
        store
    }

    fn value(store: &Store) -> String {
        let rows = rows_of(store, &ann()).unwrap();
        let name = RowName::VCard;
        let row = rows.row(&name).map(|row| shown(&name, row));
        row.unwrap_or_default()
    }

    #[test]
    fn a_lost_value_is_listed_and_comes_back() {
        let store = contested();
        let listed = list(&store).unwrap();
        let [one] = listed.as_slice() else {
            panic!("{listed:?}")
        };
        let told = [&one.of, &one.what, &one.lost, &one.kept, &one.bar];
        assert_eq!(told, ["ann@h", "vCard", "one", "two", ""]);

        let Command::Restore { jid, ops } = restoration(&store, &one.id).unwrap() else {
            panic!("no restoration")
        };
        assert_eq!(jid.as_str(), "ann@h");
        for (index, op) in (3..).zip(ops) {
            write(&store, index, (epoch(3, 0), NOW_MS + 9), op);
        }

        assert_eq!(value(&store), "one");
        assert_eq!(list(&store).unwrap(), []);
    }

    #[test]
    fn of_a_contact_the_field_that_was_lost_comes_back_and_no_other() {
        let store = memory(1 << 20).unwrap();
        let jid = BareJid::parse("bob@h").unwrap();
        let name = RowName::Contact { jid };
        let named = |text: &str, out| {
            let contact = Contact {
                listed: true,
                name: Some(text.into()),
                out,
                ..Contact::default()
            };
            let contact = Arc::new(contact);
            fields::narrowed(None, Row::Contact { contact })
        };
        let rows = [named("one", Outward::Without), named("two", Outward::To)];
        for ((index, node), row) in [(1, 0), (2, 1)].into_iter().zip(rows) {
            let op = Op::row(ann(), name.clone(), Some(row));
            write(&store, index, (epoch(2, node), NOW_MS + index), op);
        }
        let listed = list(&store).unwrap();
        assert_eq!(listed[0].lost, "name \"one\"");

        let Command::Restore { ops, .. } = restoration(&store, &listed[0].id).unwrap() else {
            panic!("no restoration")
        };
        for (index, op) in (3..).zip(ops) {
            write(&store, index, (epoch(3, 0), NOW_MS + 9), op);
        }

        let rows = rows_of(&store, &ann()).unwrap();
        let contact = rows.row(&name).and_then(Row::contact).unwrap();
        assert_eq!(contact.name.as_deref(), Some("one"));
        assert_eq!(contact.out, Outward::To);
    }

    #[test]
    fn what_is_no_conflict_is_refused_with_the_way_on() {
        let store = contested();
        for id in ["", "here", "00000000000000000000000000000001"] {
            let refused = restoration(&store, id).unwrap_err();
            assert!(refused.contains("meerkat pair conflicts"), "{refused}");
        }
    }

    #[test]
    fn a_lost_value_is_kept_for_thirty_days() {
        let store = contested();
        let late = NOW_MS + JOURNAL_MS;
        write(&store, 3, (epoch(3, 0), late), vcard("three"));
        assert_eq!(list(&store).unwrap().len(), 1);

        write(&store, 4, (epoch(3, 0), late + 1), vcard("four"));

        assert_eq!(list(&store).unwrap(), []);
    }
}
