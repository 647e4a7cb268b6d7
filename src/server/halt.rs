//! The end that an administrator has ordered (XEP-0133 sections 4.30 and 4.31): when, and which board first.
//!
//! Both boards of a pair hear of it. The one that does not lead goes first and leaves its clients to the other one,
//! which restarts when it is back: somebody serves all the time. If it does not come back, the other one stays.

use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use smol::channel;
use smol::channel::Receiver;
use smol::channel::Sender;

use crate::base::halt_limits::HALT_RETURN_MS;
use crate::base::halt_limits::HALT_TURN_MS;
use crate::mirror::State;
use crate::model::op::Halt;
use crate::net::peer::within;
use crate::observe;
use crate::observe::event::Event;
use crate::server::hub::Node;

/// Between two looks at the other board.
const LOOK: Duration = Duration::from_millis(100);

/// Orders whose time has come: whether the server begins anew.
pub(crate) struct Halting {
    due: (Sender<bool>, Receiver<bool>),
}

impl Default for Halting {
    fn default() -> Self {
        Self {
            due: channel::bounded(1),
        }
    }
}

impl Halting {
    /// The first end that is due: whether the server begins anew.
    pub(super) async fn until_due(&self) -> bool {
        // The sender is here, too.
        self.due.1.recv().await.unwrap_or_default()
    }
}

impl Node {
    pub(super) fn halt(self: &Rc<Self>, halt: Halt) {
        let Halt { delay_ms, again } = halt;
        let what = if again { "restarts" } else { "stops" };
        observe::emit(&Event::HaltOrdered { what, ms: delay_ms });
        let node = Rc::clone(self);
        let ending = async move {
            Timer::after(Duration::from_millis(delay_ms)).await;
            if node.may_go(again).await {
                // If there is one already, that one holds.
                node.halting.due.0.try_send(again).ok();
            } else {
                observe::emit(&Event::RestartAbandoned);
            }
        };
        self.executor.spawn(ending).detach();
    }

    /// When it is this board's turn; `false`: it is not, for nobody else would serve.
    async fn may_go(&self, again: bool) -> bool {
        if self.pair_state() != Some(State::Paired { leads: true }) {
            return true;
        }
        let is_gone = self.until(HALT_TURN_MS, |state| !is_paired(state)).await;
        !(is_gone && again) || self.until(HALT_RETURN_MS, is_paired).await
    }

    fn pair_state(&self) -> Option<State> {
        let member = self.member.borrow();
        member.mirror().map(|mirror| mirror.status().state)
    }

    /// Whether the pair comes to be like that in time.
    async fn until(&self, ms: u64, is_so: impl Fn(Option<State>) -> bool) -> bool {
        let seen = async {
            while !is_so(self.pair_state()) {
                Timer::after(LOOK).await;
            }
        };
        within(ms, seen).await.is_some()
    }
}

fn is_paired(state: Option<State>) -> bool {
    matches!(state, Some(State::Paired { .. }))
}
