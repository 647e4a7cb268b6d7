//! Servers under test: how each is set up in a folder of its own, started, ended and killed.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use super::Outcome;
use super::client::HEADER;
use super::client::Ports;
use super::process;
use super::scram;
use super::scram::Hash;
use super::unexpected;

/// Longest wait for a server to accept its first connection: an archive of a million may be checked.
const START_SECONDS_MAX: u64 = 120;
/// Longest wait for an orderly end.
const STOP_SECONDS_MAX: u64 = 20;
/// Iterations of the accounts written for a peer, its own default.
const PEER_ITERATIONS: u32 = 10_000;
/// How often a starting server is tried: the resolution of a start time.
const START_STEP: Duration = Duration::from_micros(250);

pub(crate) const ROOM_HOST: &str = "rooms.localhost";
pub(crate) const UPLOAD_HOST: &str = "upload.localhost";

/// A server's folder, ports and certificate, prepared once and started many times.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) ports: Ports,
    certificate: PathBuf,
    key: PathBuf,
}

impl Place {
    pub(crate) fn new(folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .map_err(|error| io::Error::other(error.to_string()))?;
        let place = Self {
            folder: folder.to_owned(),
            ports: free_ports()?,
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&place.certificate, made.cert.pem())?;
        fs::write(&place.key, made.signing_key.serialize_pem())?;
        Ok(place)
    }
}

/// Ports that nobody listens on now: for streams, and for HTTP.
fn free_ports() -> io::Result<Ports> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let third = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(Ports {
        ip: Ipv4Addr::LOCALHOST,
        plain: first.local_addr()?.port(),
        tls: second.local_addr()?.port(),
        http: third.local_addr()?.port(),
    })
}

/// What a server should be good at in the next scenario.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Favour {
    Speed,
    Memory,
}

/// A kind of server.
pub(crate) trait Target {
    fn name(&self) -> &'static str;
    fn version(&self) -> String;
    /// Writes settings and accounts; every account has its name as password.
    fn prepare(&self, place: &Place, users: &[String]) -> Outcome<()>;
    /// Changes what is good for speed and bad for memory, or the other way round, before the next start.
    fn favour(&self, _place: &Place, _favour: Favour) -> Outcome<()> {
        Ok(())
    }
    /// The command that runs the server in the foreground.
    fn command(&self, place: &Place, core: Option<usize>) -> Command;
    /// Whether what it acknowledged must be there after a SIGKILL.
    fn promises_durability(&self) -> bool {
        false
    }
}

/// The server of this repository.
#[derive(Debug)]
pub(crate) struct Meerkat {
    pub(crate) binary: PathBuf,
    /// `KEY=VALUE`, besides those that every place needs.
    pub(crate) settings: &'static [&'static str],
}

impl Meerkat {
    fn file(place: &Place) -> PathBuf {
        place.folder.join("meerkat.toml")
    }

    fn add_user(&self, place: &Place, user: &str) -> Outcome<()> {
        let mut child = Command::new(&self.binary)
            .args(["user", "add", user, "--password-stdin", "--config"])
            .arg(Self::file(place))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(format!("{user}\n").as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            Ok(())
        } else {
            unexpected(format!(
                "user add {user}: {}",
                String::from_utf8_lossy(&output.stderr)
            ))
        }
    }
}

impl Target for Meerkat {
    fn name(&self) -> &'static str {
        "meerkat"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn prepare(&self, place: &Place, users: &[String]) -> Outcome<()> {
        let mut settings = common_settings(place);
        settings.push("domain = \"localhost\"".to_owned());
        settings.push(format!(
            "data = \"{}\"",
            place.folder.join("data").display()
        ));
        settings.push("c2s.require_tls = false".to_owned());
        fs::write(Self::file(place), settings.join("\n"))?;
        let mut server = Server::start(self, place, None)?;
        for user in users {
            self.add_user(place, user)?;
        }
        server.stop()
    }

    fn command(&self, place: &Place, core: Option<usize>) -> Command {
        let mut command = process::pinned(&self.binary, core);
        command.arg("serve").arg("--config").arg(Self::file(place));
        for setting in self.settings {
            command.args(["--set", setting]);
        }
        command
    }

    fn promises_durability(&self) -> bool {
        true
    }
}

