//! Whatever came first: both nodes hold the same.

use std::collections::BTreeSet;

use super::*;
use crate::model::row::Cell;

fn records() -> [RecordKey; 3] {
    [
        RecordKey::Node,
        RecordKey::Account { jid: jid(0) },
        RecordKey::Account { jid: jid(1) },
    ]
}

/// What the journal has beyond a link that broke depends on what each node saw first.
fn assert_equal([first, second]: &[Side; 2], has_journal: bool) {
    for record in records() {
        let rows = |side: &Side| {
            let rows = side.state.rows(&record).unwrap().iter();
            let rows =
                rows.filter(|(name, _)| has_journal || !matches!(name, RowName::Lost { .. }));
            rows.map(|(name, cell)| (name.clone(), cell.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(first), rows(second), "{record:?}");
    }
}

#[test]
fn both_nodes_hold_the_same_whatever_came_first() {
    let (mut beside, mut lost, mut parted, mut mixed) = (0, 0, 0, 0);
    for seed in 0..3_000 {
        println!("seed {seed}");
        let breaks = seed % 2 == 0;
        let branches = Branches::of(seed, 1 + seed % 3, breaks);
        assert_equal(&branches.sides, !breaks);
        parted += branches.parted;
        for record in records() {
            let [first, _] = &branches.sides;
            for (name, cell) in first.state.rows(&record).unwrap().iter() {
                beside += usize::from(!cell.beside.is_empty());
                lost += usize::from(matches!(name, RowName::Lost { .. }));
                mixed += usize::from(is_of_both(cell));
            }
        }
    }
    assert!(beside > 1_000 && lost > 1_000, "{beside} {lost}");
    assert!(parted > 100 && mixed > 100, "{parted} {mixed}");
}

/// Whether fields that two nodes have set stand side by side.
fn is_of_both(cell: &Cell) -> bool {
    let parts = cell.beside.iter();
    let parts = parts.filter(|write| write.row.as_ref().is_some_and(Row::is_part));
    let nodes: BTreeSet<u8> = parts.map(|write| write.at.epoch().node).collect();
    cell.row.is_some() && nodes.len() > 1
}

#[test]
fn applying_the_end_of_a_log_again_changes_nothing() {
    for seed in 0..1_000 {
        println!("seed {seed}");
        let breaks = seed % 2 == 0;
        let mut branches = Branches::of(seed, 1 + seed % 3, breaks);
        let from = branches.below(10);
        let [first, second] = &mut branches.sides;
        let from = first.log.len().saturating_sub(from);
        let again: Vec<Item> = first.log.drain(from..).collect();
        for item in again {
            if let Item::Entry(entry) = item {
                first.apply(&entry);
            }
        }
        let sides = [std::mem::take(first), std::mem::take(second)];
        assert_equal(&sides, !breaks);
    }
}
