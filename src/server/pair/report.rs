//! What an operator is told of the pair.

use miniserde::Deserialize;
use miniserde::Serialize;

use crate::mirror::fault::Fault;
use crate::model::pair::PairState;
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
    /// The same in entries, when they began to be sent: about how many there are to be.
    pub(crate) done_entries: u64,
    pub(crate) total_entries: u64,
    /// About how long catching up still takes.
    pub(crate) left_seconds: Option<u64>,
    /// Users are served by this board.
    pub(crate) serves: bool,
    /// Until this board serves alone if the other one does not come.
    pub(crate) alone_in_seconds: Option<u64>,
    /// The last time since the start that one board had what the other lacked when they met: an XEP-0082
    /// date, empty if never; entries that came from the other board and that went there, and how long it took.
    pub(crate) last_heal: String,
    pub(crate) last_heal_received_entries: u64,
    pub(crate) last_heal_sent_entries: u64,
    pub(crate) last_heal_ms: u64,
    /// Why the last connection with the other board ended; empty while there is one.
    pub(crate) trouble: String,
    /// Values that were lost when the boards met, of the last 30 days (`pair conflicts`), and how many of them are
    /// names that both boards had given to somebody while apart.
    pub(crate) conflicts: u64,
    pub(crate) given_twice: u64,
    /// The other board's clock against this one's, when they last met.
    pub(crate) clock_ahead_ms: i64,
    /// Uploaded files that this board knows of and has not got.
    pub(crate) files_missing: u64,
    /// The state in plain words, for people.
    pub(crate) text: String,
    /// This board's number in the pair.
    pub(crate) node: u8,
    /// Empty: there is no pair.
    pub(crate) pair: String,
    pub(crate) generation: u32,
    /// The other board's key; empty: there is none.
    pub(crate) peer: String,
    pub(crate) peer_addresses: Vec<String>,
    /// How far this board is a member: `copying` (of no use yet), `joiner` (has a copy), `member`,
    /// `fetching` (was away for too long, and takes what differs).
    pub(crate) stage: String,
    /// The other board has its copy.
    pub(crate) has_joined: bool,
}

impl PairReport {
    pub(crate) fn new(
        membership: Option<&Membership>,
        status: &PairStatus,
        trouble: Option<&Fault>,
        files_missing: usize,
    ) -> Self {
        let percent = u32::try_from(status.state.progress_percent()).unwrap_or(0);
        let (done_entries, total_entries) = match status.state {
            PairState::CatchingUp { done, total } => (done, total),
            _ => (0, 0),
        };
        let seconds = |ms: u64| ms.div_ceil(1_000);
        let mut report = Self {
            state: status.state.word().to_owned(),
            since: status.since.to_xep0082(),
            lag_entries: status.lag_entries,
            solo_entries: status.solo_entries,
            progress: f64::from(percent) / 100.0,
            done_entries,
            total_entries,
            left_seconds: status.left_ms.map(seconds),
            serves: status.serves,
            alone_in_seconds: status.alone_in_ms.map(seconds),
            trouble: trouble.map_or_else(String::new, ToString::to_string),
            clock_ahead_ms: status.clock_ahead_ms.unwrap_or(0),
            ..<Self as Default>::default()
        };
        if let Some(heal) = status.last_heal {
            report.last_heal = heal.at.to_xep0082();
            report.last_heal_received_entries = heal.received;
            report.last_heal_sent_entries = heal.sent;
            report.last_heal_ms = heal.ms;
        }
        report.text = words(status);
        report.files_missing = u64::try_from(files_missing).unwrap_or(u64::MAX);
        if files_missing > 0 {
            let still =
                format!("; {files_missing} uploaded files are still to come from the other board");
            report.text.push_str(&still);
        }
        report.add(membership);
        report
    }

    /// What an operator has to look at.
    pub(crate) fn with_conflicts(mut self, (conflicts, given_twice): (u64, u64)) -> Self {
        self.conflicts = conflicts;
        self.given_twice = given_twice;
        self.text.push_str(&alarm(given_twice));
        self
    }