/// The same server without a disk, to tell what the disk costs.
#[derive(Debug)]
pub(crate) struct MeerkatInMemory {
    pub(crate) binary: PathBuf,
}

impl Target for MeerkatInMemory {
    fn name(&self) -> &'static str {
        "meerkat dev"
    }

    fn version(&self) -> String {
        "without a disk".to_owned()
    }

    fn prepare(&self, place: &Place, users: &[String]) -> Outcome<()> {
        // It has no place to keep accounts; they are given at each start.
        fs::write(place.folder.join("users"), users.join("\n"))?;
        Ok(())
    }

    fn command(&self, place: &Place, core: Option<usize>) -> Command {
        let mut command = process::pinned(&self.binary, core);
        command.arg("dev");
        let users = fs::read_to_string(place.folder.join("users")).unwrap_or_default();
        for user in users.lines() {
            command.arg("--user").arg(format!("{user}:{user}"));
        }
        for setting in common_settings(place) {
            command.arg("--set").arg(setting.replacen(" = ", "=", 1));
        }
        command
    }
}

/// Where it listens, and limits beyond what it would have to bear.
///
/// All clients come from one address and send as fast as they can.
fn common_settings(place: &Place) -> Vec<String> {
    let Ports {
        plain, tls, http, ..
    } = place.ports;
    vec![
        format!("listen.c2s = [\"127.0.0.1:{plain}\"]"),
        format!("listen.c2s_tls = [\"127.0.0.1:{tls}\"]"),
        format!("listen.http = [\"127.0.0.1:{http}\"]"),
        format!("tls.certificate = \"{}\"", place.certificate.display()),
        format!("tls.key = \"{}\"", place.key.display()),
        "limits.connections = 20000".to_owned(),
        "limits.connections_per_address = 20000".to_owned(),
        "limits.bytes_per_second = 1000000000".to_owned(),
        "limits.stanzas_per_second = 1000000".to_owned(),
        "limits.sessions_per_account = 1000".to_owned(),
        "quota.offline_messages = 1000000".to_owned(),
        "quota.upload_mib = 10000".to_owned(),
        "quota.upload_day_mib = 10000".to_owned(),
    ]
}

/// Where a peer keeps its archives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PeerStore {
    Files,
    Sqlite,
}

/// The peer that figures are compared with, from the distribution's package.
///
/// It gets the settings it is best with: only the modules that the scenarios need, and where speed is
/// measured a garbage collector that runs less often than by default, which makes it two to four times as
/// fast. Where memory is measured the collector runs as by default.
#[derive(Debug)]
pub(crate) struct Prosody {
    pub(crate) store: PeerStore,
}

impl Prosody {
    /// Whether the package (and the database driver, where it is needed) is here.
    pub(crate) fn is_installed(&self) -> bool {
        let runs = |command: &mut Command| command.output().is_ok_and(|it| it.status.success());
        let driver = self.store == PeerStore::Files
            || runs(
                Command::new("lua5.4").args(["-e", "require 'DBI'.Connect('SQLite3', ':memory:')"]),
            );
        driver && runs(Command::new("prosodyctl").arg("about"))
    }

    fn settings(place: &Place) -> PathBuf {
        place.folder.join("prosody.cfg.lua")
    }
}

