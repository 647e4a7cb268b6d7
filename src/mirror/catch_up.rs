//! Catch-up and heal: each sends what the other lacks, in the order of its own log, while both go on.

use crate::base::mirror_limits::MIRROR_AHEAD_RECORDS;
use crate::base::mirror_limits::MIRROR_READ_BYTES;
use crate::base::time::Monotonic;
use crate::core::Now;
use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Output;
use crate::mirror::barrier::Barrier;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Hello;
use crate::mirror::frame::Record;
use crate::mirror::io::Index;
use crate::mirror::lacking::Giving;
use crate::mirror::link::Phase;
use crate::model::pair::Heal;
use crate::model::vector::Vector;

/// From HELLO to BEGIN.
#[derive(Debug)]
pub(super) struct CatchUp {
    pub(super) since: Monotonic,
    /// What was durable here then.
    first: Index,
    pub(super) leads: bool,
    pub(super) peer_serves: bool,
    /// What was durable there, and what is under way since (rule R9: whatever it lacks is sent).
    peer_has: Vector,
    /// The next record of this log to be looked at.
    pub(super) cursor: Index,
    is_reading: bool,
    is_level: bool,
    pub(super) peer_is_level: bool,
    /// Since both were level: the least that was under way, in bytes, and since when.
    pub(super) least: Option<(usize, Monotonic)>,
    /// Sent and received, and about how many are to be.
    pub(super) done: u64,
    pub(super) total: u64,
    /// Of these, entries.
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) barrier: Option<Barrier>,
    /// The other lacks what was trimmed here: it is sent nothing.
    pub(super) peer_lacks: bool,
    /// This one lacks what was trimmed there: it gives what it has, and then takes a copy.
    pub(super) lacks: Option<Giving>,
}

impl CatchUp {
    /// About how long the rest takes, as fast as it went so far.
    pub(super) fn left_ms(&self, now: Monotonic) -> Option<u64> {
        let left = self.total.saturating_sub(self.done);
        now.since_ms(self.since)
            .saturating_mul(left)
            .checked_div(self.done)
    }

    /// What was exchanged, if anything was.
    pub(super) fn heal(&self, now: Now) -> Option<Heal> {
        (self.sent + self.received > 0).then(|| Heal {
            at: now.wall,
            received: self.received,
            sent: self.sent,
            ms: now.monotonic.since_ms(self.since),
        })
    }

    /// Clients here write more than half of what the other board is sent: it would never catch up. Up to
    /// there they are not held up, though the window is full of what it lacks all the time.
    pub(super) fn is_outrun(&self, durable_upto: Index) -> bool {
        let written = durable_upto.saturating_sub(self.first);
        written > self.done / 2 + MIRROR_AHEAD_RECORDS
    }

    /// Both have sent what they had at the beginning.
    pub(super) fn is_level(&self) -> bool {
        self.is_level && self.peer_is_level
    }
}

impl Mirror {
    pub(super) fn begin_catch_up(&mut self, leads: bool, hello: &Hello) {
        // What was released is on the other disk; what is left to read is what it may lack.
        let peer_lacks = !hello.vector.covers_all(&self.trimmed);
        let is_nothing_sent = peer_lacks || hello.vector.covers_all(&self.branches.durable);
        let cursor = if is_nothing_sent || self.is_mistaken(Mistake::OwnTailKept) {
            self.branches.durable_upto + 1
        } else {
            self.oldest
        };
        let catch_up = Box::new(CatchUp {
            since: self.now.monotonic,
            first: self.branches.durable_upto,
            leads,
            peer_serves: hello.serves,
            peer_has: hello.vector.clone(),
            cursor,
            is_reading: false,
            is_level: false,
            peer_is_level: false,
            least: None,
            done: 0,
            total: hello
                .vector
                .beyond(&self.branches.durable)
                .saturating_add(self.branches.durable.beyond(&hello.vector)),
            sent: 0,
            received: 0,
            barrier: None,
            peer_lacks,
            lacks: None,
        });
        let now = self.now.monotonic;
        if let Some(link) = &mut self.link {
            link.heard_at = now;
            link.phase = Phase::CatchingUp { catch_up };
        }
        if peer_lacks {
            self.say(&Frame::Lacking);
        }
    }

    /// The phase, for a frame that belongs there.
    pub(super) fn catch_up(&mut self, frame: &'static str) -> Result<&mut CatchUp, Fault> {
        self.catching_up().ok_or(Fault::PeerUnexpected { frame })
    }

    pub(super) fn catching_up(&mut self) -> Option<&mut CatchUp> {
        match &mut self.link.as_mut()?.phase {
            Phase::CatchingUp { catch_up } => Some(catch_up),
            Phase::Greeting | Phase::Paired { .. } => None,
        }
    }

    /// Everything that is durable here and was missing there is sent.
    pub(super) fn is_everything_sent(&mut self) -> bool {
        let last = self.branches.durable_upto;
        let is_read = self
            .catching_up()
            .is_some_and(|catch_up| catch_up.cursor > last && !catch_up.is_reading);
        is_read && self.link.as_ref().is_some_and(|link| link.outbox.is_sent())
    }

