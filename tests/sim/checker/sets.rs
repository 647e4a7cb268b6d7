//! Private elements (XEP-0049): what was stored, and what is there at the end.

use crate::checker::Checker;
use crate::checker::excuse::Excuse;

/// An element that somebody stored.
#[derive(Clone, Debug)]
pub(super) struct Set {
    number: u64,
    account: String,
    name: String,
    pub(super) resulted: bool,
    /// When it was sent first, and when its result was read.
    pub(super) sent_at: Option<u64>,
    resulted_at: Option<u64>,
    pub(super) course: Course,
}

/// How often the boards had met when something was sent first, and when it was answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    pub(super) sent: Option<u64>,
    pub(super) answered: Option<(u64, By)>,
}

/// Which board answered, and whether it was apart from the other one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By {
    pub(crate) board: usize,
    pub(crate) is_alone: bool,
}

impl Course {
    /// One board alone had answered `before`, and the other one, which did not know of that, answered this:
    /// their clocks say which of the two is the later one.
    pub(super) fn is_beside(&self, before: &Self) -> bool {
        let answers = before.answered.zip(self.answered);
        answers.is_some_and(|((met, one), (_, other))| {
            one.is_alone && one.board != other.board && self.sent == Some(met)
        })
    }
}

/// What begins so is stored by all devices of an account.
const SHARED: &str = "{sim:shared}";

impl Checker {
    pub(crate) fn stored(&mut self, body: &str, number: u64, account: &str, name: &str) {
        let set = Set {
            number,
            account: account.to_owned(),
            name: name.to_owned(),
            resulted: false,
            sent_at: None,
            resulted_at: None,
            course: Course::default(),
        };
        self.sets.insert(body.to_owned(), set);
    }

    /// An answer to a set.
    pub(crate) fn resulted(&mut self, body: &str, by: By, is_durable: bool) -> Result<(), String> {
        let Some(set) = self.sets.get_mut(body) else {
            return Ok(());
        };
        set.resulted = true;
        self.tick += 1;
        set.resulted_at = Some(self.tick);
        set.course.answered = Some((self.met, by));
        if is_durable {
            return Ok(());
        }
        Err(format!("{body} had its result before it was on the disk"))
    }

    /// What is stored at the end is what was stored last, or something that was not answered. Of what several
    /// devices store nothing wins that was answered before another was sent.
    pub(crate) fn check_sets(
        &self,
        value: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<(), String> {
        for (body, set) in self.sets.iter().filter(|(_, set)| set.resulted) {
            let found = value(&set.account, &set.name);
            let stored = found.as_ref().and_then(|found| self.sets.get(found));
            let is_older = |one: &Set| {
                if !set.name.starts_with(SHARED) {
                    return one.number < set.number;
                }
                let ended = one.resulted_at.zip(set.sent_at);
                ended.is_some_and(|(end, begin)| end < begin)
            };
            let is_beside = stored.is_some_and(|one| set.course.is_beside(&one.course));
            // A board that goes on alone numbers it then: it may be newer than what its client set at the other.
            let is_late = found.as_ref().is_some_and(|one| self.doubled.contains(one));
            let is_broken = stored.is_none_or(is_older);
            if is_broken
                && !self.excuses.admit(Excuse::NumberedAlone, is_late)
                && !self.excuses.admit(Excuse::ByTheClocks, is_beside)
            {
                return Err(format!("{body} had its result, but {found:?} is stored"));
            }
        }
        Ok(())
    }
}
