//! Searches find what a look at every message finds, however many pages it takes.

use std::sync::Arc;

use crate::base::random::Rng;
use crate::base::search_limits::SEARCHED_MESSAGES_MAX;
use crate::base::time::Monotonic;
use crate::core::tail::Tail;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Question;
use crate::effect::query::Searched;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::stanza::words::Words;
use crate::store::Store;
use crate::store::memory;
use crate::store::tests::apply::write;
use crate::store::tests::oracle::Oracle;
use crate::store::tests::query::any_page;
use crate::store::tests::query::filled;
use crate::store::tests::query::mark;
use crate::store::tests::script::Script;
use crate::store::tests::script::Step;

const CACHE_BYTES: usize = 1 << 20;

/// Bodies are of one letter and of any length up to 300: some have so many of them, some have not.
fn any_words(rng: &mut Rng) -> Arc<Words> {
    let letters = usize::try_from(1 + rng.below(320)).unwrap();
    Arc::new(Words::parse(&"X".repeat(letters)).unwrap().unwrap())
}

fn expected(oracle: &Oracle, page: &ArchivePage, words: &Words) -> Option<Vec<Position>> {
    let all = ArchivePage {
        count_max: usize::MAX,
        ..page.clone()
    };
    let Found::Page { rows, .. } = oracle.page(&all) else {
        return None;
    };
    let rows = rows.iter();
    let found = rows.filter(|row| words.are_in(&row.message.payload));
    Some(found.map(|row| row.position).collect())
}

fn question(page: &ArchivePage, words: &Arc<Words>) -> Question {
    Question::Search {
        query_id: None,
        page: page.clone(),
        shows_senders: false,
        words: Arc::clone(words),
    }
}

/// All pages of a search, one after the other; `None`: something is named that is not there.
fn search(
    mut page: ArchivePage,
    mut ask: impl FnMut(&ArchivePage) -> Found,
) -> Option<(Vec<Position>, usize)> {
    let mut all: Vec<Position> = Vec::new();
    for pages in 1..1_000 {
        let Searched {
            rows,
            complete,
            edge,
            ..
        } = match ask(&page) {
            Found::Searched { found } => found,
            Found::NoSuchItem => return None,
            other => panic!("{other:?}"),
        };
        assert!(rows.len() <= page.count_max);
        all.extend(rows.iter().map(|row| row.position));
        if complete {
            all.sort_unstable();
            return Some((all, pages));
        }
        let edge = edge.or_else(|| page.edge(&rows)).unwrap();
        if page.backwards {
            assert!(page.before.is_none_or(|before| edge < before));
            page.before = Some(edge);
        } else {
            assert!(page.after.is_none_or(|after| edge > after));
            page.after = Some(edge);
        }
    }
    panic!("a search without end")
}

fn any_search(rng: &mut Rng, oracle: &Oracle) -> (ArchivePage, Arc<Words>) {
    let mut page = any_page(rng, oracle);
    // A page of none is asked for a count, which a search does not tell.
    page.count_max = page.count_max.max(1);
    (page, any_words(rng))
}

#[test]
fn searches_find_what_a_look_at_all_finds() {
    let (mut some, mut long) = (0, 0);
    for seed in 0..10 {
        let script = Script::growing(seed, 1_000);
        let mut rng = Rng::from_number(seed);
        let store = filled(&script, &mut rng);
        for _ in 0..100 {
            let (page, words) = any_search(&mut rng, &script.oracle);

            let found = search(page.clone(), |page| {
                store
                    .ask(&question(page, &words), &Horizon::none())
                    .unwrap()
                    .0
            });

            let all = found.as_ref().map(|(all, _)| all.clone());
            assert_eq!(all, expected(&script.oracle, &page, &words), "{page:?}");
            some += usize::from(all.is_some_and(|all| !all.is_empty()));
            long += usize::from(found.is_some_and(|(_, pages)| pages > 2));
        }
    }
    assert!(some > 200, "only {some} searches found anything");
    assert!(long > 50, "only {long} searches took more than two pages");
}

/// The tables have the first part, the tail has the rest.
#[test]
fn searches_in_tables_and_tail_find_what_a_look_at_all_finds() {
    for seed in 0..10 {
        let script = Script::growing(seed, 600);
        let mut rng = Rng::from_number(seed);
        let (older, newer) = script.steps.split_at(mark(&mut rng, &script));
        let mut tail = Tail::new(Monotonic::default(), Index::default());
        let store = memory(CACHE_BYTES).unwrap();
        write(&store, older);
        for step in newer {
            if let Step::Entry(index, entry) = step {
                tail.recover(*index, Arc::clone(entry));
            }
        }
        // A checkpoint may have come between: nothing is found twice.
        if seed % 2 == 0 {
            write(&store, &newer[..newer.len() / 2]);
        }
        for _ in 0..100 {
            let (page, words) = any_search(&mut rng, &script.oracle);

            let found = search(page.clone(), |page| ask_both(&store, &tail, page, &words));

            let all = found.map(|(all, _)| all);
            assert_eq!(all, expected(&script.oracle, &page, &words), "{page:?}");
        }
    }
}

fn ask_both(store: &Store, tail: &Tail, page: &ArchivePage, words: &Arc<Words>) -> Found {
    let question = question(page, words);
    let horizon = tail.horizon(&question);
    let (found, upto) = store.ask(&question, &horizon).unwrap();
    tail.unite(&question, found, (upto, tail.delivered()))
}

/// What is searched for in vain does not cost more than what is found.
#[test]
fn a_page_ends_where_it_has_looked_at_enough_and_says_where_that_was() {
    let script = Script::growing(1, 1_000);
    let store = filled(&script, &mut Rng::from_number(1));
    let mut page = any_page(&mut Rng::from_number(1), &script.oracle);
    page.count_max = 50;
    (page.with, page.start, page.end, page.after, page.before) = (None, None, None, None, None);
    page.ids.clear();
    let Found::Page { rows: all, .. } = script.oracle.page(&ArchivePage {
        count_max: usize::MAX,
        ..page.clone()
    }) else {
        panic!("no archive")
    };
    assert!(all.len() > SEARCHED_MESSAGES_MAX);
    let words = Arc::new(Words::parse("nobody said this").unwrap().unwrap());
    for backwards in [false, true] {
        page.backwards = backwards;

        let (found, _) = store
            .ask(&question(&page, &words), &Horizon::none())
            .unwrap();

        let Found::Searched { found } = found else {
            panic!("{found:?}")
        };
        let looked_at = SEARCHED_MESSAGES_MAX - 1;
        let index = if backwards {
            all.len() - 1 - looked_at
        } else {
            looked_at
        };
        assert!(found.rows.is_empty() && !found.complete);
        assert_eq!(found.edge, Some(all[index].position));
    }
}