    /// Rule R3: durable records only.
    pub(super) fn read_on(&mut self) {
        if self.catching_up().is_some_and(|one| one.peer_lacks) {
            return;
        }
        if self.is_everything_sent() {
            let Some(catch_up) = self.catching_up() else {
                return;
            };
            if !std::mem::replace(&mut catch_up.is_level, true) {
                self.queue(&Frame::Level, None);
            }
            return;
        }
        let last = self.branches.durable_upto;
        let has_room = self
            .link
            .as_ref()
            .is_some_and(|link| link.outbox.is_sent() && !link.outbox.is_full());
        let Some(catch_up) = self.catching_up() else {
            return;
        };
        if !has_room || catch_up.is_reading || catch_up.cursor > last {
            return;
        }
        catch_up.is_reading = true;
        let from = catch_up.cursor;
        self.put(Output::Read {
            from,
            bytes_max: MIRROR_READ_BYTES,
        });
    }

    /// What was looked at and is not under way is on the other disk: it was there, or came from there. Kept for the
    /// other as well, a long backlog of it would take the place of what it lacks.
    pub(super) fn release_read(&mut self) {
        let Some(link) = &self.link else {
            return;
        };
        let Phase::CatchingUp { catch_up } = &link.phase else {
            return;
        };
        if !catch_up.peer_lacks {
            let next = link.outbox.untaken().unwrap_or(catch_up.cursor);
            self.release(next.checked_sub(1));
        }
    }

    pub(super) fn handle_records(
        &mut self,
        from: Index,
        records: Vec<(Index, Record)>,
        next: Index,
    ) -> Result<(), Fault> {
        let last = if self.is_mistaken(Mistake::UndurableShipped) {
            Index::MAX
        } else {
            self.branches.durable_upto
        };
        let Some(catch_up) = self.catching_up() else {
            return Ok(());
        };
        // An answer to what was asked for an earlier connection.
        if !catch_up.is_reading || catch_up.cursor != from {
            return Ok(());
        }
        catch_up.is_reading = false;
        catch_up.cursor = next.min(last.saturating_add(1)).max(from);
        for (index, record) in records {
            if index <= last {
                self.send_record(index, record)?;
            }
        }
        Ok(())
    }

    fn send_record(&mut self, index: Index, record: Record) -> Result<(), Fault> {
        // The log's own record: it was read at the start, or made here.
        let (position, _, _) = record.head().map_err(|error| Fault::PeerFrame { error })?;
        let Some(catch_up) = self.catching_up() else {
            return Ok(());
        };
        let is_opening = catch_up.is_opening(position);
        if catch_up.peer_has.covers(position) || is_opening {
            return Ok(());
        }
        catch_up.peer_has.add(position);
        catch_up.done += 1;
        catch_up.sent += u64::from(record.class == Class::Entry);
        self.queue(&Frame::Record { record }, Some(index));
        Ok(())
    }

    /// A record that this log may lack.
    pub(super) fn handle_record(&mut self, record: Record, bytes: usize) -> Result<(), Fault> {
        let catch_up = self.catch_up("RECORD")?;
        let (position, stamp, epoch) = record.head().map_err(|error| Fault::PeerFrame { error })?;
        catch_up.peer_has.add(position);
        catch_up.done += 1;
        let is_known = self.branches.whole.covers(position);
        let is_orphan = match &epoch {
            Some(epoch) => !self.branches.holds_parents(epoch),
            None => self.branches.whole.seq(position.epoch()).is_none(),
        };
        if !is_known && is_orphan {
            return Err(Fault::PeerOrphan { position });
        }
        if !is_known {
            if let Some(catch_up) = self.catching_up() {
                catch_up.received += u64::from(record.class == Class::Entry);
            }
            self.stamp = self.stamp.max(stamp);
            self.merging.push_back((position, record.clone()));
            self.append(position, record, epoch.as_ref());
        }
        self.take_in(bytes, Some(position))
    }

    pub(super) fn handle_durable(&mut self, upto: Index) {
        self.branches.handle_durable(upto);
        let durable = &self.branches.durable;
        while let Some((position, _)) = self.merging.front()
            && durable.covers(*position)
        {
            if let Some((_, record)) = self.merging.pop_front() {
                self.outputs.push_back(Output::Merged { record });
            }
        }
        let Some(link) = &mut self.link else {
            return;
        };
        link.inbox.take(|position| durable.covers(position));
        if link.inbox.untold() > 0 && matches!(link.phase, Phase::CatchingUp { .. }) {
            let taken = link.inbox.tell();
            self.say(&Frame::Alive { taken });
        }
    }

    pub(super) fn handle_trimmed(&mut self, oldest: Index, vector: Vector) -> Result<(), Fault> {
        self.oldest = oldest;
        self.trimmed = vector;
        let trimmed = self.trimmed.clone();
        let Some(catch_up) = self.catching_up() else {
            return Ok(());
        };
        if catch_up.cursor < oldest {
            catch_up.cursor = oldest;
            catch_up.is_reading = false;
        }
        // It is told at the next greeting.
        if catch_up.peer_lacks || catch_up.peer_has.covers_all(&trimmed) {
            Ok(())
        } else {
            Err(Fault::PeerNeedsCopy)
        }
    }
}
