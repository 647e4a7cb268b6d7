//! What happens to a board in weeks: an orderly stop, the sweep of old messages, a copy from the other board.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::core::Input;
use crate::mirror;
use crate::mirror::Mirror;
use crate::model::message::Owner;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::vector::Vector;
use crate::server::pair::joiner::clear_log;
use crate::store::RetentionLimits;
use crate::store::StoreError;
use crate::store::compare::Piece;
use crate::store::compare::Place;
use crate::store::retention::Retention;
use crate::testing::sim::duo::Seat;
use crate::testing::sim::follower::Archived;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::machine::ROOMS_HOST;

/// Pieces of the tables that are compared in one go.
const PIECES: usize = 4;
/// Looks at a checkpoint that is under way.
const LOOKS_MAX: usize = 10_000;

/// How an attempt to take a copy ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fetched {
    Whole,
    /// Cut off: a part of the tables is replaced, and the next attempt goes on.
    Part,
    /// The other board does not give it now.
    Refused,
}

impl Machine {
    /// An orderly stop begins: what may be saved late is saved now.
    pub fn begin_stop(&mut self) {
        let now = self.now();
        if let Some(running) = &mut self.running {
            running.member.engine.core.stop(now);
            running.member.settle(now);
        }
        self.settle();
    }

    /// The other board is told of the stop.
    pub fn say_goodbye(&mut self) {
        let now = self.now();
        if let Some(running) = &mut self.running {
            running.member.hear(now, mirror::Input::Stop);
        }
        self.settle();
    }

    /// Archives that are larger give up their oldest messages, those that somebody has taken. Gives which.
    pub fn sweep(&mut self, bytes_max: u64) -> Result<Vec<(String, Archived)>, String> {
        let retention = Retention {
            age_ms_max: None,
            bytes_max: Some(bytes_max),
        };
        let now = self.now();
        let Some(running) = &mut self.running else {
            return Ok(Vec::new());
        };
        let wrong = |error: StoreError| format!("sweep: {error:?}");
        let store = self.shelf.store().map_err(wrong)?;
        let limits = RetentionLimits {
            account: retention,
            room: retention,
            upto_max: store.known_to_both(),
            ..RetentionLimits::default()
        };
        let found = store.find_expired(&limits, now.wall, crate::base::ids::Incarnation(0));
        let mut gone = Vec::new();
        let ops = found.map_err(wrong)?.ops;
        for op in &ops {
            let Durable::Expire { owner, upto } = op else {
                continue;
            };
            for kept in self.shelf.archive(owner, Vec::new()).map_err(wrong)? {
                if kept.position <= *upto {
                    let (Owner::Account { jid } | Owner::Room { jid }) = owner;
                    gone.push((jid.as_str().to_owned(), Archived::of(owner, &kept)));
                }
            }
        }
        if !ops.is_empty() {
            let ops = ops.into_iter().map(|op| Op::Durable { op }).collect();
            running.member.step(now, Input::Own { ops });
            self.settle();
        }
        Ok(gone)
    }

    /// Its log and its tables cannot go on: it takes a copy before it serves again.
    pub fn needs_copy(&self) -> bool {
        self.held.is_some()
    }

    /// Compares its tables with those of the other board and takes what differs, as the real board does
    /// between two starts. The process has to be down; `batches`: how far it gets.
    pub fn fetch(&mut self, other: &mut Self, batches: u64) -> Result<Fetched, String> {
        let Some(held) = self.held.clone() else {
            return Ok(Fetched::Whole);
        };
        if !other.lends(&held)? {
            return Ok(Fetched::Refused);
        }
        let wrong = |error: StoreError| format!("fetch: {error:?}");
        self.model.kill();
        self.shelf.open_for_copy(self.model.disk()).map_err(wrong)?;
        let done = self.take(other, batches).map_err(wrong)?;
        self.shelf.close();
        if !done {
            return Ok(Fetched::Part);
        }
        clear_log(self.model.disk().as_ref()).map_err(|error| format!("fetch: {error:?}"))?;
        self.held = None;
        self.durable.extend(other.durable.iter().cloned());
        self.options.seat = self.options.seat.map(Seat::as_joining);
        Ok(Fetched::Whole)
    }

