//! A record as the tables have it: what is loaded into memory, kept there and evicted as one.

use crate::model::account::Account;
use crate::model::room::Room;
use crate::model::row::Rows;

/// The server, an account, a room, or a node of publish-subscribe; its volatile parts are empty.
#[derive(Debug)]
pub(crate) enum Record {
    Node { rows: Rows },
    Account { account: Account },
    Room { room: Room },
    Leaf { rows: Rows },
}
