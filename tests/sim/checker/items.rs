//! What accounts keep in nodes of their own (XEP-0163), files (XEP-0363), and services that are told when something
//! waits (XEP-0357): what was stored and taken back, and whether it is so at the end.

use std::collections::BTreeMap;

use crate::checker::Checker;
use crate::checker::excuse::Excuse;
use crate::checker::sets::By;
use crate::checker::sets::Course;

/// An item: the account, its node, the id.
pub(crate) type Key = (String, String, String);

/// What one device did with one of its items.
#[derive(Clone, Debug)]
struct Deed {
    number: u64,
    key: Key,
    is_taken_back: bool,
    resulted: bool,
    course: Course,
}

/// By the id of the request, which is the body of what is stored.
#[derive(Debug, Default)]
pub(crate) struct Items(BTreeMap<String, Deed>);

impl Items {
    pub(super) fn sent(&mut self, id: &str, met: u64) {
        if let Some(deed) = self.0.get_mut(id) {
            deed.course.sent.get_or_insert(met);
        }
    }

    pub(super) fn unanswered(&self) -> impl Iterator<Item = &String> {
        let open = self.0.iter().filter(|(_, deed)| !deed.resulted);
        open.map(|(id, _)| id)
    }
}

impl Checker {
    pub(crate) fn item_changed(&mut self, id: &str, number: u64, key: Key, is_taken_back: bool) {
        let deed = Deed {
            number,
            key,
            is_taken_back,
            resulted: false,
            course: Course::default(),
        };
        self.items.0.insert(id.to_owned(), deed);
    }

    /// An answer to a change.
    pub(crate) fn item_resulted(
        &mut self,
        id: &str,
        by: By,
        is_durable: bool,
    ) -> Result<(), String> {
        let Some(deed) = self.items.0.get_mut(id) else {
            return Ok(());
        };
        deed.resulted = true;
        deed.course.answered = Some((self.met, by));
        if is_durable || deed.is_taken_back {
            return Ok(());
        }
        Err(format!("{id} had its result before it was on the disk"))
    }

    /// What a device reads at the end is what was done last, or something that was not answered.
    pub(crate) fn check_items(
        &self,
        account: &str,
        found: &BTreeMap<Key, String>,
    ) -> Result<(), String> {
        let own = self.items.0.iter();
        let own = own.filter(|(_, deed)| deed.resulted && deed.key.0 == account);
        for (id, deed) in own {
            let body = found.get(&deed.key);
            let is_broken = match body.map(|body| self.items.0.get(body)) {
                Some(Some(stored)) => stored.number < deed.number,
                Some(None) => true,
                None => !deed.is_taken_back && !self.is_taken_back_after(deed, |_| true),
            };
            let is_late = body.map_or_else(
                || {
                    self.is_taken_back_after(
                        &Deed {
                            number: 0,
                            ..deed.clone()
                        },
                        |one| self.doubled.contains(one),
                    )
                },
                |body| self.doubled.contains(body),
            );
            let is_beside = |one: &Deed| deed.course.is_beside(&one.course);
            let is_beside = match body.and_then(|body| self.items.0.get(body)) {
                Some(stored) => is_beside(stored),
                None => self.is_taken_back_before(deed, is_beside),
            };
            if is_broken
                && !self.excuses.admit(Excuse::NumberedAlone, is_late)
                && !self.excuses.admit(Excuse::ByTheClocks, is_beside)
            {
                return Err(format!("{id} had its result, but {body:?} is there"));
            }
        }
        Ok(())
    }

    fn is_taken_back_before(&self, deed: &Deed, is_it: impl Fn(&Deed) -> bool) -> bool {
        let mut others = self.items.0.values();
        others.any(|one| {
            one.is_taken_back && one.key == deed.key && one.number < deed.number && is_it(one)
        })
    }

    /// A file of an account was answered with 201 (XEP-0363).
    pub(crate) fn kept(&mut self, account: &str, name: &str) {
        self.files.insert((account.to_owned(), name.to_owned()));
    }

    /// It is known at the end.
    pub(crate) fn check_files(&self, files: impl Fn(&str) -> Vec<String>) -> Result<(), String> {
        let mut all = self.files.iter();
        match all.find(|(account, name)| !files(account).contains(name)) {
            Some((_, name)) => Err(format!("{name} was answered with 201, and is not there")),
            None => Ok(()),
        }
    }

    fn is_taken_back_after(&self, deed: &Deed, is_it: impl Fn(&str) -> bool) -> bool {
        let mut others = self.items.0.iter();
        others.any(|(id, one)| {
            one.is_taken_back && one.key == deed.key && one.number > deed.number && is_it(id)
        })
    }
}
