//! Files of accounts into the data of a stopped server: checked first, then written, then made usable.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::limits::IMPORT_ACCOUNTS_MAX;
use crate::base::limits::IMPORT_ENTRY_BYTES_MAX;
use crate::base::limits::IMPORT_WAITING_MAX;
use crate::base::limits::OPS_PER_ENTRY_MAX;
use crate::base::limits::STANZA_BYTES_MAX;
use crate::base::secret::Secret;
use crate::core::Now;
use crate::effect::settings::Limits;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::frontier::Frontier;
use crate::model::message::Owner;
use crate::model::message::Place as MessagePlace;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::pubsub;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::sasl::Derivation;
use crate::sasl::Hash;
use crate::server::portable::complaint::ImportError;
use crate::server::portable::complaint::Mistake;
use crate::server::portable::complaint::Place;
use crate::server::portable::ledger::Ledger;
use crate::server::portable::ledger::op_bytes;
use crate::server::portable::ops;
use crate::server::portable::parse;
use crate::server::portable::parse::Past;
use crate::server::portable::person::Person;
use crate::server::portable::source::Source;
use crate::server::portable::walk::Part;
use crate::server::portable::walk::UserTag;
use crate::server::portable::walk::Visitor;
use crate::server::portable::walk::Walk;
use crate::server::start::StartError;
use crate::server::translate;
use crate::store::Store;
use crate::store::disk::Disk;
use crate::xml::Element;

/// Kinds of things that are told one by one when they are left out; the others are counted as one.
const KINDS_TOLD_MAX: usize = 20;

/// Bytes of a message beside its payload, at most: addresses and ids.
const ENVELOPE_BYTES: usize = 16_384;

/// What was done.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Imported {
    pub(crate) accounts: u64,
    /// In archives, and waiting for devices.
    pub(crate) messages: u64,
    pub(crate) waiting: u64,
    /// What was left out, and how often.
    pub(crate) left_out: BTreeMap<String, u64>,
    /// Accounts that need a password before anybody can use them.
    pub(crate) without_password: u64,
}

/// Where things go.
pub(crate) struct Target<'a> {
    pub(crate) domain: &'a str,
    pub(crate) limits: &'a Limits,
    pub(crate) tail_bytes: usize,
    pub(crate) now: Now,
}

/// Called with what is being done, bytes read and bytes in all.
pub(crate) type Tell<'a> = dyn FnMut(&'static str, u64, u64) + 'a;

/// Brings all accounts of the files in, or none: see the [module](crate::server::portable).
pub(crate) fn import(
    path: &Path,
    target: &Target<'_>,
    (disk, store): (Arc<dyn Disk>, Store),
    tell: &mut Tell<'_>,
) -> Result<Imported, ImportError> {
    // What is not there at all is told before anything is opened.
    Source::open(path)?;
    let ledger = Ledger::open(disk, store, target.tail_bytes, target.now)?;
    let mut reader = Reader {
        stage: Stage::Check,
        target,
        ledger,
        plans: BTreeMap::new(),
        person: None,
        waiting: BTreeSet::new(),
        waiting_here: 0,
        done: Imported::default(),
        tell,
    };
    reader.read(path)?;
    for stage in [Stage::Write, Stage::Waiting] {
        reader.stage = stage;
        if stage == Stage::Waiting && reader.done.waiting == 0 {
            break;
        }
        reader.read(path).map_err(|error| cut_short(&error))?;
    }
    let written = reader.finish();
    written.map_err(|error| cut_short(&ImportError::Start(error)))
}

fn cut_short(error: &ImportError) -> ImportError {
    ImportError::CutShort {
        reason: error.to_string(),
    }
}

/// The readings of the files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// Finds mistakes, changes nothing.
    Check,
    /// Everything but waiting messages.
    Write,
    /// Waiting messages: they have to stand behind the archive.
    Waiting,
}

/// What becomes of an account.
struct Plan {
    row: AccountRow,
    /// An import that was cut short has begun it.
    is_again: bool,
    /// It was written, perhaps not all of it yet.
    is_begun: bool,
    /// Everything at or below was taken by some device.
    taken: Frontier,
    /// A message that waits has come: nothing behind it may be called taken.
    has_waiting: bool,
}

