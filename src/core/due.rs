//! When the core has to be looked at, although nothing comes.
//!
//! It is asked after every piece of work, so that it must not cost more the more sessions there are: what is kept is
//! a moment before which none of them is due, and all of them are looked at when it has come.

use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::Output;
use crate::core::session::Session;

impl Core {
    /// When to step with [`Input::Tick`](crate::core::Input::Tick) at the latest.
    pub(crate) fn timeout(&self) -> Option<Monotonic> {
        let mut sessions = self.sessions.values().filter_map(Session::timeout);
        debug_assert!(
            sessions.all(|at| self.sessions_due.is_some_and(|due| due <= at)),
            "a session got a deadline and was not touched"
        );
        let all = [
            self.sessions_due,
            self.taken.timeout(),
            self.pushes.timeout(),
            self.zombies_timeout(),
            self.recalls_timeout(),
            self.report_timeout(),
            self.names_timeout(),
            self.slowed_timeout(),
            self.tail
                .timeout(self.limits.tail_bytes, self.limits.checkpoint_ms),
        ];
        all.into_iter().flatten().min()
    }

    /// Sessions whose time has come.
    pub(super) fn check_sessions(&mut self) {
        let now = self.now.monotonic;
        let mut over = Vec::new();
        self.sessions_due = None;
        for session in self.sessions.values_mut() {
            if session.check_ack(now) | session.check_held(now) {
                self.touched.insert(session.id);
            }
            if session.sleeps_until.is_some_and(|until| until <= now) {
                over.push(session.id);
            }
        }
        for id in over {
            self.begin_end(id);
        }
        let left = self.sessions.values().filter_map(Session::timeout);
        self.sessions_due = left.min();
    }

    /// Who got something is told; whoever waits for something is not forgotten.
    pub(super) fn announce_touched(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            let both = [self.sessions_due, session.timeout()];
            self.sessions_due = both.into_iter().flatten().min();
            if session.wants_write()
                && !session.announced
                && let Some(link) = session.link
            {
                session.announced = true;
                self.outputs.push_back(Output::Ready { link });
            }
        }
    }
}
