//! A board that was away so long that the other's log no longer holds what it lacks.
//!
//! It gives the other what that lacks, as in any heal, and serves until the other has it. Then it stops numbering,
//! gives the rest, and is as good as blank: everything that it has acknowledged is on the other's disk, and it may
//! take a copy. If each lacks what the other has trimmed, neither may, and both go on alone.

use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Notice;
use crate::mirror::Output;
use crate::mirror::Role;
use crate::mirror::fault::Fault;

/// How far a board is that gives what it has before it takes a copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Giving {
    Serving,
    /// Nothing more is numbered.
    Stopped,
}

impl Mirror {
    pub(super) fn handle_lacking(&mut self) -> Result<(), Fault> {
        let frame = "LACKING";
        let catch_up = self.catch_up(frame)?;
        if catch_up.peer_lacks {
            return Err(Fault::BothNeedCopies);
        }
        // It is the first that is said after the greeting.
        if catch_up.lacks.is_some() || catch_up.peer_is_level || catch_up.barrier.is_some() {
            return Err(Fault::PeerUnexpected { frame });
        }
        catch_up.lacks = Some(Giving::Serving);
        self.put(Output::Notice(Notice::Lacking));
        Ok(())
    }

    /// Whether the two are not to begin an epoch together.
    pub(super) fn is_lacking(&mut self) -> bool {
        self.catching_up()
            .is_some_and(|one| one.peer_lacks || one.lacks.is_some())
    }

    /// Everything is sent, and durable at the other.
    fn is_everything_there(&mut self) -> bool {
        if self.is_mistaken(Mistake::CopiedTooEarly) {
            return true;
        }
        self.is_everything_sent()
            && self.branches.is_durable()
            && self
                .link
                .as_ref()
                .is_some_and(|link| link.outbox.is_quiet())
    }

    pub(super) fn go_on_with_giving(&mut self) -> Result<(), Fault> {
        let is_there = self.is_everything_there();
        let Some(catch_up) = self.catching_up().filter(|_| is_there) else {
            return Ok(());
        };
        match catch_up.lacks {
            None => Ok(()),
            Some(Giving::Serving) => {
                catch_up.lacks = Some(Giving::Stopped);
                if let Role::Solo { epoch, .. } = self.role {
                    self.role = Role::Solo {
                        epoch,
                        is_frozen: true,
                    };
                    self.put(Output::Follow);
                }
                Ok(())
            }
            // A step later: what was numbered until then would have been appended.
            Some(Giving::Stopped) => {
                self.joining = true;
                self.role = Role::Waiting { solo_at: None };
                self.put(Output::NeedsCopy);
                Err(Fault::LocalNeedsCopy)
            }
        }
    }
}
