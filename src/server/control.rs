//! What an operator asks of a node, through the socket of a running server or in a process of its
//! own where the server is stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use async_io::Async;
use futures_lite::AsyncBufReadExt as _;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_lite::future;
use futures_lite::io::BufReader;
use smol::channel;

use crate::base::jid::BareJid;
use crate::base::limits::ADMIN_LINE_BYTES_MAX;
use crate::base::secret::Secret;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Purpose;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::pair::PairStatus;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::net::peer::within;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event;
use crate::observe::metric;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::admin::SOCKET_FILE;
use crate::server::admin::Status;
use crate::server::admin::User;
use crate::server::backup;
use crate::server::hub::Node;
use crate::server::pair::Pair;
use crate::server::pair::PairError;
use crate::server::pair::PairReport;
use crate::server::pair::alarm;
use crate::server::pair::conflicts;
use crate::server::pair::invite::InviteLine;
use crate::server::pair::words;
use crate::server::portable::Export;
use crate::server::run;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::disk::cabinet::Cabinet;

/// Accounts read from the tables in one go.
const LIST_PAGE: usize = 200;

/// How long a break in the service is waited for, and between two looks: going on alone takes 3 s, a barrier
/// no longer than 5 s.
const SERVING_WAIT_MS: u64 = 10_000;
const SERVING_LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// What a node knows of itself beyond its core.
pub(crate) struct Site {
    pub(crate) node: Rc<Node>,
    pub(crate) domain: String,
    /// `None`: nobody can connect, the server is stopped.
    pub(crate) wires: Option<Rc<Wires>>,
    /// `None`: there is no other board, and nobody listens for one.
    pub(crate) pair: Option<Rc<Pair>>,
    /// Uploaded files.
    pub(crate) cabinet: Arc<Cabinet>,
}

/// The socket in the data folder, for this user alone.
pub(crate) fn bind(folder: &Path) -> io::Result<Async<UnixListener>> {
    let path = folder.join(SOCKET_FILE);
    // The folder is locked by this process: whoever made the socket is gone.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Async::new(listener)
}

