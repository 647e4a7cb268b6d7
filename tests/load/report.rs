//! The table at the end: one line per figure, one column per server, and how many times better Meerkat is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

#[derive(Debug)]
struct Line {
    what: String,
    unit: &'static str,
    better: Better,
    values: BTreeMap<String, f64>,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Name and version, in the order of the run.
    columns: Vec<(String, String)>,
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Report {
    /// Later values belong to this server.
    pub(crate) fn column(&mut self, name: &str, version: &str) {
        self.columns.push((name.to_owned(), version.to_owned()));
    }

    pub(crate) fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    pub(crate) fn lower(&mut self, what: &str, unit: &'static str, value: f64) {
        self.add(what, unit, Better::Lower, value);
    }

    pub(crate) fn higher(&mut self, what: &str, unit: &'static str, value: f64) {
        self.add(what, unit, Better::Higher, value);
    }

    fn add(&mut self, what: &str, unit: &'static str, better: Better, value: f64) {
        let Some((column, _)) = self.columns.last() else {
            return;
        };
        eprintln!("  {what:<52} {} {unit}", number(value));
        let index = self
            .lines
            .iter()
            .position(|line| line.what == what && line.unit == unit);
        let index = index.unwrap_or_else(|| {
            self.lines.push(Line {
                what: what.to_owned(),
                unit,
                better,
                values: BTreeMap::new(),
            });
            self.lines.len() - 1
        });
        self.lines[index].values.insert(column.clone(), value);
    }

    pub(crate) fn text(&self, machine: &[String], pinned: bool) -> String {
        let mut out = String::new();
        for line in machine {
            writeln!(out, "{line}").expect("memory");
        }
        let cores = if pinned {
            "server pinned to core 1, clients to core 0"
        } else {
            "server and clients share the cores"
        };
        writeln!(out, "{cores}; archive and stream management on").expect("memory");
        for (name, version) in &self.columns {
            writeln!(out, "{}", format!("{name} {version}").trim_end()).expect("memory");
        }
        writeln!(out).expect("memory");

        write!(out, "{:<52} {:>8}", "", "").expect("memory");
        for (name, _) in &self.columns {
            write!(out, " {name:>14}").expect("memory");
        }
        let compared = self.compared();
        if let Some((_, peer)) = compared {
            write!(out, " {:>14}", format!("vs {peer}")).expect("memory");
        }
        writeln!(out).expect("memory");
        for line in &self.lines {
            write!(out, "{:<52} {:>8}", line.what, line.unit).expect("memory");
            for (name, _) in &self.columns {
                let value = line
                    .values
                    .get(name)
                    .map_or_else(|| "-".to_owned(), |it| number(*it));
                write!(out, " {value:>14}").expect("memory");
            }
            if let Some((own, peer)) = compared {
                write!(out, " {:>14}", factor(line, own, peer)).expect("memory");
            }
            writeln!(out).expect("memory");
        }
        for note in &self.notes {
            writeln!(out, "\n{note}").expect("memory");
        }
        out
    }

    fn compared(&self) -> Option<(&str, &str)> {
        let own = self.columns.iter().find(|(name, _)| name == "meerkat")?;
        let peer = self
            .columns
            .iter()
            .find(|(name, _)| name.starts_with("prosody") || name == "meerkat dev")?;
        Some((&own.0, &peer.0))
    }
}

/// How many times better the first is, as text.
fn factor(line: &Line, own: &str, peer: &str) -> String {
    let (Some(own), Some(peer)) = (line.values.get(own), line.values.get(peer)) else {
        return String::new();
    };
    let (above, below) = match line.better {
        Better::Lower => (peer, own),
        Better::Higher => (own, peer),
    };
    // Nothing is no multiple of something.
    if *below > 0.0 && *above > 0.0 {
        format!("{:.1}x", above / below)
    } else {
        String::new()
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
