//! Pages, ends and lists are those of a plain search, from the tables alone and with a tail.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::random::Rng;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::tail::Tail;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Purpose;
use crate::effect::query::Question;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::store::Store;
use crate::store::memory;
use crate::store::tests::apply::write;
use crate::store::tests::apply::write_split;
use crate::store::tests::oracle::Oracle;
use crate::store::tests::script::Script;
use crate::store::tests::script::Step;
use crate::store::tests::script::account;
use crate::store::tests::script::name;
use crate::store::tests::script::owner;
use crate::store::tests::script::room;

const CACHE_BYTES: usize = 1 << 20;

pub(super) fn any<T: Clone>(rng: &mut Rng, of: &[T]) -> Option<T> {
    let index = rng.below(u64::try_from(of.len()).unwrap());
    of.get(usize::try_from(index).unwrap()).cloned()
}

pub(super) fn any_page(rng: &mut Rng, oracle: &Oracle) -> ArchivePage {
    let record = match rng.below(5) {
        0 => room(rng.next()),
        _ => account(rng.next()),
    };
    let own = oracle.incarnation(&record).unwrap_or(Incarnation(1));
    let owner = owner(&record);
    let all: Vec<Position> = oracle.messages.keys().copied().collect();
    let own_kept: Vec<Position> = oracle.archive(&owner).iter().map(|(at, _)| *at).collect();
    let some = |once_in: u64, rng: &mut Rng| {
        let of = if rng.one_in(8) { &all } else { &own_kept };
        rng.one_in(once_in).then(|| any(rng, of)).flatten()
    };
    let (after, before) = (some(3, rng), some(3, rng));
    let ids = match rng.below(6) {
        0 => (0..3).filter_map(|_| some(1, rng)).collect(),
        _ => Vec::new(),
    };
    let stamps: Vec<u64> = oracle
        .messages
        .values()
        .map(|(at, _)| at.unix_ms())
        .collect();
    let time = |rng: &mut Rng| {
        let at = rng.one_in(3).then(|| any(rng, &stamps)).flatten();
        at.map(|at| Timestamp::from_unix_ms(at + rng.below(3) - 1))
    };
    let with = name(&account(rng.next())).clone();
    ArchivePage {
        owner,
        incarnation: own,
        with: match rng.below(4) {
            0 => Some(with.to_jid()),
            1 => Some(with.with_resource("phone").unwrap().to_jid()),
            _ => None,
        },
        start: time(rng),
        end: time(rng),
        after,
        before,
        ids,
        backwards: rng.one_in(2),
        count_max: usize::try_from(rng.below(12)).unwrap(),
        flipped: false,
    }
}

fn archive(page: &ArchivePage) -> Question {
    Question::Archive {
        query_id: None,
        page: page.clone(),
        shows_senders: false,
    }
}

fn positions(rows: &[Kept]) -> Vec<(Position, u64)> {
    let row = |row: &Kept| (row.position, row.at.unix_ms());
    rows.iter().map(row).collect()
}

fn assert_same(found: &Found, expected: &Found, page: &ArchivePage) {
    match (found, expected) {
        (Found::NoSuchItem, Found::NoSuchItem) => {}
        (
            Found::Page {
                rows,
                complete,
                total,
            },
            Found::Page {
                rows: expected,
                complete: expected_complete,
                total: expected_total,
            },
        ) => {
            assert_eq!(positions(rows), positions(expected), "{page:?}");
            assert_eq!(complete, expected_complete, "{page:?}");
            assert!(total.is_none() || total == expected_total, "{page:?}");
            // An archive that is being cleared does not know how many are left.
            let is_first = page.after.is_none() && page.before.is_none();
            assert!(total.is_some() || !is_first, "{page:?}");
            for (row, expected) in rows.iter().zip(expected) {
                assert_eq!(row.message, expected.message);
            }
        }
        _ => panic!("{found:?} for {page:?}, not {expected:?}"),
    }
}

pub(super) fn filled(script: &Script, rng: &mut Rng) -> Store {
    let mut store = memory(CACHE_BYTES).unwrap();
    store.clears_max = 5;
    write_split(&store, &script.steps, rng);
    store
}

#[test]
fn pages_are_those_of_a_plain_search() {
    let mut some = 0;
    for seed in 0..10 {
        let script = Script::of(seed, 600);
        let mut rng = Rng::from_number(seed);
        let store = filled(&script, &mut rng);
        for _ in 0..100 {
            let page = any_page(&mut rng, &script.oracle);

            let (found, _) = store.ask(&archive(&page), &Horizon::none()).unwrap();

            let expected = script.oracle.page(&page);
            assert_same(&found, &expected, &page);
            some += usize::from(matches!(expected, Found::Page { rows, .. } if !rows.is_empty()));
        }
    }
    assert!(some > 200, "only {some} pages had anything on them");
}