impl Site {
    /// Answers one request after the other, for ever.
    #[expect(clippy::infinite_loop, reason = "it ends with the server")]
    pub(crate) async fn serve(self: Rc<Self>, listener: Async<UnixListener>) {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => {
                    let talk = Rc::clone(&self).talk_or_tell(socket);
                    self.node.executor.spawn(talk).detach();
                }
                Err(error) => {
                    observe::emit(&Event::AdminFailed { error: &error });
                    async_io::Timer::after(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn talk_or_tell(self: Rc<Self>, socket: Async<std::os::unix::net::UnixStream>) {
        if let Err(error) = self.talk(socket).await {
            observe::emit(&Event::AdminFailed { error: &error });
        }
    }

    async fn talk(&self, socket: Async<std::os::unix::net::UnixStream>) -> io::Result<()> {
        let mut line = String::new();
        let mut input = BufReader::new(&socket).take(ADMIN_LINE_BYTES_MAX);
        input.read_line(&mut line).await?;
        let (say, said) = channel::unbounded();
        let performing = async {
            // Whoever asked may have gone; what was asked is done all the same.
            let mut tell = |reply: Reply| {
                say.try_send(reply).ok();
            };
            match Request::parse(line.trim_end()) {
                Ok(request) => self.perform(request, &mut tell).await,
                Err(error) => tell(Reply::Failed {
                    reason: format!(
                        "the request is unclear ({error:?}); is it of the same version?"
                    ),
                }),
            }
            say.close();
        };
        let writing = async {
            while let Ok(reply) = said.recv().await {
                let text = reply.write() + "\n";
                (&socket).write_all(text.as_bytes()).await?;
            }
            Ok(())
        };
        let ((), written) = future::zip(performing, writing).await;
        written
    }

    /// Does what is asked; the last reply says whether it is done.
    pub(crate) async fn perform(&self, request: Request, say: &mut dyn FnMut(Reply)) {
        if request.is_change()
            && let Err(reason) = self.until_serving().await
        {
            return say(Reply::Failed { reason });
        }
        if self.wires.is_some() && matches!(request, Request::Status | Request::PairStatus) {
            self.node.until_open().await;
        }
        let done = match request {
            Request::UserAdd {
                name,
                password,
                is_admin: admin,
            } => {
                let password = secret(password);
                let add = |jid| Command::AddUser {
                    jid,
                    password,
                    admin,
                };
                self.command(&name, add).await
            }
            Request::UserPassword { name, password } => {
                let password = secret(password);
                let set = |jid| Command::SetPassword { jid, password };
                self.command(&name, set).await
            }
            Request::UserEnable {
                name,
                is_enabled: enabled,
            } => {
                let set = |jid| Command::SetEnabled { jid, enabled };
                self.command(&name, set).await
            }
            Request::UserAdmin {
                name,
                is_admin: admin,
            } => {
                let set = |jid| Command::SetAdmin { jid, admin };
                self.command(&name, set).await
            }
            Request::UserDelete { name } => {
                self.command(&name, |jid| Command::DeleteUser { jid }).await
            }
            Request::Invite(wanted) => self.make_invite(wanted).await,
            Request::UserList => self.list_users(say).await,
            Request::Status => self.status(say).await,
            Request::PairInvite { addresses } => {
                self.invite(PairError::NotListening, say, |pair| pair.invite(&addresses))
            }
            Request::PairReplace { addresses } => {
                self.invite(PairError::NoPair, say, |pair| pair.replace(&addresses))
            }
            Request::PairLeave => self.leave(),
            Request::PairStatus => {
                say(Reply::Pair(self.pair_report()));
                Ok(())
            }
            Request::PairConflicts => self.conflicts(say).await,
            Request::PairRestore { id } => self.restore_lost(&id).await,
            Request::Backup { path, with_files } => self.backup(path, with_files, say).await,
            Request::Export { path } => self.export(path, say).await,
        };
        say(match done {
            Ok(()) => Reply::Done,
            Err(reason) => Reply::Failed { reason },
        });
    }

    /// What is changed gets its number from who serves: a board that has not served yet says so at once,
    /// and a break in the service is waited for.
    async fn until_serving(&self) -> Result<(), String> {
        let is_stopped = self.wires.is_none();
        if is_stopped || self.node.serves() {
            return Ok(());
        }
        let serves = async {
            while !self.node.serves() {
                async_io::Timer::after(SERVING_LOOK).await;
            }
        };
        if self.node.has_served() && within(SERVING_WAIT_MS, serves).await.is_some() {
            return Ok(());
        }
        Err(format!(
            "nothing can be changed here now: {}; do it on the other board, or later",
            words(&self.pair_status())
        ))
    }

    async fn command(
        &self,
        name: &str,
        command: impl FnOnce(BareJid) -> Command,
    ) -> Result<(), String> {
        let jid = self.address(name)?;
        match run::command(&self.node, command(jid.clone())).await {
            Some(Outcome::Done) => Ok(()),
            Some(Outcome::UserExists) => Err(format!(
                "{jid} exists already; change the password with: meerkat user password {name}"
            )),
            Some(Outcome::NoSuchUser) => Err(format!("there is no {jid}; see: meerkat user list")),
            Some(Outcome::BadPassword) => {
                Err("nobody can type this password (RFC 4013); choose another".to_owned())
            }
            Some(Outcome::Full) => Err("the disk is full; make room and try again".to_owned()),
            Some(_) => Err("strangers may not do that".to_owned()),
            None => Err("the server is stopping; try again when it runs".to_owned()),
        }
    }

    fn invite(
        &self,
        without: PairError,
        say: &mut dyn FnMut(Reply),
        make: impl FnOnce(&Pair) -> Result<InviteLine, PairError>,
    ) -> Result<(), String> {
        let pair = self.pair.as_ref().ok_or(without);
        let line = pair.and_then(|pair| make(pair));
        let line = line.map_err(|error| error.to_string())?;
        let line = secret(line.expose());
        say(Reply::Invite { line });
        Ok(())
    }

    async fn list_users(&self, say: &mut dyn FnMut(Reply)) -> Result<(), String> {
        for (jid, row) in self.users().await? {
            say(Reply::User(User {
                name: jid.local().unwrap_or_default().to_owned(),
                is_admin: row.admin,
                is_enabled: row.state == AccountState::Enabled,
            }));
        }
        Ok(())
    }

    /// All accounts: those of the tables, and what has changed since.
    pub(crate) async fn users(&self) -> Result<BTreeMap<BareJid, AccountRow>, String> {
        let newer = self.node.member.borrow().engine.core.tail_accounts();
        let mut users = BTreeMap::new();
        let mut after = None;
        loop {
            let store = Arc::clone(&self.node.store);
            let purpose = Purpose {
                name: "users".into(),
                memo: "".into(),
            };
            let question = Question::Accounts {
                after,
                count_max: LIST_PAGE,
                disabled_only: false,
                purpose,
            };
            let from = BareJid::parse(&self.domain).map_err(|_| "the domain is none".to_owned())?;
            let query = Query {
                iq: "".into(),
                from: from.to_jid(),
                question,
            };
            let page = smol::unblock(move || accounts(&store, &query.question));
            let page = page.await.map_err(|error| error.to_string())?;
            after = page.last().map(|(jid, _)| jid.clone());
            users.extend(page);
            if after.is_none() {
                break;
            }
        }
        users.extend(newer);
        users.retain(|_, row| row.state != AccountState::Deleted);
        Ok(users)
    }

    /// A copy of everything that is committed now, in one file.
    async fn backup(
        &self,
        path: String,
        with_files: bool,
        say: &mut dyn FnMut(Reply),
    ) -> Result<(), String> {
        self.node.checkpoint().await;
        let store = Arc::clone(&self.node.store);
        let cabinet = with_files.then(|| Arc::clone(&self.cabinet));
        told(say, move |tell| {
            backup::to_file((&store, cabinet.as_deref()), Path::new(&path), tell)
        })
        .await
    }

    async fn conflicts(&self, say: &mut dyn FnMut(Reply)) -> Result<(), String> {
        self.node.checkpoint().await;
        let found = conflicts::list(&self.node.store).map_err(|error| error.to_string())?;
        for conflict in found {
            say(Reply::Conflict(conflict));
        }
        Ok(())
    }

    /// Done is what is committed.
    async fn restore_lost(&self, id: &str) -> Result<(), String> {
        self.node.checkpoint().await;
        let command = conflicts::restoration(&self.node.store, id)?;
        match run::command(&self.node, command).await {
            Some(Outcome::Done) => Ok(()),
            _ => Err("the disk is full, or the server is stopping; try again".to_owned()),
        }
    }

    /// All accounts as files for other servers.
    async fn export(&self, path: String, say: &mut dyn FnMut(Reply)) -> Result<(), String> {
        self.node.checkpoint().await;
        let users = self.users().await?.into_keys().collect();
        let export = Export {
            store: Arc::clone(&self.node.store),
            ids: self.node.member.borrow().engine.core.ids().clone(),
            domain: self.domain.clone(),
            users,
            folder: path.into(),
        };
        told(say, move |tell| {
            export.run(&mut |done, total| {
                tell.try_send((done, total)).ok();
            })
        })
        .await
    }

    fn leave(&self) -> Result<(), String> {
        let pair = self.pair.as_ref().ok_or(PairError::NoPair);
        let left = pair.and_then(|pair| pair.leave());
        left.map_err(|error| error.to_string())
    }

    fn pair_report(&self) -> PairReport {
        let none = || PairReport::new(None, &PairStatus::default(), None, 0);
        self.pair.as_ref().map_or_else(none, |pair| pair.report())
    }

    fn pair_status(&self) -> PairStatus {
        (self.pair.as_ref()).map_or_else(PairStatus::default, |pair| pair.status())
    }

    async fn status(&self, say: &mut dyn FnMut(Reply)) -> Result<(), String> {
        let users = self.users().await?.len();
        let pair = self.pair_status();
        let facts = self.node.member.borrow().engine.core.facts();
        let connections = self.wires.as_ref().map_or(0, |wires| wires.connections());
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let tls = self.wires.as_ref().and_then(|wires| wires.tls());
        let certificate = tls.map(|tls| {
            let identity = &tls.identity;
            let expires = identity.facts.not_after.to_xep0082();
            (identity.fingerprint.to_string(), expires)
        });
        let (fingerprint, expires) = certificate.unwrap_or_default();
        say(Reply::Status(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            domain: self.domain.clone(),
            state: pair.state.word().to_owned(),
            text: words(&pair) + &alarm(conflicts::counts(&self.node.store).1),
            uptime_seconds: self.node.clock.steady().0 / 1_000,
            connections: wide(connections),
            sessions: wide(facts.sessions),
            sessions_waiting: wide(facts.sleeping),
            accounts: wide(users),
            rooms: wide(facts.rooms),
            log_entries: facts.entries,
            log_entries_since_checkpoint: wide(facts.tail_entries),
            reports: wide(facts.reports),
            disk_bytes: self.node.member.borrow().engine.log.totals().batch_bytes,
            resident_bytes: resident_bytes(),
            certificate_fingerprint: fingerprint,
            certificate_expires: expires,
            counters: metric::all()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }));
        Ok(())
    }
}

/// Long work off the thread of the core; what it says of its progress is told meanwhile.
async fn told(
    say: &mut dyn FnMut(Reply),
    work: impl FnOnce(&channel::Sender<(u64, u64)>) -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    let (tell, told) = channel::unbounded();
    let work = smol::unblock(move || work(&tell));
    let telling = async {
        while let Ok((done, total)) = told.recv().await {
            say(Reply::Progress { done, total });
        }
    };
    let (written, ()) = future::zip(work, telling).await;
    written
}

/// A page of accounts with their state, from the tables.
fn accounts(store: &Store, question: &Question) -> Result<Vec<(BareJid, AccountRow)>, StoreError> {
    let mut rows = Vec::new();
    let (Found::List { jids, .. }, _) = store.ask(question, &Horizon::none())? else {
        return Ok(rows);
    };
    for jid in jids {
        let key = RecordKey::Account { jid: jid.clone() };
        if let Record::Account { account } = store.load(&key)? {
            rows.extend(account.row().map(|row| (jid, row)));
        }
    }
    Ok(rows)
}

fn secret(text: String) -> Secret {
    Secret::new(text.into_bytes().into())
}

/// Memory of this process, as the system counts it; 0 where it does not say.
fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1_024)
}