struct Reader<'a, 'b> {
    stage: Stage,
    target: &'a Target<'a>,
    ledger: Ledger,
    plans: BTreeMap<BareJid, Plan>,
    person: Option<Person>,
    /// Waiting messages with an id in the archive, all users': what is archived as well is one message.
    waiting: BTreeSet<u128>,
    /// Of the present user.
    waiting_here: usize,
    done: Imported,
    tell: &'a mut Tell<'b>,
}

impl Reader<'_, '_> {
    fn read(&mut self, path: &Path) -> Result<(), ImportError> {
        let walk = Walk {
            source: Source::open(path)?,
            domain: self.target.domain,
            visitor: self,
        };
        let source = walk.run()?;
        // What was checked is not what was read again.
        let is_whole = self.plans.values().all(|plan| plan.is_begun);
        if self.stage == Stage::Write && !is_whole {
            return source.wrong(Mistake::Changed);
        }
        Ok(())
    }

    /// All accounts become what they were, in as few entries as possible.
    fn finish(mut self) -> Result<Imported, StartError> {
        let (mut all, mut bytes) = (Vec::new(), 0_usize);
        for (jid, plan) in std::mem::take(&mut self.plans) {
            let record = RecordKey::Account { jid };
            let three = ops::end(&record, plan.row);
            bytes = bytes.saturating_add(three.iter().map(op_bytes).sum());
            all.extend(three);
            if bytes > IMPORT_ENTRY_BYTES_MAX {
                self.ledger.append(None, std::mem::take(&mut all))?;
                bytes = 0;
            }
        }
        if !all.is_empty() {
            self.ledger.append(None, all)?;
        }
        self.ledger.finish()?;
        Ok(self.done)
    }

    fn plan(&mut self, jid: &BareJid, at: &Place) -> Result<(), ImportError> {
        let wrong = |mistake| {
            let at = at.clone();
            Err(ImportError::Mistake { at, mistake })
        };
        if self.plans.contains_key(jid) {
            return wrong(Mistake::Twice { jid: jid.clone() });
        }
        if self.plans.len() >= IMPORT_ACCOUNTS_MAX {
            return wrong(Mistake::TooManyAccounts);
        }
        let known = self.ledger.account(jid)?;
        let is_disabled = known
            .row()
            .is_some_and(|row| row.state == AccountState::Disabled);
        let is_again = is_disabled && known.bytes(&ops::note()).is_some();
        if known.exists() && !is_again {
            let name = jid.local().unwrap_or_default().to_owned();
            return wrong(Mistake::Exists {
                jid: jid.clone(),
                name,
            });
        }
        let plan = Plan {
            row: AccountRow {
                incarnation: Incarnation(self.ledger.random()),
                state: AccountState::Enabled,
                admin: false,
                created: self.ledger.now(),
            },
            is_again,
            is_begun: false,
            taken: Frontier::default(),
            has_waiting: false,
        };
        self.plans.insert(jid.clone(), plan);
        Ok(())
    }

    /// The account, disabled and with a note, in place of what an earlier try has left.
    fn begin_account(&mut self, jid: &BareJid) -> Result<(), ImportError> {
        let Some(plan) = self.plans.get_mut(jid) else {
            return Ok(());
        };
        plan.is_begun = true;
        let record = RecordKey::Account { jid: jid.clone() };
        if plan.is_again {
            let nodes = pubsub::leaves(&self.ledger.account(jid)?, jid).collect();
            let all = [nodes, vec![record.clone()]].concat();
            let sweeps = all.into_iter().map(|record| Durable::Sweep { record });
            self.ledger.append(None, sweeps.collect())?;
        }
        let ops = ops::begin(&record, plan.row);
        Ok(self.ledger.append(None, ops)?)
    }

