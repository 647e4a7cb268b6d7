//! The orderly stop of one of two boards: the other one goes on with its clients' sessions.
//!
//! Nothing more is taken from clients; what they have said gets onto both disks, and the other board is told
//! to the last how each session stands. With the goodbye the sessions are its own. Only then the connections are
//! closed, without a stream error and without an end of the stream, since a client resumes after neither
//! (XEP-0198 section 5), and not all at once, since all of them come to the other board.

use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;

use crate::mirror::State;
use crate::net::hub::Event;
use crate::net::hub::Mailbox;
use crate::net::peer::within;
use crate::server::hub::Node;

/// How long what is under way may take to get onto both disks.
const SETTLE_MS: u64 = 5_000;

/// Between two connections that are closed: two hundred in a second.
const PACE: Duration = Duration::from_millis(5);

/// How long that may take in all. The rest is closed at once, by the end of the process.
const CLOSE_MS: u64 = 5_000;

/// Whether there is another board that can go on.
pub(super) fn is_possible(node: &Node) -> bool {
    let member = node.member.borrow();
    let state = member.mirror().map(|mirror| mirror.status().state);
    matches!(state, Some(State::Paired { .. }))
}

pub(super) async fn hand_over(node: &Rc<Node>) {
    node.begin_leaving();
    let handed = async {
        while !node.has_handed_over() {
            Timer::after(Duration::from_millis(1)).await;
        }
    };
    within(SETTLE_MS, handed).await;
    node.say_goodbye().await;
    let mailboxes: Vec<Rc<Mailbox>> = node.mailboxes.borrow().values().map(Rc::clone).collect();
    let closed = async {
        for mailbox in mailboxes {
            mailbox.post(Event::Leave);
            Timer::after(PACE).await;
        }
    };
    within(CLOSE_MS, closed).await;
}
