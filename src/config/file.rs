//! Raw settings: what the operator typed, key by key, with the place where it stands.
//!
//! Layers are put on top of each other: the file, what a command brings along, `--set` arguments. The
//! last one to speak about a key wins, and the place of its value goes with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use toml_span::value::Table;
use toml_span::value::ValueInner;

use crate::base::limits::SETTINGS_FILE_BYTES_MAX;
use crate::config::fault::Fault;
use crate::config::fault::Origin;
use crate::config::fault::Problem;
use crate::config::keys::KEYS;
use crate::config::keys::Key;
use crate::config::value::Value;

/// What was typed for known keys; and the mistakes found on the way.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    given: BTreeMap<&'static str, (Value, Origin)>,
    faults: Vec<Fault>,
}

impl Raw {
    /// Lays a settings file on top.
    pub(crate) fn read_file(&mut self, path: &Path) {
        let origin = |line| Origin::File {
            path: path.to_owned(),
            line,
        };
        match read_bounded(path) {
            Ok(text) => self.parse(&text, &origin),
            Err(problem) => self.complain(origin(0), "", problem),
        }
    }

    /// Lays one `KEY=VALUE` on top; the text has its `=` (the command line has checked that).
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.give(name, Value::parse_argument(value), Origin::Argument);
    }

    /// Lays what a command insists on on top.
    pub(crate) fn set_by_command(&mut self, name: &str, value: &str) {
        self.give(name, Value::parse_argument(value), Origin::Command);
    }

    pub(super) fn value(&self, name: &str) -> Option<&(Value, Origin)> {
        self.given.get(name)
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    fn parse(&mut self, text: &str, origin: &dyn Fn(usize) -> Origin) {
        let mut root = match toml_span::parse(text) {
            Ok(root) => root,
            Err(error) => {
                let place = origin(line_at(text, error.span.start));
                return self.complain(place, "", Problem::NotToml(error.to_string()));
            }
        };
        if let ValueInner::Table(table) = root.take() {
            self.walk(text, "", table, origin);
        }
    }

    /// The parser bounds the depth of tables, so that this recursion ends.
    fn walk(
        &mut self,
        text: &str,
        above: &str,
        table: Table<'_>,
        origin: &dyn Fn(usize) -> Origin,
    ) {
        for (key, mut value) in table {
            let name = if above.is_empty() {
                key.name.clone().into_owned()
            } else {
                format!("{above}.{}", key.name)
            };
            let inside = format!("{name}.");
            let is_above_keys = KEYS.iter().any(|key| key.name.starts_with(&inside));
            match value.take() {
                // What is in an unknown table is told key by key, with its neighbours.
                ValueInner::Table(table)
                    if is_above_keys || (Key::find(&name).is_none() && !table.is_empty()) =>
                {
                    self.walk(text, &name, table, origin);
                }
                value => {
                    let place = origin(line_at(text, key.span.start));
                    self.give(&name, Value::from_toml(value), place);
                }
            }
        }
    }

    fn give(&mut self, name: &str, value: Value, origin: Origin) {
        if let Some(key) = Key::find(name) {
            self.given.insert(key.name, (value, origin));
        } else {
            let nearest = nearest(name);
            self.complain(origin, name, Problem::UnknownKey { nearest });
        }
    }

    fn complain(&mut self, origin: Origin, key: &str, problem: Problem) {
        self.faults.push(Fault {
            origin,
            key: key.to_owned(),
            problem,
        });
    }
}

pub(super) fn read_bounded(path: &Path) -> Result<String, Problem> {
    let file = File::open(path).map_err(Problem::FileUnreadable)?;
    let bytes = file.metadata().map_err(Problem::FileUnreadable)?.len();
    let max = SETTINGS_FILE_BYTES_MAX;
    if bytes > max {
        return Err(Problem::FileTooLarge { bytes, max });
    }
    let mut text = String::new();
    file.take(max)
        .read_to_string(&mut text)
        .map_err(Problem::FileUnreadable)?;
    Ok(text)
}

/// Lines count from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// The key that was probably meant: at most a third of its letters away.
fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| (distance(name, key.name), key.name))
        .filter(|(distance, meant)| *distance <= meant.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    if from.len() > to.len() * 2 {
        return from.len();
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(to.bytes()) {
            let above = *cell;
            let changed = diagonal + usize::from(letter != other);
            left = changed.min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changes() {
        for (from, to, changes) in [
            ("domain", "domain", 0),
            ("domian", "domain", 2),
            ("doman", "domain", 1),
            ("", "data", 4),
            ("c2s.reqire_tls", "c2s.require_tls", 1),
        ] {
            assert_eq!(distance(from, to), changes, "{from} {to}");
        }
    }

    #[test]
    fn a_misspelt_key_gets_its_neighbour() {
        assert_eq!(nearest("listen.c2s_tsl"), Some("listen.c2s_tls"));
        assert_eq!(nearest("completely.different"), None);
    }
}
