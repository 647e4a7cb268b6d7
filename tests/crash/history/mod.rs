//! What clients were promised, and whether the server kept it: the checker, without any input or output.
//!
//! A *line* is everything that one sender sends to one destination, numbered from 0. An *archive* holds
//! lines of several senders. A *register* is a place that one client writes again and again: a contact, a
//! private element. Whatever the server confirms in any way (an acknowledgement, an IQ result, a reflection,
//! a delivery to somebody else) is a promise; after every restart the archives and registers are compared
//! with all promises so far.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A message as an archive or a delivery shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    /// The id that the archive gave it (XEP-0359).
    pub(crate) id: String,
    pub(crate) line: String,
    pub(crate) number: u64,
}

/// A broken promise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Complaint {
    /// Confirmed, and not in the archive.
    Lost {
        archive: String,
        line: String,
        number: u64,
    },
    /// In the archive twice, under two ids.
    Repeated {
        archive: String,
        line: String,
        number: u64,
    },
    /// Behind a later message of the same sender.
    Disordered {
        archive: String,
        line: String,
        number: u64,
    },
    /// Nobody sent it.
    Unknown {
        archive: String,
        line: String,
        number: u64,
    },
    /// Two messages under one id.
    SameId { archive: String, id: String },
    /// What an earlier reading showed at this place is another message now, or gone.
    Rewritten { archive: String, place: usize },
    /// Delivered, and not in the archive under the id it was delivered with.
    Unarchived { archive: String, entry: Entry },
    /// Delivered in another order than the archive has.
    DeliveredOutOfOrder { archive: String, entry: Entry },
    /// In the archive of somebody who never received it.
    Undelivered {
        archive: String,
        line: String,
        number: u64,
    },
    /// A register shows a value that was never written, or one older than a confirmed one.
    Reverted {
        register: String,
        shown: Option<u64>,
    },
    /// A file that was answered with 201 is not given as it was sent.
    File {
        number: u64,
        status: u16,
        bytes: usize,
    },
    /// The server forgot how far it came in a session, although it had acknowledged durable changes.
    Forgotten {
        client: String,
        acknowledged: u32,
        h: Option<u32>,
    },
}

#[derive(Debug, Default)]
struct Line {
    sent: u64,
    promised: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct Archive {
    /// What was there at the last reading, oldest first.
    known: Vec<Entry>,
    /// What was delivered from it since the last reading, by session, in the order of arrival.
    deliveries: Vec<Vec<Entry>>,
    /// What was delivered from it before.
    delivered: BTreeSet<(String, u64)>,
}

#[derive(Debug)]
struct Register {
    /// All values in the order of writing; the first is what was there before.
    written: Vec<Option<u64>>,
    /// The oldest value that may still be shown.
    floor: usize,
}

/// Everything that was sent, said and seen.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: BTreeMap<String, Line>,
    archives: BTreeMap<String, Archive>,
    registers: BTreeMap<String, Register>,
    complaints: Vec<Complaint>,
}

impl History {
    /// The number of the next message of a line.
    pub(crate) fn message_sent(&mut self, line: &str) -> u64 {
        let line = self.lines.entry(line.to_owned()).or_default();
        line.sent += 1;
        line.sent - 1
    }

    pub(crate) fn message_promised(&mut self, line: &str, number: u64) {
        let line = self.lines.entry(line.to_owned()).or_default();
        line.promised.insert(number);
    }

    /// A client of this archive's owner begins a session.
    pub(crate) fn session_began(&mut self, archive: &str) {
        let archive = self.archives.entry(archive.to_owned()).or_default();
        archive.deliveries.push(Vec::new());
    }

    /// A message that the archive's owner received: delivery is a promise as well.
    pub(crate) fn message_delivered(&mut self, archive: &str, entry: Entry) {
        self.message_promised(&entry.line, entry.number);
        let archive = self.archives.entry(archive.to_owned()).or_default();
        match archive.deliveries.last_mut() {
            Some(session) => session.push(entry),
            None => archive.deliveries.push(vec![entry]),
        }
    }

    /// Notes a new value of a register and gives its place in the order of writing.
    pub(crate) fn register_written(&mut self, register: &str, value: Option<u64>) -> usize {
        let register = self.register(register);
        register.written.push(value);
        register.written.len() - 1
    }

    pub(crate) fn register_promised(&mut self, register: &str, place: usize) {
        let register = self.register(register);
        register.floor = register.floor.max(place);
    }

    fn register(&mut self, name: &str) -> &mut Register {
        self.registers
            .entry(name.to_owned())
            .or_insert_with(|| Register {
                written: vec![None],
                floor: 0,
            })
    }

    pub(crate) fn complain(&mut self, complaint: Complaint) {
        self.complaints.push(complaint);
    }

