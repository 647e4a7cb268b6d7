//! Where branches of the log have met, and what of each is passed by from another one (rule U10).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::base::device_limits::MEETINGS_MAX;
use crate::base::device_limits::PASSED_BY_MS;
use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::model::epochs::Epochs;
use crate::model::position::Epoch;
use crate::model::position::Position;

pub(crate) type Stretch = RangeInclusive<Position>;

/// What is passed by since which meeting of two branches.
#[derive(Debug, Default)]
pub(crate) struct Meetings {
    stretches: BTreeMap<Epoch, (Timestamp, Vec<Stretch>)>,
    /// Devices that have all, up to an epoch: to be written down.
    caught_up: Vec<(BareJid, Box<str>, Epoch)>,
}

impl Meetings {
    pub(crate) fn of(epochs: &Epochs) -> Self {
        let mut meetings = Self::default();
        for (epoch, at) in epochs.meetings().take(MEETINGS_MAX) {
            meetings.add(epoch, at, epochs);
        }
        meetings
    }

    fn add(&mut self, epoch: Epoch, at: Timestamp, epochs: &Epochs) {
        let stretches = epochs.passed_by(epoch);
        if !stretches.is_empty() {
            self.stretches.insert(epoch, (at, stretches));
        }
        if self.stretches.len() > MEETINGS_MAX {
            self.stretches.pop_first();
        }
    }

    /// An epoch has begun.
    pub(crate) fn follow(&mut self, epoch: Epoch, epochs: &Epochs) {
        let known = epochs.meetings().find(|(one, _)| *one == epoch);
        if let Some((epoch, at)) = known.filter(|_| !self.stretches.contains_key(&epoch)) {
            self.add(epoch, at, epochs);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    pub(crate) fn note_caught_up(&mut self, account: BareJid, device: Box<str>, upto: Epoch) {
        self.caught_up.push((account, device, upto));
    }

    pub(crate) fn take_caught_up(&mut self) -> Vec<(BareJid, Box<str>, Epoch)> {
        std::mem::take(&mut self.caught_up)
    }

    /// What a device may lack that has all that is in the past of `has`.
    pub(crate) fn since(&self, has: &[Epoch], epochs: &Epochs, now: Timestamp) -> Vec<Stretch> {
        let recent = self.stretches.values();
        let recent = recent.filter(|(at, _)| now.since_ms(*at) < PASSED_BY_MS);
        let all = recent.flat_map(|(_, stretches)| stretches);
        let lacks =
            |stretch: &&Stretch| !has.iter().any(|has| epochs.follows(*stretch.end(), *has));
        let all: BTreeSet<(Position, Position)> = all
            .filter(lacks)
            .map(|stretch| (*stretch.start(), *stretch.end()))
            .collect();
        all.into_iter().map(|(first, last)| first..=last).collect()
    }
}
