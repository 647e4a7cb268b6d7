//! One vocabulary for log lines and counters.
//!
//! Whoever has something to tell makes an [`event::Event`]; its level, its words and its counter are described
//! there, once. No message body, no password and no token is ever part of one. The counters are the
//! only global state of the program: they only ever grow, and nothing decides by them.

pub(crate) mod event;
pub(crate) mod metric;

use crate::observe::event::Event;

/// Counts the event, and hands its line to the sink if its level is wanted.
pub(crate) fn emit(event: &Event<'_>) {
    if let Some(metric) = event.metric() {
        metric::count(metric);
    }
    log::log!(target: "meerkat", event.level(), "{event}");
}