    /// A board that takes what differs from the other; in rows.
    pub(crate) fn fetching(membership: &Membership, done: u64, total: u64) -> Self {
        let state = PairState::CatchingUp { done, total };
        let percent = state.progress_percent();
        let mut report = Self {
            state: state.word().to_owned(),
            progress: f64::from(u32::try_from(percent).unwrap_or(0)) / 100.0,
            text: format!(
                "FETCHING: this board was away for long and takes what differs from the other, {percent} % \
                 of {total} rows are compared; users are served there meanwhile"
            ),
            ..<Self as Default>::default()
        };
        report.add(Some(membership));
        report
    }

    /// Where no server runs only the file can tell.
    pub(crate) fn stopped(membership: Option<&Membership>) -> Self {
        let mut report = Self {
            state: "stopped".to_owned(),
            text: "STOPPED: no server runs here".to_owned(),
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

/// Follows the state; empty: there is nothing to look at.
pub(crate) fn alarm(given_twice: u64) -> String {
    match given_twice {
        0 => String::new(),
        1 => "; 1 name was given twice, see: meerkat pair conflicts".to_owned(),
        names => format!("; {names} names were given twice, see: meerkat pair conflicts"),
    }
}

/// The state, since when, and what it means for users.
pub(crate) fn words(status: &PairStatus) -> String {
    let since = status.since.to_xep0082();
    let seconds = |ms: u64| ms.div_ceil(1_000);
    match status.state {
        PairState::Single => "SINGLE: there is no other board".to_owned(),
        PairState::Sync { .. } => {
            format!("SYNC since {since}: both boards serve, what is acknowledged is on two disks")
        }
        PairState::Solo => format!(
            "SOLO since {since}: the other board is not there, what is acknowledged is on this disk only"
        ),
        PairState::Waiting if status.is_joiner => format!(
            "WAITING since {since}: this board has joined, and serves as soon as it has met the other board"
        ),
        PairState::Waiting => {
            let alone = status
                .alone_in_ms
                .map_or_else(String::new, |ms| format!(", or alone in {} s", seconds(ms)));
            format!(
                "WAITING since {since}: nobody is served here before the other board was met{alone}"
            )
        }
        PairState::CatchingUp { done, total } => {
            let percent = status.state.progress_percent();
            let left = status
                .left_ms
                .map_or_else(String::new, |ms| format!(", about {} s left", seconds(ms)));
            let serves = if status.serves {
                "users are served here meanwhile"
            } else {
                "users are served here as soon as it is done"
            };
            format!(
                "CATCHING UP since {since}: {percent}% ({done} of about {total} entries){left}; {serves}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;

    #[test]
    fn every_state_is_told_in_plain_words() {
        let base = PairStatus {
            since: Timestamp::from_unix_ms(1_795_000_000_000),
            ..PairStatus::default()
        };
        let waits = PairStatus {
            state: PairState::Waiting,
            alone_in_ms: Some(20_100),
            ..base
        };
        let joins = PairStatus {
            is_joiner: true,
            alone_in_ms: None,
            ..waits
        };
        let catches_up = PairStatus {
            state: PairState::CatchingUp {
                done: 300,
                total: 1_200,
            },
            left_ms: Some(2_900),
            serves: true,
            ..base
        };
        let blank = PairStatus {
            serves: false,
            left_ms: None,
            ..catches_up
        };
        let of = |state| PairStatus { state, ..base };
        let all = [
            base,
            waits,
            joins,
            catches_up,
            blank,
            of(PairState::Sync { leads: true }),
            of(PairState::Solo),
        ];
        let texts: Vec<String> = all.iter().map(words).collect();
        expect_test::expect![[r"
            SINGLE: there is no other board
            WAITING since 2026-11-18T11:06:40.000Z: nobody is served here before the other board was met, or alone in 21 s
            WAITING since 2026-11-18T11:06:40.000Z: this board has joined, and serves as soon as it has met the other board
            CATCHING UP since 2026-11-18T11:06:40.000Z: 25% (300 of about 1200 entries), about 3 s left; users are served here meanwhile
            CATCHING UP since 2026-11-18T11:06:40.000Z: 25% (300 of about 1200 entries); users are served here as soon as it is done
            SYNC since 2026-11-18T11:06:40.000Z: both boards serve, what is acknowledged is on two disks
            SOLO since 2026-11-18T11:06:40.000Z: the other board is not there, what is acknowledged is on this disk only"]]
        .assert_eq(&texts.join("\n"));
    }
}
