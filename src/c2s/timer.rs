//! The times at which a stream does something by itself.

use crate::base::time::Monotonic;

/// What may be due. The order decides between two that are due at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Timer {
    /// The login must be over.
    Login,
    /// The client has not been heard of.
    Silence,
}

/// When each timer is due; a fixed table, since there are so few.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    login: Option<Monotonic>,
    silence: Option<Monotonic>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Monotonic) {
        *self.slot(timer) = Some(at);
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        *self.slot(timer) = None;
    }

    pub(crate) fn stop_all(&mut self) {
        *self = Self::default();
    }

    /// The next moment at which a timer is due.
    pub(crate) fn next(&self) -> Option<Monotonic> {
        self.login.into_iter().chain(self.silence).min()
    }

    /// Takes a timer that is due.
    pub(crate) fn take_due(&mut self, now: Monotonic) -> Option<Timer> {
        [Timer::Login, Timer::Silence]
            .into_iter()
            .find(|timer| self.slot(*timer).take_if(|at| *at <= now).is_some())
    }

    fn slot(&mut self, timer: Timer) -> &mut Option<Monotonic> {
        match timer {
            Timer::Login => &mut self.login,
            Timer::Silence => &mut self.silence,
        }
    }
}
