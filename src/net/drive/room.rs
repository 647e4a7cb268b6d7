//! What a connection keeps, and what it does when all of them keep too much.

use std::mem;

use crate::base::limits::CROWD_WAIT_MS;
use crate::base::time::Monotonic;
use crate::c2s;
use crate::net::drive::Connection;
use crate::net::drive::End;
use crate::net::hub::Hub;
use crate::observe;
use crate::observe::event::Event as Told;

impl<H: Hub> Connection<H> {
    /// Tells what this connection keeps beyond what it has at rest.
    pub(super) fn note_kept(&mut self) {
        let framed = self.framed.as_ref().map_or(0, |framed| framed.kept_bytes());
        let input = self.stream.kept_bytes() + self.kept.capacity() + framed;
        let bytes = input.saturating_add(self.pipe.unsent_bytes());
        if bytes != mem::replace(&mut self.noted_bytes, bytes) {
            self.wires.note_kept(self.link, bytes);
        }
    }

    pub(super) fn has_room(&mut self, now: Monotonic) -> bool {
        let has_room = self.wires.may_read(self.link);
        let since = self.crowded.unwrap_or(now);
        self.crowded = (!has_room).then_some(since);
        has_room
    }

    /// The others need the room. Who does not take what it is sent cannot be told either.
    pub(super) fn give_way(&mut self, now: Monotonic, out: &mut Vec<u8>) -> Result<(), End> {
        if self.pipe.has_unsent() {
            return Err(End::Crowding);
        }
        let (from, bytes) = (self.from, self.noted_bytes);
        observe::emit(&Told::ClientCrowds { from, bytes });
        self.stream.handle_end(c2s::Failure::LocalFull);
        self.kept = Vec::new();
        self.settle(now, out);
        self.note_kept();
        Ok(())
    }
}

pub(super) fn crowded_until(since: Monotonic) -> Monotonic {
    since.plus_ms(CROWD_WAIT_MS)
}
