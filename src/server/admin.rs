//! What the command line asks a running server, through a Unix socket in the data folder.
//!
//! One request a connection, one line of JSON. The answer is lines of JSON: any number of `progress`, `user`
//! and `status`, then exactly one `done` or `failed`. Whoever can open the socket (mode 0600) may do
//! everything, as whoever can read the data folder may anyway.

use std::collections::BTreeMap;

use miniserde::Deserialize;
use miniserde::Serialize;
use miniserde::json;

use crate::base::secret::Secret;
use crate::server::pair::PairReport;
use crate::server::pair::conflicts::Conflict;

/// In the data folder.
pub(crate) const SOCKET_FILE: &str = "admin.sock";

/// What an operator may ask for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    UserAdd {
        name: String,
        password: String,
        is_admin: bool,
    },
    UserList,
    UserPassword {
        name: String,
        password: String,
    },
    UserEnable {
        name: String,
        is_enabled: bool,
    },
    UserAdmin {
        name: String,
        is_admin: bool,
    },
    UserDelete {
        name: String,
    },
    Invite(Invitation),
    Status,
    /// Addresses where the other board reaches this one; none: as far as the server knows.
    PairInvite {
        addresses: Vec<String>,
    },
    PairReplace {
        addresses: Vec<String>,
    },
    PairLeave,
    PairStatus,
    PairConflicts,
    PairRestore {
        id: String,
    },
    /// The server writes the file itself, so the path is absolute.
    Backup {
        path: String,
        with_files: bool,
    },
    Export {
        path: String,
    },
}

impl Request {
    /// What it does is in the log afterwards.
    pub(crate) fn is_change(&self) -> bool {
        match self {
            Self::UserAdd { .. }
            | Self::UserPassword { .. }
            | Self::UserEnable { .. }
            | Self::UserAdmin { .. }
            | Self::UserDelete { .. }
            | Self::Invite(_)
            | Self::PairRestore { .. } => true,
            Self::UserList
            | Self::Status
            | Self::PairInvite { .. }
            | Self::PairReplace { .. }
            | Self::PairLeave
            | Self::PairStatus
            | Self::PairConflicts
            | Self::Backup { .. }
            | Self::Export { .. } => false,
        }
    }
}

/// A new invitation (XEP-0401).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Invitation {
    pub(crate) token: String,
    /// The only name that it is good for.
    pub(crate) name: Option<String>,
    /// Whose contact comes.
    pub(crate) by: Option<String>,
    pub(crate) may_register: bool,
    pub(crate) valid_ms: u64,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Progress {
        done: u64,
        total: u64,
    },
    User(User),
    Status(Status),
    /// The line for the other board.
    Invite {
        line: Secret,
    },
    Pair(PairReport),
    Conflict(Conflict),
    Done,
    /// One sentence for the operator, with the remedy.
    Failed {
        reason: String,
    },
}

/// An account in a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) is_admin: bool,
    pub(crate) is_enabled: bool,
}

/// How the server is doing. Names and units are a contract with scripts: fields are added, never renamed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) domain: String,
    /// `single`: one board alone; otherwise as the pair's report has it.
    pub(crate) state: String,
    /// The same in plain words, for people.
    pub(crate) text: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) connections: u64,
    pub(crate) sessions: u64,
    pub(crate) sessions_waiting: u64,
    pub(crate) accounts: u64,
    pub(crate) rooms: u64,
    /// Entries of the log that are durable.
    pub(crate) log_entries: u64,
    /// Of these, not yet in the tables.
    pub(crate) log_entries_since_checkpoint: u64,
    /// Of abuse, that users have filed and nobody has cleared (XEP-0377).
    pub(crate) reports: u64,
    pub(crate) disk_bytes: u64,
    pub(crate) resident_bytes: u64,
    /// SHA-256 of the certificate.
    pub(crate) certificate_fingerprint: String,
    /// XEP-0082 date.
    pub(crate) certificate_expires: String,
    /// What was counted since the start, by the name of the counter.
    pub(crate) counters: BTreeMap<String, u64>,
}

/// Why a line is no request or no reply: the other side is another program or version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LineError {
    NotJson,
    UnknownVerb,
    FieldMissing(&'static str),
}

