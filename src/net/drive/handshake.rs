//! The moment at which a connection is encrypted.

use std::sync::Arc;

use crate::base::time::Monotonic;
use crate::c2s;
use crate::c2s::TlsFacts;
use crate::net::drive::Connection;
use crate::net::drive::Phase;
use crate::net::hub::Hub;
use crate::observe::metric;
use crate::observe::metric::Metric;

impl<H: Hub> Connection<H> {
    pub(super) fn check_handshake(&mut self, now: Monotonic, out: &mut Vec<u8>) {
        let (Phase::Handshake { settings, direct }, Some(tls)) = (&self.phase, self.pipe.tls())
        else {
            return;
        };
        metric::count(Metric::TlsHandshakes);
        let facts = TlsFacts {
            bindings: settings.bindings(tls),
        };
        if let Some(since) = *direct {
            // The stream that stood in for it has only watched the time.
            let settings = Arc::clone(&self.wires.settings.borrow().stream);
            let seed = self.wires.seed();
            *self.stream = c2s::Session::new(settings, seed, Some(facts), since);
        } else {
            self.stream.handle_tls(facts);
        }
        self.phase = Phase::Stream;
        self.settle(now, out);
    }
}