    /// Empty if all promises were kept.
    pub(crate) fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    pub(crate) fn known(&self, archive: &str) -> &[Entry] {
        self.archives
            .get(archive)
            .map_or(&[], |archive| &archive.known)
    }

    /// Messages that were promised so far.
    pub(crate) fn promises(&self) -> usize {
        self.lines.values().map(|line| line.promised.len()).sum()
    }

    /// A register as it was read after a restart.
    pub(crate) fn check_register(&mut self, name: &str, shown: Option<u64>) {
        let register = self.register(name);
        let possible = register.written.iter().enumerate().skip(register.floor);
        match possible.into_iter().find(|(_, value)| **value == shown) {
            Some((place, _)) => register.floor = place,
            None => self.complain(Complaint::Reverted {
                register: name.to_owned(),
                shown,
            }),
        }
    }

    /// A whole archive as it was read after a restart; `lines` are the ones that belong into it.
    pub(crate) fn check_archive(&mut self, name: &str, lines: &[String], entries: Vec<Entry>) {
        let mut found = Vec::new();
        let archive = || name.to_owned();
        let known = self.known(name);
        if let Some(place) = (0..known.len()).find(|&at| entries.get(at) != known.get(at)) {
            found.push(Complaint::Rewritten {
                archive: archive(),
                place,
            });
        }

        let mut ids = BTreeMap::new();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        let mut seen: BTreeSet<(&str, u64)> = BTreeSet::new();
        for (place, entry) in entries.iter().enumerate() {
            let (line, number) = (entry.line.clone(), entry.number);
            if ids.insert(entry.id.as_str(), place).is_some() {
                found.push(Complaint::SameId {
                    archive: archive(),
                    id: entry.id.clone(),
                });
            }
            let sent = self.lines.get(&entry.line).map_or(0, |line| line.sent);
            let belongs = lines.contains(&entry.line);
            if !belongs || number >= sent {
                found.push(Complaint::Unknown {
                    archive: archive(),
                    line,
                    number,
                });
            } else if !seen.insert((&entry.line, number)) {
                found.push(Complaint::Repeated {
                    archive: archive(),
                    line,
                    number,
                });
            } else if last
                .get(entry.line.as_str())
                .is_some_and(|last| *last > number)
            {
                found.push(Complaint::Disordered {
                    archive: archive(),
                    line,
                    number,
                });
            } else {
                last.insert(&entry.line, number);
            }
        }
        for line in lines {
            let promised = self.lines.get(line).map(|line| &line.promised);
            for &number in promised.into_iter().flatten() {
                if !seen.contains(&(line, number)) {
                    found.push(Complaint::Lost {
                        archive: archive(),
                        line: line.clone(),
                        number,
                    });
                }
            }
        }
        self.check_deliveries(name, &entries, &ids, &mut found);

        let archive = self.archives.entry(name.to_owned()).or_default();
        archive.known = entries;
        for entry in archive.deliveries.drain(..).flatten() {
            archive.delivered.insert((entry.line, entry.number));
        }
        self.complaints.append(&mut found);
    }

    fn check_deliveries(
        &self,
        name: &str,
        entries: &[Entry],
        ids: &BTreeMap<&str, usize>,
        found: &mut Vec<Complaint>,
    ) {
        let sessions = self.archives.get(name).map(|archive| &archive.deliveries);
        for session in sessions.into_iter().flatten() {
            let mut last = None;
            for entry in session {
                let place = ids.get(entry.id.as_str()).copied();
                let archive = name.to_owned();
                let entry = entry.clone();
                if place.and_then(|place| entries.get(place)) != Some(&entry) {
                    found.push(Complaint::Unarchived { archive, entry });
                } else if place <= last {
                    found.push(Complaint::DeliveredOutOfOrder { archive, entry });
                } else {
                    last = place;
                }
            }
        }
    }

    /// At the end, when all clients had time to receive: everything of a line reached the archive's owner.
    pub(crate) fn check_delivered(&mut self, name: &str, line: &str) {
        for number in self.undelivered(name, line) {
            self.complain(Complaint::Undelivered {
                archive: name.to_owned(),
                line: line.to_owned(),
                number,
            });
        }
    }

    /// Promised messages of a line that the archive's owner has not received yet.
    pub(crate) fn undelivered(&self, name: &str, line: &str) -> BTreeSet<u64> {
        let mut missing = self
            .lines
            .get(line)
            .map(|line| line.promised.clone())
            .unwrap_or_default();
        if let Some(archive) = self.archives.get(name) {
            let earlier = archive
                .delivered
                .iter()
                .map(|(line, number)| (line, *number));
            let now = archive.deliveries.iter().flatten();
            for (_, number) in earlier
                .chain(now.map(|entry| (&entry.line, entry.number)))
                .filter(|(delivered, _)| *delivered == line)
            {
                missing.remove(&number);
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests;
