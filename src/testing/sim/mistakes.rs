//! Mistakes that are made around the core: in what the tables are given, and in what clients read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::stanza::ns;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::options::Mutation;
use crate::xml::Element;
use crate::xml::Node;

/// Of so many messages one is met by a mistake.
const ONE_IN: u64 = 8;

impl Machine {
    /// What the tables are given.
    pub(super) fn mistaken(
        &self,
        mut entries: Vec<(Index, Arc<Entry>)>,
        fresh: &[EpochRecord],
    ) -> Vec<(Index, Arc<Entry>)> {
        let Some(mutation) = self.mutation else {
            return entries;
        };
        let known = self.shelf.epochs().unwrap_or_default();
        let solo = known.iter().chain(fresh);
        let solo = solo.filter(|record| record.mode == Mode::Solo);
        let solo: BTreeSet<Epoch> = solo.map(|record| record.epoch).collect();
        for (_, entry) in &mut entries {
            match mutation {
                Mutation::SecondLoses if self.node() == 1 => forget_time(entry, 0),
                Mutation::MergedRowDropped if solo.contains(&entry.position.epoch()) => {
                    keep(entry, |op| !is_row(op));
                }
                Mutation::AliasDropped => keep(entry, |op| !is_alias(op)),
                Mutation::RetractionDropped => {
                    keep(entry, |op| !matches!(op, Durable::Retract { .. }));
                }
                Mutation::FileDropped if is_met(entry) => {
                    keep(entry, |op| !is_file(op));
                }
                Mutation::ArchiveHole if is_met(entry) => {
                    keep(entry, |op| !matches!(op, Durable::Message { .. }));
                }
                Mutation::ClockTurnsBack if is_met(entry) => {
                    Arc::make_mut(entry).stamp = Hlc::default();
                }
                _ => {}
            }
        }
        entries
    }

    /// What a client reads instead of what was written.
    pub(super) fn spoiled(&mut self, link: u64, out: Vec<u8>) -> Vec<u8> {
        let Some(mutation) = self.mutation else {
            return out;
        };
        let whole = [b"<stream>".as_slice(), &out, b"</stream>"].concat();
        let Ok(element) = Element::parse(&whole) else {
            return out;
        };
        let mut texts = Vec::new();
        for node in element.root().children() {
            let text = String::from_utf8_lossy(&node.outer()).into_owned();
            match mutation {
                Mutation::ShownTwice if is_kept(node) && self.rng.one_in(ONE_IN) => {
                    texts.extend([text.clone(), text]);
                }
                Mutation::OrderSwapped if is_kept(node) && !texts.is_empty() => {
                    texts.insert(texts.len() - 1, text);
                }
                Mutation::IdChanged if is_kept(node) && self.rng.one_in(ONE_IN) => {
                    texts.push(with_another_id(&text));
                }
                Mutation::OccupantLost if self.resumed.contains(&link) && is_said(node) => {
                    texts.push("<message type='groupchat'/>".to_owned());
                }
                Mutation::NewsDropped
                    if node.has_child("event", ns::PUBSUB_EVENT) && self.rng.one_in(ONE_IN) =>
                {
                    texts.push("<message type='groupchat'/>".to_owned());
                }
                Mutation::GhostStays if is_leaving(node) => {
                    texts.push("<presence from='nobody@sim.example'/>".to_owned());
                }
                Mutation::ShownToAnother if is_kept(node) => {
                    let stray = self.strays.replace((link, text.clone()));
                    texts.push(text);
                    let stray = stray.filter(|(to, _)| *to != link);
                    texts.extend(stray.map(|(_, stray)| stray));
                }
                _ => texts.push(text),
            }
        }
        texts.concat().into_bytes()
    }
}

fn with_another_id(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<stanza-id") else {
        return text.to_owned();
    };
    format!("{before}<stanza-id{}", rest.replacen(" id='", " id='x", 1))
}

/// What this board wrote is older than anything.
fn forget_time(entry: &mut Arc<Entry>, node: u8) {
    if entry.position.epoch().node == node {
        Arc::make_mut(entry).stamp = Hlc::default();
    }
}

/// Both boards come to the same.
fn is_met(entry: &Entry) -> bool {
    entry.position.seq().is_multiple_of(ONE_IN)
}

fn keep(entry: &mut Arc<Entry>, is_kept: impl Fn(&Durable) -> bool) {
    let is_kept = |op: &Op| match op {
        Op::Durable { op } => is_kept(op),
        Op::Soft { .. } => true,
    };
    if !entry.ops.iter().all(is_kept) {
        let ops = &mut Arc::make_mut(entry).ops;
        for op in ops.iter_mut().filter(|op| !is_kept(op)) {
            // Another op in its place: those behind it keep their numbers.
            *op = Op::Durable {
                op: Durable::Forget {
                    record: RecordKey::Node,
                    names: Vec::new(),
                },
            };
        }
    }
}

/// A row that is no second name of a message.
fn is_row(op: &Durable) -> bool {
    matches!(op, Durable::Row { .. }) && !is_alias(op)
}

fn is_file(op: &Durable) -> bool {
    matches!(
        op,
        Durable::Row {
            name: RowName::File { .. },
            ..
        }
    )
}

fn is_alias(op: &Durable) -> bool {
    let alias = |name: &RowName| matches!(name, RowName::Alias { .. });
    matches!(op, Durable::Row { name, .. } if alias(name))
}

/// A message to one, live or late.
fn is_kept(node: Node<'_>) -> bool {
    let is_chat = node.attr("type").as_deref() == Some("chat");
    node.name() == "message" && is_chat && node.has_child("body", ns::CLIENT)
}

fn is_leaving(node: Node<'_>) -> bool {
    node.name() == "presence" && node.attr("type").as_deref() == Some("unavailable")
}

fn is_said(node: Node<'_>) -> bool {
    let is_room = node.attr("type").as_deref() == Some("groupchat");
    node.name() == "message" && is_room
}
