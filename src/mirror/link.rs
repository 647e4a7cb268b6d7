//! A connection from its beginning to its end: greeting, frames in and out, closing.

use std::sync::Arc;

use crate::base::mirror_limits::MIRROR_EPOCHS_MAX;
use crate::base::mirror_limits::MIRROR_FRAME_BYTES_MAX;
use crate::base::mirror_limits::MIRROR_TAKEN_STEP;
use crate::base::mirror_limits::MIRROR_WINDOW_BYTES;
use crate::base::time::Monotonic;
use crate::core::Now;
use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Notice;
use crate::mirror::Output;
use crate::mirror::Role;
use crate::mirror::catch_up::CatchUp;
use crate::mirror::fault::Fault;
use crate::mirror::fault::Refusal;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Framer;
use crate::mirror::frame::Hello;
use crate::mirror::io::Index;
use crate::mirror::io::Wire;
use crate::mirror::window::Inbox;
use crate::mirror::window::Outbox;
use crate::model::position::Position;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) wire: Wire,
    pub(super) heard_at: Monotonic,
    pub(super) said_at: Monotonic,
    framer: Framer,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    /// What this end said first. It holds until the epoch of both: what would change it closes the link.
    said: Arc<Hello>,
    pub(super) phase: Phase,
}

/// How far the two have come.
#[derive(Debug)]
pub(super) enum Phase {
    Greeting,
    CatchingUp {
        catch_up: Box<CatchUp>,
    },
    /// `last`: the number of the newest entry from the leader; `marked`: what the other was told of
    /// this disk.
    Paired {
        last: u64,
        marked: Option<u64>,
    },
}

impl Mirror {
    pub(super) fn is_current(&self, wire: Wire) -> bool {
        self.link.as_ref().is_some_and(|link| link.wire == wire)
    }

    /// Whoever connects has given up the connection before.
    pub(super) fn handle_connected(&mut self, wire: Wire) {
        self.lose(Fault::Replaced);
        self.dial.rest();
        let hello = Arc::new(Hello {
            version_min: self.level.into(),
            version: self.settings.reads.into(),
            pair: self.pair,
            node: self.node,
            salt: self.salt,
            serves: matches!(self.role, Role::Solo { .. }),
            joining: self.joining,
            clock: self.now.wall,
            vector: self.branches.durable.clone(),
        });
        self.link = Some(Link {
            wire,
            heard_at: self.now.monotonic,
            said_at: self.now.monotonic,
            framer: Framer::default(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            said: Arc::clone(&hello),
            phase: Phase::Greeting,
        });
        let epochs = hello.vector.epochs();
        if epochs > MIRROR_EPOCHS_MAX {
            self.lose(Fault::LocalEpochs { epochs });
            return;
        }
        self.say(&Frame::Hello { hello });
    }

    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let now = self.now.monotonic;
        if let Some(link) = &mut self.link {
            link.framer.push(bytes);
            // A stranger who drips bytes has to be done with its greeting all the same.
            if !matches!(link.phase, Phase::Greeting) {
                link.heard_at = now;
            }
        }
        self.read_frames()?;
        let bytes = self.link.as_ref().map_or(0, |link| link.framer.bytes());
        if bytes > MIRROR_WINDOW_BYTES + 2 * MIRROR_FRAME_BYTES_MAX {
            return Err(Fault::PeerTooMuch { bytes });
        }
        Ok(())
    }

    /// The other board has sent something that waits here.
    pub(crate) fn handle_unread(&mut self, now: Now) {
        if let Some(link) = &mut self.link
            && !matches!(link.phase, Phase::Greeting)
        {
            link.heard_at = now.monotonic;
        }
    }

    pub(super) fn read_frames(&mut self) -> Result<(), Fault> {
        while !self.is_opening_other()
            && let Some(link) = &mut self.link
            && let Some((frame, bytes)) = link.framer.poll()?
        {
            self.handle_frame(frame, bytes)?;
        }
        Ok(())
    }

    fn handle_frame(&mut self, frame: Frame, bytes: usize) -> Result<(), Fault> {
        let name = frame.name();
        match frame {
            Frame::Hello { hello } => self.handle_hello(&hello),
            Frame::Bye { refusal } => Err(Fault::PeerRefused { refusal }),
            Frame::Alive { taken } => {
                if matches!(&self.link, Some(link) if matches!(link.phase, Phase::Greeting)) {
                    return Err(Fault::PeerUnexpected { frame: name });
                }
                self.handle_taken(taken)
            }
            Frame::Record { record } => self.handle_record(record, bytes),
            Frame::Level => {
                self.catch_up(name)?.peer_is_level = true;
                Ok(())
            }
            Frame::Lacking => self.handle_lacking(),
            Frame::Freeze => self.handle_freeze(),
            Frame::Session { bytes } => self.handle_session(bytes),
            Frame::Frozen => self.handle_frozen(),
            Frame::Begin { record } => self.handle_begin(&record),
            Frame::Entry {
                ticket,
                is_durable,
                bytes: entry,
            } => self.handle_entry(ticket, is_durable, entry, bytes),
            Frame::Propose {
                ticket,
                generation,
                bytes: proposal,
            } => {
                self.expect_paired(name, true)?;
                self.take_in(bytes, None)?;
                self.put(Output::Proposed {
                    ticket,
                    generation,
                    bytes: proposal,
                });
                Ok(())
            }
            Frame::Reject { ticket, generation } => {
                self.expect_paired(name, false)?;
                self.put(Output::Rejected { ticket, generation });
                Ok(())
            }
            Frame::Durable { epoch, seq, taken } => {
                self.handle_taken(taken)?;
                self.handle_mark(epoch, seq)
            }
        }
    }