/// The tables have the first part and perhaps some of the rest, the tail has the rest.
fn assert_united(script: &Script, seed: u64, has_newer: bool) {
    let mut rng = Rng::from_number(seed);
    let mark = mark(&mut rng, script);
    let (older, newer) = script.steps.split_at(mark);
    let mut oracle = Oracle::default();
    let mut tail = Tail::new(Monotonic::default(), Index::default());
    let store = memory(CACHE_BYTES).unwrap();
    write(&store, older);
    for step in older {
        match step {
            Step::Epoch(record) => oracle.begin_epoch(record),
            Step::Entry(_, entry) => oracle.apply(entry),
        }
    }
    for step in newer {
        if let Step::Entry(index, entry) = step {
            oracle.add_messages(entry);
            tail.recover(*index, Arc::clone(entry));
        }
    }
    if has_newer {
        write(&store, &newer[..newer.len() / 2]);
    }
    for _ in 0..100 {
        let page = any_page(&mut rng, &script.oracle);
        let question = archive(&page);

        let horizon = tail.horizon(&question);
        let (found, upto) = store.ask(&question, &horizon).unwrap();
        let found = tail.unite(&question, found, (upto, tail.delivered()));

        assert_same(&found, &oracle.page(&page), &page);
        let question = Question::ArchiveEnds {
            owner: page.owner.clone(),
            incarnation: page.incarnation,
        };
        let (found, upto) = store.ask(&question, &horizon).unwrap();
        let found = tail.unite(&question, found, (upto, tail.delivered()));
        let Found::Ends { first, last } = found else {
            panic!("{found:?}")
        };
        let ends = (first.map(|end| end.0), last.map(|end| end.0));
        assert_eq!(ends, oracle.ends(page.incarnation));
    }
}

#[test]
fn tables_and_tail_united_are_those_of_a_plain_search() {
    for seed in 0..10 {
        assert_united(&Script::of(seed, 600), seed, false);
    }
}

/// A checkpoint may come between the question and the answer: nothing is found twice.
#[test]
fn what_both_the_tables_and_the_tail_have_is_found_once() {
    for seed in 0..10 {
        assert_united(&Script::growing(seed, 600), seed, true);
    }
}

/// What another branch brought has smaller positions than much of what is in the tables already, and
/// is on the right page of an archive, once, wherever it is.
#[test]
fn merged_entries_are_found_once_in_the_tail_and_in_the_tables() {
    for seed in 0..10 {
        let mut script = Script::growing(seed, 600);
        let mut rng = Rng::from_number(seed ^ 0x6d65);
        // Each fourth entry comes after all the others.
        let (epochs, entries): (Vec<Step>, Vec<Step>) = script
            .steps
            .drain(..)
            .partition(|step| matches!(step, Step::Epoch(_)));
        let (late, mut all): (Vec<Step>, Vec<Step>) =
            entries.into_iter().partition(|_| rng.one_in(4));
        all.extend(late);
        let indexes = (1..).map(Index);
        let entries = indexes.zip(all).map(|(index, step)| match step {
            Step::Entry(_, entry) => Step::Entry(index, entry),
            epoch @ Step::Epoch(_) => epoch,
        });
        script.steps = epochs.into_iter().chain(entries).collect();
        assert_united(&script, seed, seed % 2 == 0);
    }
}

fn list(rooms: bool, after: Option<BareJid>, count_max: usize, public_only: bool) -> Question {
    if rooms {
        return Question::Rooms {
            after,
            count_max,
            public_only,
        };
    }
    Question::Accounts {
        after,
        count_max,
        disabled_only: false,
        purpose: Purpose {
            name: "test".into(),
            memo: "".into(),
        },
    }
}

#[test]
fn lists_hold_what_exists_in_the_tables_and_in_the_tail() {
    for seed in 0..20 {
        let script = Script::of(seed, 200);
        let mut rng = Rng::from_number(seed);
        let mark = mark(&mut rng, &script);
        let (older, newer) = script.steps.split_at(mark);
        let mut tail = Tail::new(Monotonic::default(), Index::default());
        let store = memory(CACHE_BYTES).unwrap();
        write(&store, older);
        for step in newer {
            if let Step::Entry(index, entry) = step {
                tail.recover(*index, Arc::clone(entry));
            }
        }
        for _ in 0..20 {
            let (rooms, public_only) = (rng.one_in(2), rng.one_in(2));
            let all = script.oracle.list(rooms, public_only);
            let after = rng.one_in(2).then(|| any(&mut rng, &all)).flatten();
            let count_max = usize::try_from(rng.below(4)).unwrap();
            let question = list(rooms, after.clone(), count_max, public_only);

            let horizon = tail.horizon(&question);
            let (found, _) = store.ask(&question, &horizon).unwrap();

            let Found::List { jids, total } = found else {
                panic!("{found:?}")
            };
            assert_eq!(total, u64::try_from(all.len()).unwrap());
            let mut rest = all;
            rest.retain(|jid| after.as_ref().is_none_or(|after| jid > after));
            rest.truncate(count_max);
            assert_eq!(jids, rest);
        }
    }
}

#[test]
fn history_ends_where_its_bytes_do() {
    let script = Script::growing(3, 600);
    let store = memory(CACHE_BYTES).unwrap();
    write(&store, &script.steps);
    let record = room(0);
    let mut page = any_page(&mut Rng::from_number(1), &script.oracle);
    page = ArchivePage {
        owner: owner(&record),
        incarnation: script.oracle.incarnation(&record).unwrap(),
        with: None,
        start: None,
        end: None,
        after: None,
        before: None,
        ids: Vec::new(),
        backwards: true,
        count_max: 20,
        ..page
    };
    let Found::Page { rows: all, .. } = script.oracle.page(&page) else {
        panic!("no such room")
    };
    assert!(all.len() > 3);
    let newest: usize = all[all.len() - 2..]
        .iter()
        .map(|row| row.message.payload.len())
        .sum();
    let question = Question::RoomHistory {
        page,
        since: None,
        bytes_max: Some(newest),
        silenced: Arc::default(),
    };

    let (found, _) = store.ask(&question, &Horizon::none()).unwrap();

    let Found::Page { rows, .. } = found else {
        panic!("{found:?}")
    };
    assert_eq!(positions(&rows), positions(&all[all.len() - 2..]));
}

pub(super) fn mark(rng: &mut Rng, script: &Script) -> usize {
    usize::try_from(rng.below(u64::try_from(script.steps.len()).unwrap())).unwrap()
}
