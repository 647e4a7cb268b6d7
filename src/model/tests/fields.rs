//! Contacts and configurations changed on two branches, field by field.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::epochs::Epochs;
use crate::model::fields;
use crate::model::merge;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::room::RoomConfig;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;

/// Two boards: what each has, and what it has written since both had the same.
struct Boards {
    sides: [State; 2],
    written: [Vec<(At, Op)>; 2],
    epochs: Epochs,
    name: RowName,
}

fn epoch(counter: u32, node: u8) -> Epoch {
    let salt = 1;
    Epoch {
        counter,
        node,
        salt,
    }
}

fn epochs() -> Epochs {
    let mut epochs = Epochs::default();
    let mut begin = |epoch, mode, parents: &[Position]| {
        epochs.add(&EpochRecord {
            epoch,
            stamp: Hlc::default(),
            mode,
            parents: parents.to_vec(),
        });
    };
    let shared = [Position::new(epoch(1, 0), 9, 0)];
    begin(epoch(1, 0), Mode::Sync, &[]);
    begin(epoch(2, 0), Mode::Solo, &shared);
    begin(epoch(2, 1), Mode::Solo, &shared);
    epochs
}

fn record() -> RecordKey {
    let jid = BareJid::parse("ann@h").unwrap();
    RecordKey::Account { jid }
}

fn contact_of(side: &State, name: &RowName) -> Contact {
    let row = side.rows(&record()).unwrap().row(name);
    let contact = row.and_then(Row::contact);
    contact.map_or_else(Contact::default, |contact| contact.as_ref().clone())
}

impl Boards {
    /// Both have this.
    fn with(name: RowName, row: Row) -> Self {
        let mut side = State::default();
        let RecordKey::Account { jid } = record() else {
            unreachable!("an account")
        };
        side.accounts.insert(jid, Arc::default());
        side.node = Some(Arc::new(Rows::default()));
        let epochs = epochs();
        let at = At {
            position: Position::new(epoch(1, 0), 1, 0),
            stamp: Hlc::default().next(1, 0),
        };
        side.apply(at, &Op::row(record(), name.clone(), Some(row)), &epochs);
        Self {
            sides: [side.clone(), side],
            written: [Vec::new(), Vec::new()],
            epochs,
            name,
        }
    }

    fn of_friends() -> Self {
        let contact = Arc::new(Contact {
            listed: true,
            name: Some("Bob".into()),
            groups: vec!["work".into()],
            ..Contact::default()
        });
        let jid = BareJid::parse("bob@h").unwrap();
        Self::with(RowName::Contact { jid }, Row::Contact { contact })
    }

    /// A board alone writes, at this time; `is_old`: as a program does that knows no fields.
    fn write(&mut self, side: usize, ms: u64, is_old: bool, row: Option<Row>) {
        let number = u64::try_from(self.written[side].len()).unwrap() + 1;
        let node = u8::try_from(side).unwrap();
        let at = At {
            position: Position::new(epoch(2, node), number, 0),
            stamp: Hlc::default().next(ms, node),
        };
        let old = self.sides[side].rows(&record()).unwrap().row(&self.name);
        let row = row.map(|row| {
            if is_old {
                row
            } else {
                fields::narrowed(old, row)
            }
        });
        let op = Op::row(record(), self.name.clone(), row);
        self.sides[side].apply(at, &op, &self.epochs);
        self.written[side].push((at, op));
    }

    fn change(&mut self, side: usize, ms: u64, change: impl FnOnce(&mut Contact)) {
        let mut contact = contact_of(&self.sides[side], &self.name);
        change(&mut contact);
        let contact = Arc::new(contact);
        self.write(side, ms, false, Some(Row::Contact { contact }));
    }

    fn configure(&mut self, side: usize, ms: u64, change: impl FnOnce(&mut RoomConfig)) {
        let mut config = self.config(side);
        change(&mut config);
        let config = Arc::new(config);
        self.write(side, ms, false, Some(Row::RoomConfig { config }));
    }

    fn config(&self, side: usize) -> RoomConfig {
        let row = self.sides[side].rows(&record()).unwrap().row(&self.name);
        row.and_then(Row::room_config).unwrap().as_ref().clone()
    }