    fn write_rows(&mut self, person: Person) -> Result<(), ImportError> {
        let Some(plan) = self.plans.get(&person.jid) else {
            return Ok(());
        };
        let life = (plan.row.incarnation, self.ledger.now());
        let derived = person.wants_password().and_then(|password| {
            let mut salt = [0; 16];
            let random = [self.ledger.random(), self.ledger.random()];
            let random = random.map(u64::to_be_bytes);
            for (to, from) in salt.iter_mut().zip(random.iter().flatten()) {
                *to = *from;
            }
            translate::derive(&Secret::from(password), salt, translate::ITERATIONS)
        });
        let (mut some, mut bytes) = (Vec::new(), 0_usize);
        for (record, name, row) in person.into_rows(derived, life) {
            let op = ops::row(&record, name, Some(row));
            bytes = bytes.saturating_add(op_bytes(&op));
            some.push(op);
            if bytes > IMPORT_ENTRY_BYTES_MAX || some.len() >= OPS_PER_ENTRY_MAX {
                self.ledger.append(None, std::mem::take(&mut some))?;
                bytes = 0;
            }
        }
        if !some.is_empty() {
            self.ledger.append(None, some)?;
        }
        Ok(())
    }

    /// Whether the message is to be looked at further.
    fn fits(&mut self, past: &Past) -> bool {
        let fits = past.message.payload.len() <= STANZA_BYTES_MAX - ENVELOPE_BYTES;
        if !fits && self.stage == Stage::Check {
            self.leave_out("messages larger than a client may send");
        }
        fits
    }

    fn archived(&mut self, jid: &BareJid, past: Past) -> Result<(), ImportError> {
        if !self.fits(&past) {
            return Ok(());
        }
        if self.stage == Stage::Check {
            self.done.messages = self.done.messages.saturating_add(1);
            return Ok(());
        }
        let is_waiting = past.role == Role::Received
            && past.id.as_deref().is_some_and(|id| {
                // What is left of the set is what the archive does not hold.
                self.waiting.remove(&parse::id_number(jid, id))
            });
        self.keep(jid, past, true, is_waiting)
    }

    fn waits(&mut self, jid: &BareJid, past: Past, at: &Place) -> Result<(), ImportError> {
        if !self.fits(&past) {
            return Ok(());
        }
        let known = past.id.as_deref().map(|id| parse::id_number(jid, id));
        if self.stage == Stage::Waiting {
            // Without an id, or not found in the archive.
            if known.is_some_and(|known| !self.waiting.remove(&known)) {
                return Ok(());
            }
            return self.keep(jid, past, false, true);
        }
        self.waiting_here = self.waiting_here.saturating_add(1);
        self.done.waiting = self.done.waiting.saturating_add(1);
        let max = self.target.limits.untaken_max;
        let mistake = if self.waiting_here > max {
            Mistake::TooManyWaiting { max }
        } else if self.waiting.len() >= IMPORT_WAITING_MAX {
            Mistake::TooManyWaitingInAll
        } else {
            self.waiting.extend(known);
            return Ok(());
        };
        let at = at.clone();
        Err(ImportError::Mistake { at, mistake })
    }

    fn keep(
        &mut self,
        jid: &BareJid,
        past: Past,
        archived: bool,
        is_waiting: bool,
    ) -> Result<(), ImportError> {
        let Some(plan) = self.plans.get_mut(jid) else {
            return Ok(());
        };
        let record = RecordKey::Account { jid: jid.clone() };
        let place = MessagePlace {
            owner: Owner::Account { jid: jid.clone() },
            incarnation: plan.row.incarnation,
            with: past.with,
            role: past.role,
            archived,
        };
        let mut both = vec![Durable::Message {
            message: Arc::new(past.message),
            places: vec![place],
        }];
        plan.has_waiting |= is_waiting;
        if past.role == Role::Received && !plan.has_waiting {
            plan.taken = Frontier::default();
            plan.taken.advance(self.ledger.next().last_sub());
            let frontier = Arc::new(plan.taken.clone());
            let row = Row::Frontier { frontier };
            both.push(ops::row(&record, RowName::Frontier, Some(row)));
        }
        Ok(self.ledger.append(Some(past.at), both)?)
    }
}

