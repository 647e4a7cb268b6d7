//! What an operator is told of the pair.

use miniserde::Deserialize;
use miniserde::Serialize;

use crate::base::time::Timestamp;
use crate::model::pair::PairStatus;
use crate::server::pair::file::Membership;

/// Names and units are a contract with scripts: fields are added, never renamed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct PairReport {
    /// `single`, `waiting`, `catching-up`, `sync`, `solo`; `stopped` where no server runs.
    pub(crate) state: String,
    /// When the state began: an XEP-0082 date, empty where nobody knows.
    pub(crate) since: String,
    /// Durable entries that the other board is not known to have.
    pub(crate) lag_entries: u64,
    /// Entries acknowledged on one disk only, and not yet on the other.
    pub(crate) solo_entries: u64,
    /// From 0 to 1: how far the other board has caught up.
    pub(crate) progress: f64,
    /// When two branches were last merged: an XEP-0082 date, empty if never.
    pub(crate) last_heal: String,
    /// This board's number in the pair.
    pub(crate) node: u8,
    /// Empty: there is no pair.
    pub(crate) pair: String,
    pub(crate) generation: u32,
    /// The other board's key; empty: there is none.
    pub(crate) peer: String,
    pub(crate) peer_addresses: Vec<String>,
    /// How far this board is a member: `copying` (of no use yet), `joiner` (has a copy), `member`.
    pub(crate) stage: String,
    /// The other board has its copy.
    pub(crate) has_joined: bool,
}

impl PairReport {
    pub(crate) fn new(membership: Option<&Membership>, status: PairStatus) -> Self {
        let percent = u32::try_from(status.state.progress_percent()).unwrap_or(0);
        let mut report = Self {
            state: status.state.word().to_owned(),
            since: status.since.to_xep0082(),
            lag_entries: status.lag_entries,
            solo_entries: status.solo_entries,
            progress: f64::from(percent) / 100.0,
            last_heal: status
                .last_heal
                .map_or_else(String::new, Timestamp::to_xep0082),
            ..<Self as Default>::default()
        };
        report.add(membership);
        report
    }

    /// Where no server runs only the file can tell.
    pub(crate) fn stopped(membership: Option<&Membership>) -> Self {
        let mut report = Self {
            state: "stopped".to_owned(),
            ..<Self as Default>::default()
        };
        report.add(membership);
        report
    }

    fn add(&mut self, membership: Option<&Membership>) {
        let Some(membership) = membership else { return };
        self.node = membership.node;
        self.pair = format!("{:032x}", membership.pair);
        self.generation = membership.generation;
        membership.stage.word().clone_into(&mut self.stage);
        if let Some(peer) = &membership.peer {
            self.peer = peer.pin.to_string();
            self.peer_addresses = peer.addresses.iter().map(ToString::to_string).collect();
            self.has_joined = peer.has_joined;
        }
    }
}