    /// Each gets what the other has written. What the contact is then, and what the journal has.
    fn meet(mut self) -> (Option<Row>, Vec<Row>) {
        for (side, written) in self.written.iter().enumerate() {
            for (at, op) in written {
                self.sides[1 - side].apply(*at, op, &self.epochs);
            }
        }
        let [first, second] = self.sides.each_ref().map(|side| {
            let rows = side.rows(&record()).unwrap();
            let journal = side.node.as_ref().unwrap().iter();
            let lost = journal.filter_map(|(_, cell)| merge::read_journal(cell));
            let lost: Vec<Row> = lost.map(|lost| lost.row).collect();
            (rows.cell(&self.name).cloned(), lost)
        });
        assert_eq!(first, second, "both have the same");
        (first.0.and_then(|cell| cell.row), first.1)
    }
}

fn met(boards: Boards) -> (Contact, Vec<Row>) {
    let (row, lost) = boards.meet();
    let contact = row.as_ref().and_then(Row::contact);
    (contact.unwrap().as_ref().clone(), lost)
}

#[test]
fn a_contact_renamed_on_one_board_and_subscribed_to_on_the_other_is_both() {
    let mut boards = Boards::of_friends();
    boards.change(0, 30, |contact| contact.name = Some("Bobby".into()));
    boards.change(1, 10, |contact| contact.out = Outward::Asked);
    boards.change(1, 20, |contact| contact.out = Outward::To);

    let (contact, lost) = met(boards);

    assert_eq!(contact.name.as_deref(), Some("Bobby"));
    assert_eq!(*contact.groups, ["work".into()]);
    assert_eq!(contact.subscription(), "to");
    assert_eq!(lost, []);
}

#[test]
fn of_two_names_the_later_one_holds_and_the_other_is_in_the_journal() {
    let mut boards = Boards::of_friends();
    boards.change(0, 20, |contact| contact.name = Some("later".into()));
    boards.change(1, 10, |contact| {
        contact.name = Some("earlier".into());
        contact.groups = vec!["home".into()];
    });

    let (contact, lost) = met(boards);

    assert_eq!(contact.name.as_deref(), Some("later"));
    assert_eq!(*contact.groups, ["home".into()]);
    let [Row::ContactPart { contact: lost, .. }] = lost.as_slice() else {
        panic!("{lost:?}")
    };
    assert_eq!(lost.name.as_deref(), Some("earlier"));
    assert!(lost.groups.is_empty());
}

#[test]
fn a_contact_removed_after_it_was_renamed_elsewhere_is_removed() {
    let mut boards = Boards::of_friends();
    boards.change(0, 10, |contact| contact.name = Some("Bobby".into()));
    boards.write(1, 20, false, None);

    assert_eq!(boards.meet().0, None);
}

#[test]
fn a_contact_renamed_after_it_was_removed_elsewhere_is_there_without_a_subscription() {
    let mut boards = Boards::of_friends();
    boards.write(1, 10, false, None);
    boards.change(0, 20, |contact| contact.name = Some("Bobby".into()));

    let (contact, _) = met(boards);

    assert!(contact.listed && contact.groups.is_empty());
    assert_eq!(contact.name.as_deref(), Some("Bobby"));
    assert_eq!(contact.subscription(), "none");
}

#[test]
fn who_may_see_somebody_again_is_in_the_roster_that_had_lost_them() {
    let mut boards = Boards::of_friends();
    boards.write(1, 10, false, None);
    boards.change(0, 20, |contact| contact.inward = Inward::From);

    let (contact, _) = met(boards);

    assert!(contact.listed);
    assert_eq!(contact.subscription(), "from");
}

#[test]
fn an_older_program_sets_all_fields() {
    let mut boards = Boards::of_friends();
    boards.change(0, 10, |contact| contact.out = Outward::To);
    let mut contact = contact_of(&boards.sides[1], &boards.name);
    contact.name = Some("Bobby".into());
    let contact = Arc::new(contact);
    boards.write(1, 20, true, Some(Row::Contact { contact }));

    let (contact, _) = met(boards);

    assert_eq!(contact.name.as_deref(), Some("Bobby"));
    assert_eq!(contact.out, Outward::Without);
}

#[test]
fn two_owners_who_configure_different_things_have_both() {
    let config = Arc::new(RoomConfig::default());
    let mut boards = Boards::with(RowName::RoomConfig, Row::RoomConfig { config });
    boards.configure(0, 20, |config| config.name = "Kitchen".into());
    boards.configure(0, 40, |config| config.members_only = true);
    boards.configure(1, 30, |config| config.persistent = true);
    boards.configure(1, 10, |config| config.description = "warm".into());

    let (row, lost) = boards.meet();

    let config = row.as_ref().and_then(Row::room_config).unwrap();
    assert_eq!((&*config.name, &*config.description), ("Kitchen", "warm"));
    assert!(config.members_only && config.persistent);
    assert_eq!(lost, []);
}
