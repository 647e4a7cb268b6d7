//! A timer for a moment that moves: to set it costs system calls, to find that it rang too early costs none.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use async_io::Timer;
use futures_lite::Future as _;

use crate::base::time::Monotonic;
use crate::net::clock::Clock;

/// It stays set while the moment becomes later, and is set anew when it rings or the moment becomes earlier.
pub(crate) struct Alarm {
    clock: Clock,
    set: Option<(Monotonic, Timer)>,
}

impl Alarm {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, set: None }
    }

    /// Whether the moment has come; until then the task is woken, by it or by one that was earlier.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, at: Option<Monotonic>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        while at > self.clock.steady() {
            let is_set = self.set.as_ref().is_some_and(|(rings, _)| *rings <= at);
            if !is_set {
                self.set = Some((at, Timer::at(self.clock.instant(at))));
            }
            let rings = self.set.as_mut().map(|(_, timer)| Pin::new(timer).poll(cx));
            if rings.is_none_or(|rings| rings.is_pending()) {
                return Poll::Pending;
            }
            self.set = None;
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;

    #[test]
    fn it_is_set_anew_only_for_an_earlier_moment() {
        let clock = Clock::start();
        let mut alarm = Alarm::new(clock);
        let mut cx = Context::from_waker(Waker::noop());
        for (wanted, set) in [(40_000, 40_000), (60_000, 40_000), (20_000, 20_000)] {
            assert!(alarm.poll(&mut cx, Some(Monotonic(wanted))).is_pending());
            let rings = alarm.set.as_ref().map(|(rings, _)| *rings);
            assert_eq!(rings, Some(Monotonic(set)));
        }
    }

    #[test]
    fn where_it_was_set_too_early_it_rings_at_the_moment_all_the_same() {
        let clock = Clock::start();
        let mut alarm = Alarm::new(clock);
        let (early, late) = (clock.steady().plus_ms(200), clock.steady().plus_ms(250));
        let mut wanted = early;
        smol::block_on(poll_fn(|cx| {
            let rung = alarm.poll(cx, Some(wanted));
            wanted = late;
            rung
        }));
        assert!(clock.steady() >= late);
    }
}