    /// Whether it gives a copy: from here on it keeps its log for the other.
    fn lends(&mut self, held: &Vector) -> Result<bool, String> {
        let Some(running) = &self.running else {
            return Ok(false);
        };
        let member = &running.member;
        if !member.serves() || !member.engine.vector().covers_all(held) {
            return Ok(false);
        }
        if !self.checkpoint() {
            return Ok(false);
        }
        let kept_bytes = self.options.kept_bytes;
        let Some(running) = &mut self.running else {
            return Ok(false);
        };
        let wrong = |error: StoreError| format!("lend: {error:?}");
        let applied: Index = self.shelf.applied_to().map_err(wrong)?;
        running.member.engine.keep_for_peer(applied, kept_bytes);
        Ok(true)
    }

    /// Brings everything that is delivered into the tables; `false`: it did not come to that.
    pub fn checkpoint(&mut self) -> bool {
        let now = self.now();
        let Some(running) = &mut self.running else {
            return false;
        };
        let wanted = running.member.engine.core.ask_checkpoint(now);
        self.settle();
        for _ in 0..LOOKS_MAX {
            let Some(running) = &self.running else {
                return false;
            };
            if running.member.engine.core.applied() >= wanted {
                return true;
            }
            self.pass_ms(1);
            if self.work_count() > 0 {
                self.work(0);
            }
        }
        false
    }

    /// Whether the tables hold everything that is in the log.
    pub fn is_applied(&self) -> bool {
        let engine = self.running.as_ref().map(|running| &running.member.engine);
        engine.is_some_and(|engine| engine.core.applied() >= engine.durable_upto())
    }

    /// Whether this archive holds what has this position, after [`Machine::archive`].
    pub fn holds(&self, owner: &str, position: u128) -> Result<bool, String> {
        let wrong = |error: StoreError| format!("tables: {error:?}");
        let Ok(jid) = BareJid::parse(owner) else {
            return Ok(false);
        };
        let owner = if jid.domain() == ROOMS_HOST {
            Owner::Room { jid }
        } else {
            Owner::Account { jid }
        };
        let ids = vec![Position::from_u128(position)];
        Ok(!self.shelf.archive(&owner, ids).map_err(wrong)?.is_empty())
    }

    fn take(&self, other: &Self, batches: u64) -> Result<bool, StoreError> {
        let (store, mut walk) = (self.shelf.store()?, other.shelf.store()?.walk()?);
        let mut place = Place::default();
        for _ in 0..batches {
            let mut pieces = Vec::new();
            while pieces.len() < PIECES
                && let Some(piece) = walk.next()?
            {
                pieces.push(piece);
            }
            if pieces.is_empty() {
                return Ok(place.is_end());
            }
            let spans = pieces.iter().map(|piece| place.pass(piece.range.clone()));
            let spans = spans.collect::<Result<Vec<_>, _>>()?;
            let differ = store.differing(&spans)?;
            let rows = pieces.into_iter().map(|piece: Piece| piece.rows);
            let fresh = spans.into_iter().zip(rows).zip(differ);
            let fresh = fresh.filter(|(_, differs)| *differs).map(|(one, _)| one);
            let fresh: Vec<_> = fresh.collect();
            if !fresh.is_empty() {
                store.replace(&fresh)?;
            }
        }
        Ok(false)
    }

    /// Whether nothing is under way here but signs of life, and the two are one.
    pub fn is_resting(&self) -> bool {
        let member = self.running.as_ref().map(|running| &running.member);
        let mirror = member.and_then(|member| member.mirror());
        mirror.is_some_and(Mirror::is_at_rest) && self.is_settled() && self.work_count() == 0
    }

    /// When the board does something by itself, signs of life apart.
    pub fn due_at(&self) -> Option<u64> {
        let at = self.running.as_ref()?.member.engine.core.timeout();
        at.map(|at| at.0)
    }

    /// So much time passes with nothing but signs of life: they come and go as they did in the second before.
    pub fn rest_ms(&mut self, ms: u64) {
        if let Some(running) = &mut self.running {
            running.member.rest(ms);
        }
        self.pass_ms(ms);
    }

    /// The whole disk, to be put back later: a card that was copied.
    pub fn image(&self) -> Image {
        Image {
            disk: Arc::new(self.model.image()),
            is_joining: self.options.seat.is_some_and(|seat| seat.is_joining),
            held: self.held.clone(),
        }
    }

    /// Puts an image back. The process has to be down.
    pub fn set_image(&mut self, image: &Image) {
        self.model.set_image(&image.disk);
        if let Some(seat) = &mut self.options.seat {
            seat.is_joining = image.is_joining;
        }
        self.held.clone_from(&image.held);
    }
}

/// A copy of a disk.
#[derive(Clone, Debug)]
pub struct Image {
    disk: Arc<std::collections::BTreeMap<String, Vec<u8>>>,
    is_joining: bool,
    held: Option<Vector>,
}
