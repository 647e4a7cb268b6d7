//! Lines of the room that are taken back: by who said them (XEP-0424), and by a moderator (XEP-0425).

use meerkat::testing::sim::Text;

use crate::client::Outgoing;
use crate::client::ROOM;
use crate::world::DOMAIN;
use crate::world::NAMES;
use crate::world::World;

/// One in so many lines takes one back.
const OWN_EVERY: u64 = 6;
const MODERATED_EVERY: u64 = 5;

const RETRACT: &str = "urn:xmpp:message-retract:1";

impl World {
    /// The room has shown a line.
    pub(super) fn remember_line(&mut self, index: usize, text: &Text) {
        let Some(id) = &text.stanza_id else {
            return;
        };
        let device = &mut self.devices[index];
        let line = (text.body.clone(), id.clone());
        if text.from == device.nick() {
            device.own_line = Some(line.clone());
        }
        device.last_line = Some(line);
    }

    /// What a device says in the room: a line, which may take back the one before.
    pub(super) fn say_something(&mut self, index: usize, number: u64) -> Outgoing {
        // What was swept cannot be told from what was taken back.
        let may = self.weeks.is_none();
        let is_apart = self.has_trouble() && self.is_apart();
        let device = &mut self.devices[index];
        let is_moderator = device.account == format!("{}@{DOMAIN}", NAMES[0]);
        if is_moderator
            && may
            && number.is_multiple_of(MODERATED_EVERY)
            && let Some((line, id)) = device.last_line.take()
        {
            let by = format!("k{number}");
            self.checker.takes_back(&by, &line, is_apart);
            let moderate = "urn:xmpp:message-moderate:1";
            let text = format!(
                "<iq type='set' id='{by}' to='{ROOM}'><moderate xmlns='{moderate}' id='{id}'>\
                 <retract xmlns='{RETRACT}'/></moderate></iq>"
            );
            return Outgoing {
                body: Some(by),
                text,
            };
        }
        let body = format!("r{number}");
        let mut retract = String::new();
        if may
            && number.is_multiple_of(OWN_EVERY)
            && let Some((line, id)) = device.own_line.take()
        {
            self.checker.takes_back(&body, &line, is_apart);
            retract = format!("<retract xmlns='{RETRACT}' id='{id}'/>");
        }
        let from = device.jid();
        self.checker.said(&body, number, &from);
        let text = format!(
            "<message type='groupchat' id='{body}' to='{ROOM}'>{retract}<body>{body}</body></message>"
        );
        Outgoing {
            body: Some(body),
            text,
        }
    }
}
