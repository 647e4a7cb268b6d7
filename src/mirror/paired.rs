//! Both serve: one numbers, both write, and what both disks have is committed.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Output;
use crate::mirror::Role;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Record;
use crate::mirror::link::Phase;
use crate::model::position::Epoch;
use crate::model::position::Position;

impl Mirror {
    /// For a frame that only the leader, or only the follower, is sent.
    pub(super) fn expect_paired(&self, frame: &'static str, leads: bool) -> Result<Epoch, Fault> {
        match self.role {
            Role::Sync {
                epoch,
                leads: is_leader,
                ..
            } if is_leader == leads => Ok(epoch),
            _ => Err(Fault::PeerUnexpected { frame }),
        }
    }

    fn is_paired_as(&self, leader: bool) -> bool {
        matches!(self.role, Role::Sync { leads, .. } if leads == leader)
    }

    /// Rule R3: shipped before the own disk has it.
    pub(super) fn handle_ship(
        &mut self,
        ticket: Option<Ticket>,
        is_durable: bool,
        bytes: Arc<[u8]>,
    ) {
        // What the core numbered before it heard that the epoch is over comes with the next heal.
        if self.is_paired_as(true) {
            let entry = Frame::Entry {
                ticket,
                is_durable,
                bytes,
            };
            self.queue(&entry, None);
        }
    }

    pub(super) fn handle_reject(&mut self, ticket: Ticket, generation: u64) {
        if self.is_paired_as(true) {
            self.queue(&Frame::Reject { ticket, generation }, None);
        }
    }

    pub(super) fn handle_propose(&mut self, ticket: Ticket, generation: u64, bytes: Arc<[u8]>) {
        if self.is_paired_as(false) {
            let proposal = Frame::Propose {
                ticket,
                generation,
                bytes,
            };
            self.queue(&proposal, None);
        }
    }

    pub(super) fn handle_entry(
        &mut self,
        ticket: Option<Ticket>,
        is_durable: bool,
        entry: Arc<[u8]>,
        bytes: usize,
    ) -> Result<(), Fault> {
        let epoch = self.expect_paired("ENTRY", false)?;
        let mut until = None;
        if is_durable {
            let record = Record {
                class: Class::Entry,
                bytes: Arc::clone(&entry),
            };
            let (position, stamp, _) = record.head().map_err(|error| Fault::PeerFrame { error })?;
            self.expect_next(epoch, position)?;
            self.stamp = self.stamp.max(stamp);
            until = Some(position);
        }
        // First the core, which appends it: what waits for the disk must be on its way there.
        self.put(Output::Numbered {
            ticket,
            bytes: entry,
        });
        self.take_in(bytes, until)
    }

    fn expect_next(&mut self, epoch: Epoch, position: Position) -> Result<(), Fault> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        match &mut link.phase {
            Phase::Paired { last, .. } if position.epoch() == epoch && position.seq() > *last => {
                *last = position.seq();
                Ok(())
            }
            _ => Err(Fault::PeerOutOfOrder { position }),
        }
    }

    /// How far the other disk has come. Rule R11: in this epoch; marks of another count for nothing.
    pub(super) fn handle_mark(&mut self, marked: Epoch, seq: u64) -> Result<(), Fault> {
        let now = self.now.monotonic;
        let Role::Sync {
            epoch, ahead_since, ..
        } = &mut self.role
        else {
            return Err(Fault::PeerUnexpected { frame: "DURABLE" });
        };
        if marked != *epoch {
            return Ok(());
        }
        let mark = Position::new(marked, seq, 0);
        if self
            .mark
            .is_none_or(|old| old.epoch() != marked || old < mark)
        {
            self.mark = Some(mark);
            *ahead_since = ahead_since.map(|_| now);
        }
        let upto = self.branches.confirm(seq);
        self.release(upto);
        Ok(())
    }

    /// Tells the other what this disk has of the epoch of both.
    pub(super) fn tell(&mut self) {
        let Role::Sync { epoch, .. } = self.role else {
            return;
        };
        let Some(seq) = self.branches.durable.seq(epoch) else {
            return;
        };
        let Some(link) = &mut self.link else {
            return;
        };
        let Phase::Paired { marked, .. } = &mut link.phase else {
            return;
        };
        if *marked >= Some(seq) {
            return;
        }
        *marked = Some(seq);
        let taken = link.inbox.tell();
        self.say(&Frame::Durable { epoch, seq, taken });
    }

    /// Alone: what is on this disk, from the EPOCH record on. Paired: what is on both.
    pub(super) fn commit(&mut self) {
        let durable = &self.branches.durable;
        let (now, mistake) = (self.now.monotonic, self.settings.mistake);
        let upto = match &mut self.role {
            Role::Waiting { .. } => return,
            Role::Solo { epoch, .. } if mistake == Some(Mistake::SoloCommitsUndurable) => {
                self.branches.whole.seq(*epoch).map(|seq| (*epoch, seq))
            }
            Role::Solo { epoch, .. } => durable.seq(*epoch).map(|seq| (*epoch, seq)),
            Role::Sync {
                epoch, ahead_since, ..
            } => {
                let own = durable.seq(*epoch);
                // Rule R11: a mark counts in its epoch.
                let counts_all = mistake == Some(Mistake::OldMarksCount);
                let mark = self
                    .mark
                    .filter(|mark| counts_all || mark.epoch() == *epoch)
                    .map(Position::seq);
                if own <= mark {
                    *ahead_since = None;
                } else {
                    ahead_since.get_or_insert(now);
                }
                let is_hasty = mistake == Some(Mistake::CommitWithoutPeer);
                let both = if is_hasty { own } else { own.min(mark) };
                both.map(|seq| (*epoch, seq))
            }
        };
        let Some(upto) = upto.map(|(epoch, seq)| Position::new(epoch, seq, 0)) else {
            return;
        };
        if self.committed != Some(upto) {
            self.committed = Some(upto);
            self.put(Output::Commit { upto });
        }
    }

    /// Rule R5: a board that joined is one of two when the epoch is on its disk.
    pub(super) fn join(&mut self) {
        let has_joined = self
            .joined_in
            .is_some_and(|epoch| self.branches.durable.seq(epoch).is_some());
        if !has_joined {
            return;
        }
        self.joined_in = None;
        self.joining = false;
        self.put(Output::Joined);
        if let Role::Waiting { solo_at: None } = self.role {
            let at = self.now.monotonic;
            self.role = Role::Waiting { solo_at: Some(at) };
        }
    }
}
