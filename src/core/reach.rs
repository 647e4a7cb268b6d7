//! How much one session may bring to others: a stanza for a full room, or presence to many of them, is work for all.
//!
//! One thread serves everybody, so who says more than [`Settings::deliveries_per_second`] allows is read more slowly, as
//! with its stanzas.
//!
//! [`Settings::deliveries_per_second`]: crate::effect::settings::Settings::deliveries_per_second

use crate::base::ids::Ticket;
use crate::base::room_limits::DELIVERIES_FREE;
use crate::base::room_limits::DELIVERIES_LOOK_MS;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::session::Session;

impl Core {
    /// The entry of the ticket was delivered to so many sessions.
    pub(super) fn charge(&mut self, ticket: Ticket, deliveries: usize) {
        let Some(rate) = self.settings.deliveries_per_second else {
            return;
        };
        if deliveries < DELIVERIES_FREE {
            return;
        }
        let source = self.order.open.get(&ticket).and_then(|open| open.source);
        let Some(session) = source.and_then(|id| self.sessions.get_mut(&id)) else {
            return;
        };
        let now = self.now.monotonic;
        session.deliveries_allowed.take(deliveries, rate, now);
        if let Some(until) = session.deliveries_allowed.wait_until(now) {
            self.slowed_until = self.slowed_until.max(until);
        }
    }

    pub(super) fn is_slowed(&self, session: &Session) -> bool {
        let allowed = session.deliveries_allowed;
        allowed.wait_until(self.now.monotonic).is_some()
    }

    /// While anybody is read more slowly it is looked from time to time whether that is over.
    pub(super) fn slowed_timeout(&self) -> Option<Monotonic> {
        let now = self.now.monotonic;
        let next = self.slowed_until.min(now.plus_ms(DELIVERIES_LOOK_MS));
        (self.slowed_until > now).then_some(next)
    }
}