    fn handle_hello(&mut self, hello: &Hello) -> Result<(), Fault> {
        let Some(link) = &self.link else {
            return Ok(());
        };
        if !matches!(link.phase, Phase::Greeting) {
            return Err(Fault::PeerUnexpected { frame: "HELLO" });
        }
        if hello.version < self.level.into() || hello.version_min > self.settings.reads.into() {
            let (min, max) = (hello.version_min, hello.version);
            return Err(Fault::PeerVersion { min, max });
        }
        if hello.pair != self.pair {
            return Err(Fault::PeerOfOtherPair);
        }
        let said = &link.said;
        if hello.node == said.node || hello.node > 1 {
            return Err(Fault::PeerIsNode { node: hello.node });
        }
        if hello.joining && said.joining {
            return Err(Fault::BothJoin);
        }
        let epochs = hello.vector.epochs();
        if epochs > MIRROR_EPOCHS_MAX {
            return Err(Fault::LocalEpochs { epochs });
        }
        let rank = |hello: &Hello| (hello.serves, !hello.joining, hello.node == 0);
        let leads = rank(said) > rank(hello);
        let clock = |hello: &Hello| i64::try_from(hello.clock.unix_ms()).unwrap_or(i64::MAX);
        self.clock_ahead_ms = Some(clock(hello) - clock(said));
        self.peer_level = u8::try_from(hello.version).unwrap_or(u8::MAX);
        self.meet(hello.salt);
        self.begin_catch_up(leads, hello);
        Ok(())
    }

    fn handle_taken(&mut self, taken: u64) -> Result<(), Fault> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let upto = link.outbox.handle_taken(taken)?;
        self.release(upto);
        Ok(())
    }

    /// A counted frame came; it counts as taken when the position is on this disk.
    pub(super) fn take_in(&mut self, bytes: usize, until: Option<Position>) -> Result<(), Fault> {
        let durable = &self.branches.durable;
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        link.inbox.push(bytes, until)?;
        link.inbox.take(|position| durable.covers(position));
        if link.inbox.untold() >= MIRROR_TAKEN_STEP {
            let taken = link.inbox.tell();
            self.say(&Frame::Alive { taken });
        }
        Ok(())
    }

    /// Sends at once, before what waits for room.
    pub(super) fn say(&mut self, frame: &Frame) {
        let now = self.now.monotonic;
        if let Some(link) = &mut self.link {
            link.said_at = now;
            let (wire, bytes) = (link.wire, frame.write());
            self.put(Output::Send { wire, bytes });
        }
    }

    /// Sends in the order of everything counted. `index`: of the record in this log.
    pub(super) fn queue(&mut self, frame: &Frame, index: Option<Index>) {
        if let Some(link) = &mut self.link {
            link.outbox.push(frame, index);
        }
        self.flush();
    }

    pub(super) fn flush(&mut self) {
        let now = self.now.monotonic;
        while let Some(link) = &mut self.link
            && let Some(bytes) = link.outbox.poll()
        {
            link.said_at = now;
            let wire = link.wire;
            self.put(Output::Send { wire, bytes });
        }
    }

    /// The connection is over, whoever ended it; what the board is to its users follows.
    pub(super) fn lose(&mut self, fault: Fault) {
        if self.link.is_none() {
            return;
        }
        if let Some(refusal) = fault.refusal() {
            self.say(&Frame::Bye { refusal });
        }
        let Some(link) = self.link.take() else {
            return;
        };
        let is_closed = matches!(fault, Fault::PeerClosed | Fault::LinkBroke);
        if !is_closed && !self.is_mistaken(Mistake::SoloWithoutClosing) {
            self.put(Output::Close { wire: link.wire });
        }
        self.fault = Some(fault);
        self.put(Output::Notice(Notice::Lost { fault }));
        self.dial.plan(self.now.monotonic);
        let peer_serves = match &link.phase {
            Phase::CatchingUp { catch_up } => catch_up.peer_serves,
            Phase::Greeting | Phase::Paired { .. } => false,
        };
        self.fall_back(fault, peer_serves);
    }
}

impl Fault {
    /// As a process ends that dies or stops. A board that lives on says why it closes a connection, and one
    /// whose power is gone says nothing at all: that is silence.
    pub(super) fn is_death(self) -> bool {
        matches!(
            self,
            Self::PeerClosed
                | Self::PeerRefused {
                    refusal: Refusal::Stopping
                }
        )
    }

    /// Nothing is to be waited for: the other will not be back at once.
    pub(super) fn is_final(self) -> bool {
        matches!(
            self,
            Self::PeerSilent { .. }
                | Self::PeerSlow { .. }
                | Self::LocalStalled { .. }
                | Self::PeerRefused {
                    refusal: Refusal::Stopping
                }
        )
    }
}