/// Both directions on the wire: `verb` says which of the others count.
#[derive(Default, Deserialize, Serialize)]
struct Line {
    verb: String,
    name: Option<String>,
    password: Option<String>,
    flag: Option<bool>,
    path: Option<String>,
    done: Option<u64>,
    total: Option<u64>,
    reason: Option<String>,
    user: Option<User>,
    status: Option<Status>,
    addresses: Option<Vec<String>>,
    pair: Option<PairReport>,
    conflict: Option<Conflict>,
    by: Option<String>,
}

impl Request {
    /// One line without its end.
    pub(crate) fn write(&self) -> String {
        let mut line = <Line as Default>::default();
        line.verb.push_str(match self {
            Self::UserAdd { .. } => "user-add",
            Self::UserList => "user-list",
            Self::UserPassword { .. } => "user-password",
            Self::UserEnable { .. } => "user-enable",
            Self::UserAdmin { .. } => "user-admin",
            Self::UserDelete { .. } => "user-delete",
            Self::Invite(_) => "invite",
            Self::Status => "status",
            Self::PairInvite { .. } => "pair-invite",
            Self::PairReplace { .. } => "pair-replace",
            Self::PairLeave => "pair-leave",
            Self::PairStatus => "pair-status",
            Self::PairConflicts => "pair-conflicts",
            Self::PairRestore { .. } => "pair-restore",
            Self::Backup { .. } => "backup",
            Self::Export { .. } => "export",
        });
        match self.clone() {
            Self::UserAdd {
                name,
                password,
                is_admin,
            } => {
                line.name = Some(name);
                line.password = Some(password);
                line.flag = Some(is_admin);
            }
            Self::UserPassword { name, password } => {
                line.name = Some(name);
                line.password = Some(password);
            }
            Self::UserEnable {
                name,
                is_enabled: flag,
            }
            | Self::UserAdmin {
                name,
                is_admin: flag,
            } => {
                line.name = Some(name);
                line.flag = Some(flag);
            }
            Self::Invite(wanted) => {
                line.password = Some(wanted.token);
                line.name = wanted.name;
                line.by = wanted.by;
                line.flag = Some(wanted.may_register);
                line.total = Some(wanted.valid_ms);
            }
            Self::UserDelete { name } | Self::PairRestore { id: name } => line.name = Some(name),
            Self::Backup { path, with_files } => {
                line.path = Some(path);
                line.flag = Some(with_files);
            }
            Self::Export { path } => line.path = Some(path),
            Self::PairInvite { addresses } | Self::PairReplace { addresses } => {
                line.addresses = Some(addresses);
            }
            Self::UserList
            | Self::Status
            | Self::PairLeave
            | Self::PairStatus
            | Self::PairConflicts => {}
        }
        json::to_string(&line)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, LineError> {
        let line: Line = json::from_str(text).map_err(|_| LineError::NotJson)?;
        let only_name = line.name.clone();
        let name = line.name.ok_or(LineError::FieldMissing("name"));
        let password = line.password.ok_or(LineError::FieldMissing("password"));
        let flag = line.flag.ok_or(LineError::FieldMissing("flag"));
        let path = line.path.ok_or(LineError::FieldMissing("path"));
        let addresses = line.addresses.ok_or(LineError::FieldMissing("addresses"));
        Ok(match line.verb.as_str() {
            "user-add" => Self::UserAdd {
                name: name?,
                password: password?,
                is_admin: flag?,
            },
            "user-list" => Self::UserList,
            "user-password" => Self::UserPassword {
                name: name?,
                password: password?,
            },
            "user-enable" => Self::UserEnable {
                name: name?,
                is_enabled: flag?,
            },
            "user-admin" => Self::UserAdmin {
                name: name?,
                is_admin: flag?,
            },
            "user-delete" => Self::UserDelete { name: name? },
            "invite" => Self::Invite(Invitation {
                token: password?,
                name: only_name,
                by: line.by,
                may_register: flag?,
                valid_ms: line.total.ok_or(LineError::FieldMissing("total"))?,
            }),
            "status" => Self::Status,
            "pair-invite" => Self::PairInvite {
                addresses: addresses?,
            },
            "pair-replace" => Self::PairReplace {
                addresses: addresses?,
            },
            "pair-leave" => Self::PairLeave,
            "pair-status" => Self::PairStatus,
            "pair-conflicts" => Self::PairConflicts,
            "pair-restore" => Self::PairRestore { id: name? },
            "backup" => Self::Backup {
                path: path?,
                with_files: flag?,
            },
            "export" => Self::Export { path: path? },
            _ => return Err(LineError::UnknownVerb),
        })
    }
}

impl Reply {
    /// One line without its end.
    pub(crate) fn write(&self) -> String {
        let mut line = <Line as Default>::default();
        line.verb.push_str(match self {
            Self::Progress { .. } => "progress",
            Self::User(_) => "user",
            Self::Status(_) => "status",
            Self::Invite { .. } => "invite",
            Self::Pair(_) => "pair",
            Self::Conflict(_) => "conflict",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
        });
        match self.clone() {
            Self::Progress { done, total } => {
                line.done = Some(done);
                line.total = Some(total);
            }
            Self::User(user) => line.user = Some(user),
            Self::Status(status) => line.status = Some(status),
            Self::Invite { line: text } => line.name = text.expose_str().map(str::to_owned),
            Self::Pair(report) => line.pair = Some(report),
            Self::Conflict(conflict) => line.conflict = Some(conflict),
            Self::Failed { reason } => line.reason = Some(reason),
            Self::Done => {}
        }
        json::to_string(&line)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, LineError> {
        let line: Line = json::from_str(text).map_err(|_| LineError::NotJson)?;
        Ok(match line.verb.as_str() {
            "progress" => Self::Progress {
                done: line.done.ok_or(LineError::FieldMissing("done"))?,
                total: line.total.ok_or(LineError::FieldMissing("total"))?,
            },
            "user" => Self::User(line.user.ok_or(LineError::FieldMissing("user"))?),
            "status" => Self::Status(line.status.ok_or(LineError::FieldMissing("status"))?),
            "invite" => Self::Invite {
                line: Secret::from(&*line.name.ok_or(LineError::FieldMissing("name"))?),
            },
            "pair" => Self::Pair(line.pair.ok_or(LineError::FieldMissing("pair"))?),
            "conflict" => Self::Conflict(line.conflict.ok_or(LineError::FieldMissing("conflict"))?),
            "done" => Self::Done,
            "failed" => Self::Failed {
                reason: line.reason.ok_or(LineError::FieldMissing("reason"))?,
            },
            _ => return Err(LineError::UnknownVerb),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_wire() {
        let text = || "dora \"\n\u{1f980}".to_owned();
        for request in [
            Request::UserAdd {
                name: text(),
                password: text(),
                is_admin: true,
            },
            Request::UserList,
            Request::UserPassword {
                name: text(),
                password: text(),
            },
            Request::UserEnable {
                name: text(),
                is_enabled: false,
            },
            Request::UserAdmin {
                name: text(),
                is_admin: false,
            },
            Request::UserDelete { name: text() },
            Request::Invite(Invitation {
                token: text(),
                name: None,
                by: Some(text()),
                may_register: true,
                valid_ms: 7,
            }),
            Request::Status,
            Request::PairInvite {
                addresses: vec![text()],
            },
            Request::PairReplace { addresses: vec![] },
            Request::PairLeave,
            Request::PairStatus,
            Request::PairConflicts,
            Request::PairRestore { id: text() },
            Request::Backup {
                path: text(),
                with_files: true,
            },
            Request::Export { path: text() },
        ] {
            let line = request.write();
            assert!(!line.contains('\n'));
            assert_eq!(Request::parse(&line), Ok(request));
        }
    }

    #[test]
    fn replies_survive_the_wire() {
        let user = User {
            name: "dora".to_owned(),
            is_admin: true,
            is_enabled: false,
        };
        let status = Status {
            sessions: 7,
            counters: BTreeMap::from([("logins".to_owned(), 3)]),
            ..<Status as Default>::default()
        };
        for reply in [
            Reply::Progress { done: 1, total: 2 },
            Reply::User(user),
            Reply::Status(status),
            Reply::Invite {
                line: Secret::from("meerkat-pair:1:.."),
            },
            Reply::Pair(PairReport {
                progress: 0.25,
                ..<PairReport as Default>::default()
            }),
            Reply::Conflict(Conflict {
                of: "ann@h".to_owned(),
                ..<Conflict as Default>::default()
            }),
            Reply::Done,
            Reply::Failed {
                reason: "there is no account dora".to_owned(),
            },
        ] {
            assert_eq!(Reply::parse(&reply.write()), Ok(reply));
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_reason() {
        for (line, error) in [
            ("", LineError::NotJson),
            ("[]", LineError::NotJson),
            ("{\"verb\":\"fly\"}", LineError::UnknownVerb),
            ("{\"verb\":\"backup\"}", LineError::FieldMissing("path")),
        ] {
            assert_eq!(Request::parse(line), Err(error), "{line}");
        }
    }
}