impl Visitor for Reader<'_, '_> {
    fn begin_user(&mut self, user: &UserTag, at: &Place) -> Result<(), ImportError> {
        let wrong = |mistake| ImportError::Mistake {
            at: at.clone(),
            mistake,
        };
        let jid = BareJid::from_parts(Some(&user.name), self.target.domain).map_err(|_| {
            let name = user.name.clone();
            wrong(Mistake::BadName { name })
        })?;
        self.waiting_here = 0;
        let person = Person::new(jid.clone(), user.password.as_deref());
        match self.stage {
            Stage::Check => {
                self.plan(&jid, at)?;
                check_password(&person, at)?;
            }
            Stage::Write if self.plans.get(&jid).is_none_or(|plan| plan.is_begun) => {
                return Err(wrong(Mistake::Changed));
            }
            Stage::Write => self.begin_account(&jid)?,
            Stage::Waiting => {}
        }
        self.person = Some(person);
        Ok(())
    }

    fn wants(&self, part: Part) -> bool {
        match self.stage {
            Stage::Check => true,
            Stage::Write => part != Part::Waiting,
            Stage::Waiting => part == Part::Waiting,
        }
    }

    fn begin_node(&mut self, node: &str) {
        if let Some(person) = &mut self.person {
            person.begin_node(node);
        }
    }

    fn part(&mut self, part: Part, element: &Element, at: &Place) -> Result<(), ImportError> {
        let Some(mut person) = self.person.take() else {
            return Ok(());
        };
        let (root, now) = (element.root(), self.ledger.now());
        let wrong = |mistake| ImportError::Mistake {
            at: at.clone(),
            mistake,
        };
        match part {
            Part::Archived => {
                let past = parse::archived(root, &person.jid).map_err(wrong)?;
                self.archived(&person.jid, past)?;
            }
            Part::Waiting => {
                let past = parse::waiting(root, &person.jid, now).map_err(wrong)?;
                self.waits(&person.jid, past, at)?;
            }
            _ => {
                let left_out = person.add(part, root, self.target.limits).map_err(wrong)?;
                if let Some(what) = left_out {
                    self.leave_out(what);
                }
            }
        }
        self.person = Some(person);
        Ok(())
    }

    fn end_user(&mut self, at: &Place) -> Result<(), ImportError> {
        let Some(person) = self.person.take() else {
            return Ok(());
        };
        match self.stage {
            Stage::Check => {
                let checked = person.check(self.target.limits);
                checked.map_err(|mistake| ImportError::Mistake {
                    at: at.clone(),
                    mistake,
                })?;
                self.done.accounts = self.done.accounts.saturating_add(1);
                let is_open = person.has_password();
                self.done.without_password += u64::from(!is_open);
                if let Some(plan) = self.plans.get_mut(&person.jid) {
                    plan.row.state = person.state;
                    let created = person.created.unwrap_or(plan.row.created);
                    plan.row.created = created.min(plan.row.created);
                }
                Ok(())
            }
            Stage::Write => self.write_rows(person),
            Stage::Waiting => Ok(()),
        }
    }

    fn leave_out(&mut self, what: &str) {
        if self.stage != Stage::Check {
            return;
        }
        let is_told = self.done.left_out.len() < KINDS_TOLD_MAX;
        let what = if is_told || self.done.left_out.contains_key(what) {
            what
        } else {
            "other elements"
        };
        let count = self.done.left_out.entry(what.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    fn tell(&mut self, read_bytes: u64, known_bytes: u64) {
        let what = match self.stage {
            Stage::Check => "checking",
            Stage::Write => "importing",
            Stage::Waiting => "importing offline messages",
        };
        (self.tell)(what, read_bytes, known_bytes);
    }
}

fn check_password(person: &Person, at: &Place) -> Result<(), ImportError> {
    let Some(password) = person.wants_password() else {
        return Ok(());
    };
    match Derivation::new(Hash::Sha256, password, &[0], translate::ITERATIONS) {
        Ok(_) => Ok(()),
        Err(_) => Err(ImportError::Mistake {
            at: at.clone(),
            mistake: Mistake::BadPassword,
        }),
    }
}
