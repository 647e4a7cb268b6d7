//! Everything worth telling, with its level and its words.

use std::fmt;
use std::net::IpAddr;

use log::Level;

use crate::base::time::Timestamp;
use crate::observe::metric::Metric;

/// Something that happened. Text is lower case without a full stop; fields follow the words.
pub(crate) enum Event<'a> {
    /// The server has begun to listen.
    Ready {
        domain: &'a str,
    },
    /// There is no account yet.
    NobodyYet,
    /// It has been asked to stop.
    Stopping {
        connections: usize,
    },
    /// An administrator wants it to stop, or to start again.
    HaltOrdered {
        what: &'static str,
        ms: u64,
    },
    /// The other board did not come back, and this one does not go.
    RestartAbandoned,
    /// Sessions of before the restart go on.
    SessionsTakenUp {
        count: usize,
    },
    /// They could not be saved.
    SessionsLost {
        error: &'a dyn fmt::Display,
    },
    Reloaded,
    /// The old settings stay.
    ReloadFailed {
        mistakes: usize,
    },
    CertificateMade {
        fingerprint: &'a dyn fmt::Display,
    },
    ConnectionAccepted {
        from: IpAddr,
    },
    ConnectionRefused {
        from: IpAddr,
        why: &'a dyn fmt::Display,
    },
    AcceptFailed {
        error: &'a dyn fmt::Display,
        wait_ms: u64,
    },
    TlsFailed {
        from: IpAddr,
        error: &'a dyn fmt::Display,
    },
    LoginFailed {
        from: IpAddr,
    },
    LoginDelayed {
        from: IpAddr,
        wait_ms: u64,
    },
    SessionStarted {
        from: IpAddr,
        jid: &'a dyn fmt::Display,
    },
    /// A stream ended with an error of RFC 6120 section 4.9.
    StreamFailed {
        from: IpAddr,
        why: &'a dyn fmt::Debug,
    },
    ClientStalled {
        from: IpAddr,
        seconds: u64,
    },
    /// It keeps more memory than anybody else, and there is none left.
    ClientCrowds {
        from: IpAddr,
        bytes: usize,
    },
    ConnectionEnded {
        from: IpAddr,
    },
    /// A web client did not send what could be answered.
    RequestRefused {
        from: IpAddr,
        why: &'a dyn fmt::Debug,
    },
    /// Somebody called where only the other board should.
    PeerRefused {
        from: IpAddr,
        why: &'a dyn fmt::Display,
    },
    /// A board has proved its invitation and is given a copy.
    JoinStarted {
        from: IpAddr,
        key: &'a dyn fmt::Display,
    },
    JoinFinished {
        from: IpAddr,
        rows: u64,
    },
    JoinFailed {
        from: IpAddr,
        why: &'a dyn fmt::Display,
    },
    /// A board that was away for long is made equal to the other.
    PairCopy {
        what: &'a dyn fmt::Display,
    },
    /// The other board is no longer let in.
    PeerForgotten {
        generation: u32,
    },
    /// The connection with the other board is over.
    PeerLost {
        why: &'a dyn fmt::Display,
    },
    /// What is acknowledged from here on is on this disk only.
    PairAlone,
    /// What is acknowledged from here on is on both disks.
    PairComplete {
        leads: bool,
    },
    /// The other board may have gone on without this one.
    PairAwaited,
    /// Somebody else on the link has the name of `mdns.name`.
    NameTaken {
        by: IpAddr,
    },
    /// The clock of the day says what the log makes unlikely.
    ClockDoubted {
        said: Timestamp,
        believed: Timestamp,
    },
    AdminFailed {
        error: &'a dyn fmt::Display,
    },
    /// The disk or the machine has let us down.
    StorageFailed {
        error: &'a dyn fmt::Display,
    },
}

impl Event<'_> {
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::StorageFailed { .. } => Level::Error,
            Self::AcceptFailed { .. }
            | Self::ReloadFailed { .. }
            | Self::LoginDelayed { .. }
            | Self::ClientCrowds { .. }
            | Self::JoinFailed { .. }
            | Self::PeerLost { .. }
            | Self::PairAlone
            | Self::NameTaken { .. }
            | Self::ClockDoubted { .. }
            | Self::AdminFailed { .. }
            | Self::SessionsLost { .. }
            | Self::RestartAbandoned
            | Self::ConnectionRefused { .. } => Level::Warn,
            Self::Ready { .. }
            | Self::NobodyYet
            | Self::HaltOrdered { .. }
            | Self::Stopping { .. }
            | Self::SessionsTakenUp { .. }
            | Self::Reloaded
            | Self::CertificateMade { .. }
            | Self::LoginFailed { .. }
            | Self::ClientStalled { .. }
            | Self::PeerRefused { .. }
            | Self::JoinStarted { .. }
            | Self::JoinFinished { .. }
            | Self::PairCopy { .. }
            | Self::PairComplete { .. }
            | Self::PairAwaited
            | Self::PeerForgotten { .. } => Level::Info,
            Self::ConnectionAccepted { .. }
            | Self::TlsFailed { .. }
            | Self::SessionStarted { .. }
            | Self::StreamFailed { .. }
            | Self::RequestRefused { .. }
            | Self::ConnectionEnded { .. } => Level::Debug,
        }
    }

    pub(crate) fn metric(&self) -> Option<Metric> {
        Some(match self {
            Self::ConnectionAccepted { .. } => Metric::ConnectionsAccepted,
            Self::ConnectionRefused { .. } => Metric::ConnectionsRefused,
            Self::AcceptFailed { .. } => Metric::AcceptFailures,
            Self::TlsFailed { .. } => Metric::TlsFailures,
            Self::LoginFailed { .. } => Metric::LoginFailures,
            Self::LoginDelayed { .. } => Metric::LoginsDelayed,
            Self::SessionStarted { .. } => Metric::Logins,
            Self::StreamFailed { .. } => Metric::StreamErrors,
            Self::ClientStalled { .. } => Metric::ClientsStalled,
            Self::Ready { .. }
            | Self::NobodyYet
            | Self::Stopping { .. }
            | Self::HaltOrdered { .. }
            | Self::RestartAbandoned
            | Self::SessionsTakenUp { .. }
            | Self::SessionsLost { .. }
            | Self::Reloaded
            | Self::ReloadFailed { .. }
            | Self::CertificateMade { .. }
            | Self::ClientCrowds { .. }
            | Self::ConnectionEnded { .. }
            | Self::RequestRefused { .. }
            | Self::PeerRefused { .. }
            | Self::JoinStarted { .. }
            | Self::JoinFinished { .. }
            | Self::JoinFailed { .. }
            | Self::PairCopy { .. }
            | Self::PeerForgotten { .. }
            | Self::PeerLost { .. }
            | Self::PairAlone
            | Self::PairComplete { .. }
            | Self::PairAwaited
            | Self::NameTaken { .. }
            | Self::ClockDoubted { .. }
            | Self::AdminFailed { .. }
            | Self::StorageFailed { .. } => return None,
        })
    }
}