impl Target for Prosody {
    fn name(&self) -> &'static str {
        match self.store {
            PeerStore::Files => "prosody",
            PeerStore::Sqlite => "prosody+sqlite",
        }
    }

    fn version(&self) -> String {
        let about = Command::new("prosodyctl").arg("about").output();
        about
            .ok()
            .and_then(|output| {
                let text = String::from_utf8(output.stdout).ok()?;
                Some(
                    text.lines()
                        .next()?
                        .trim_start_matches("Prosody ")
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    }

    fn prepare(&self, place: &Place, users: &[String]) -> Outcome<()> {
        self.favour(place, Favour::Speed)?;
        let accounts = place.folder.join("data/localhost/accounts");
        fs::create_dir_all(&accounts)?;
        for user in users {
            let keys = scram::verifier(Hash::Sha1, user, user.as_bytes(), PEER_ITERATIONS);
            let account = format!(
                "return {{ [\"salt\"] = \"{user}\"; [\"iteration_count\"] = {PEER_ITERATIONS}; \
                 [\"stored_key\"] = \"{}\"; [\"server_key\"] = \"{}\"; }};\n",
                hex(&keys.stored_key),
                hex(&keys.server_key),
            );
            fs::write(accounts.join(format!("{user}.dat")), account)?;
        }
        Ok(())
    }

    fn favour(&self, place: &Place, favour: Favour) -> Outcome<()> {
        let collector = match favour {
            Favour::Speed => "gc = { mode = 'incremental', threshold = 200, speed = 500 }",
            Favour::Memory => "",
        };
        let storage = match self.store {
            PeerStore::Files => "storage = 'internal'",
            PeerStore::Sqlite => {
                "sql = { driver = 'SQLite3', database = 'prosody.sqlite' }\n\
                 default_storage = 'sql'\nstorage = { accounts = 'internal' }"
            }
        };
        let settings = format!(
            r#"
daemonize = false
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ warn = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {plain} }}
c2s_direct_tls_ports = {{ {tls} }}
s2s_ports = {{ }}
http_ports = {{ {http} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{ }}
modules_enabled = {{ "saslauth", "tls", "disco", "roster", "smacks", "mam", "private", "ping", "pep" }}
modules_disabled = {{ "s2s", "offline" }}
authentication = "internal_hashed"
http_default_host = "{UPLOAD_HOST}"
c2s_require_encryption = false
s2s_require_encryption = false
ssl = {{ certificate = "{certificate}", key = "{key}" }}
c2s_direct_tls_ssl = {{ certificate = "{certificate}", key = "{key}" }}
{collector}
{storage}
archive_expires_after = "never"
default_archive_policy = true
VirtualHost "localhost"
Component "{ROOM_HOST}" "muc"
    modules_enabled = {{ "muc_mam" }}
    muc_log_by_default = true
    muc_log_expires_after = "never"
Component "{UPLOAD_HOST}" "http_file_share"
    http_external_url = "http://127.0.0.1:{http}/"
    http_file_share_size_limit = 16 * 1024 * 1024
    http_file_share_daily_quota = 10000 * 1024 * 1024
"#,
            folder = place.folder.display(),
            plain = place.ports.plain,
            tls = place.ports.tls,
            http = place.ports.http,
            certificate = place.certificate.display(),
            key = place.key.display(),
        );
        fs::write(Self::settings(place), settings)?;
        Ok(())
    }

    fn command(&self, place: &Place, core: Option<usize>) -> Command {
        let mut command = process::pinned("prosody", core);
        command.arg("--config").arg(Self::settings(place)).arg("-F");
        command
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) ports: Ports,
    /// From the start of the process to the first answer on a connection.
    pub(crate) start: Duration,
}

impl Server {
    /// Starts a server and waits until it answers a stream.
    pub(crate) fn start(target: &dyn Target, place: &Place, core: Option<usize>) -> Outcome<Self> {
        let begin = Instant::now();
        let mut server = Self::spawn(target, place, core)?;
        let mut socket = server.wait_for(place, place.ports.plain, begin)?;
        // The kernel accepts before the server does.
        socket.write_all(HEADER.as_bytes())?;
        socket.read_exact(&mut [0])?;
        server.start = begin.elapsed();
        drop(server.wait_for(place, place.ports.tls, begin)?);
        Ok(server)
    }

    /// Starts a server without waiting for it. What it says goes to `server.log` in its folder.
    pub(crate) fn spawn(target: &dyn Target, place: &Place, core: Option<usize>) -> Outcome<Self> {
        let log = fs::File::create(place.folder.join("server.log"))?;
        let mut command = target.command(place, core);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Self {
            child: command.spawn()?,
            ports: place.ports,
            start: Duration::ZERO,
        })
    }

    fn wait_for(&mut self, place: &Place, port: u16, begin: Instant) -> Outcome<TcpStream> {
        loop {
            if let Ok(socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                return Ok(socket);
            }
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(place.folder.join("server.log"))?;
                return unexpected(format!("the server ended with {status}: {said}"));
            }
            if begin.elapsed() > Duration::from_secs(START_SECONDS_MAX) {
                return unexpected("the server does not accept connections");
            }
            std::thread::sleep(START_STEP);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and the end that follows.
    pub(crate) fn stop(&mut self) -> Outcome<()> {
        process::terminate(self.pid());
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > Duration::from_secs(STOP_SECONDS_MAX) {
                return unexpected("the server does not end in order");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a server that cannot be killed.
        drop(self.kill());
    }
}