impl Event<'_> {
    /// What is told of the pair.
    fn fmt_pair(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerRefused { from, why } => {
                write!(f, "no connection of the pair from={from} why={why}")
            }
            Self::JoinStarted { from, key } => {
                write!(f, "other board joins from={from} key={key}")
            }
            Self::JoinFinished { from, rows } => {
                write!(f, "other board has a copy from={from} rows={rows}")
            }
            Self::JoinFailed { from, why } => {
                write!(f, "other board did not join from={from} why={why}")
            }
            Self::PairCopy { what } => write!(f, "pair: {what}"),
            Self::PeerForgotten { generation } => {
                write!(f, "other board forgotten generation={generation}")
            }
            Self::PeerLost { why } => {
                write!(f, "connection with the other board is over why={why}")
            }
            Self::PairAlone => {
                f.write_str("this board goes on alone, what is acknowledged is on one disk")
            }
            Self::PairComplete { leads } => write!(
                f,
                "both boards serve, what is acknowledged is on both disks leads={leads}"
            ),
            Self::RestartAbandoned => {
                f.write_str("other board is not back, this one does not restart")
            }
            Self::PairAwaited => f.write_str(
                "nobody is served before the other board was met, or is known to be away",
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { domain } => write!(f, "server is ready domain={domain}"),
            Self::NobodyYet => f.write_str("nobody has an account yet, add: meerkat user add NAME"),
            Self::Stopping { connections } => {
                write!(f, "server stops connections={connections}")
            }
            Self::HaltOrdered { what, ms } => write!(f, "server {what} as ordered in_ms={ms}"),
            Self::SessionsTakenUp { count } => write!(f, "sessions go on count={count}"),
            Self::SessionsLost { error } => write!(f, "sessions are not saved why={error}"),
            Self::Reloaded => f.write_str("settings reloaded"),
            Self::ReloadFailed { mistakes } => write!(
                f,
                "settings not reloaded, the old ones stay mistakes={mistakes}"
            ),
            Self::CertificateMade { fingerprint } => {
                write!(f, "self-signed certificate made sha256={fingerprint}")
            }
            Self::ConnectionAccepted { from } => write!(f, "connection accepted from={from}"),
            Self::ConnectionRefused { from, why } => {
                write!(f, "connection refused from={from} why={why}")
            }
            Self::AcceptFailed { error, wait_ms } => write!(
                f,
                "no connection could be accepted error={error} wait_ms={wait_ms}"
            ),
            Self::TlsFailed { from, error } => write!(f, "no TLS from={from} error={error}"),
            Self::LoginFailed { from } => write!(f, "login failed from={from}"),
            Self::LoginDelayed { from, wait_ms } => {
                write!(f, "login has to wait from={from} wait_ms={wait_ms}")
            }
            Self::SessionStarted { from, jid } => {
                write!(f, "session started from={from} jid={jid}")
            }
            Self::StreamFailed { from, why } => write!(f, "stream failed from={from} why={why:?}"),
            Self::ClientStalled { from, seconds } => {
                write!(f, "client takes nothing from={from} seconds={seconds}")
            }
            Self::ClientCrowds { from, bytes } => {
                write!(
                    f,
                    "client is ended, memory is short from={from} bytes={bytes}"
                )
            }
            Self::ConnectionEnded { from } => write!(f, "connection ended from={from}"),
            Self::RequestRefused { from, why } => {
                write!(f, "request refused from={from} why={why:?}")
            }
            Self::PeerRefused { .. }
            | Self::JoinStarted { .. }
            | Self::JoinFinished { .. }
            | Self::JoinFailed { .. }
            | Self::PairCopy { .. }
            | Self::PeerForgotten { .. }
            | Self::PeerLost { .. }
            | Self::PairAlone
            | Self::PairComplete { .. }
            | Self::RestartAbandoned
            | Self::PairAwaited => self.fmt_pair(f),
            Self::NameTaken { by } => write!(
                f,
                "somebody else has this server's name, change mdns.name by={by}"
            ),
            Self::ClockDoubted { said, believed } => write!(
                f,
                "the clock of this machine is not believed for now, set it by NTP says={said} believed={believed}"
            ),
            Self::AdminFailed { error } => write!(f, "administration failed error={error}"),
            Self::StorageFailed { error } => write!(f, "storage failed error={error}"),
        }
    }
}
