//! A running server, and client programs that are pointed at it.

use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use smol::future::FutureExt as _;
use smol::io::AsyncBufReadExt as _;
use smol::io::BufReader;
use smol::process::Child;
use smol::process::Command;
use tempfile::TempDir;

use crate::generator::client::Ports;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_meerkat");
/// Longest time until `ready`. A debug build on a loaded machine needs a second or two.
const START_MAX: Duration = Duration::from_secs(30);
/// Longest time for one scenario. Its own waits end after 10 to 20 s each.
pub(crate) const SCENARIO_MAX: Duration = Duration::from_mins(2);
/// Accounts of every server here; the password is the name.
const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// How a client's bytes travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wire {
    /// `meerkat dev`: in memory, logins in the clear.
    Plain,
    /// `meerkat serve`: durable, STARTTLS required, with a certificate that the clients check.
    Tls,
}

/// One server, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Child,
    /// As in the `ready` line: the listener for clients, then the one where TLS comes first, then the
    /// one for the other board, if they are on.
    addresses: Vec<SocketAddr>,
    /// The certificate that clients must check, if they have to encrypt.
    certificate: Option<PathBuf>,
    folder: TempDir,
    settings: PathBuf,
}

impl Server {
    pub(crate) fn start(wire: Wire) -> Self {
        match wire {
            Wire::Plain => Self::dev("127.0.0.1:0"),
            Wire::Tls => Self::serve(),
        }
    }

    /// `meerkat dev`, listening at `address`.
    pub(crate) fn dev(address: &str) -> Self {
        Self::dev_with(address, &[])
    }

    pub(crate) fn dev_with(address: &str, options: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command
            .arg("dev")
            .args(options)
            .args(["--set", &format!("listen.c2s=[\"{address}\"]")])
            .args(["--set", "listen.c2s_tls=[]"])
            .args(["--set", "limits.login_failures=100"]);
        Self::launch(command, None, tempfile::tempdir().unwrap())
    }

    fn serve() -> Self {
        Self::serve_with(&[], add_users)
    }

    /// With a web door, so that files can be uploaded.
    pub(crate) fn with_files(wire: Wire) -> Self {
        let port = free_port();
        match wire {
            Wire::Plain => {
                let door = format!("listen.http=[\"127.0.0.1:{port}\"]");
                Self::dev_with("127.0.0.1:0", &["--set", &door])
            }
            Wire::Tls => {
                let door = format!("listen.https=[\"127.0.0.1:{port}\"]");
                let url = format!("http.url=https://localhost:{port}");
                Self::serve_with(&["--set", &door, "--set", &url], add_users)
            }
        }
    }

    /// With a disk for files that has room for few, which only this server and who goes through `/proc` can see.
    pub(crate) fn with_small_disk() -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        // `meerkat dev` has its files in the folder for temporary files, in one of its own.
        let script = format!(
            "mount -t tmpfs -o size=140m none '{disk}' && exec env TMPDIR='{disk}' \"$0\" \"$@\"",
            disk = disk.display()
        );
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", &script, BINARY, "dev"])
            .args(["--set", "listen.c2s=[\"127.0.0.1:0\"]"])
            .args(["--set", &format!("listen.http=[\"127.0.0.1:{port}\"]")]);
        Self::launch(command, None, folder)
    }

    /// The disk of [`Server::with_small_disk`], as seen from here.
    pub(crate) fn small_disk(&self) -> PathBuf {
        let id = self.process.id();
        let root = format!("/proc/{id}/root{}/disk", self.folder.path().display());
        PathBuf::from(root)
    }

    /// `meerkat serve` with accounts that came from another server, and then through one of our own.
    pub(crate) fn moved() -> Self {
        Self::serve_with(&[], |settings| {
            let old = tempfile::tempdir().unwrap();
            let aside = format!("data={}", old.path().join("data").display());
            let files = old.path().join("files");
            let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/accounts.xml");
            for (verb, path, aside) in [
                ("import", &theirs, Some(&aside)),
                ("export", &files, Some(&aside)),
                ("import", &files, None),
            ] {
                let mut command = std::process::Command::new(BINARY);
                command.arg(verb).arg(path).arg("--config").arg(settings);
                if let Some(aside) = aside {
                    command.args(["--set", aside]);
                }
                let output = command.output().unwrap();
                assert!(output.status.success(), "{verb}: {output:?}");
            }
        })
    }

    /// `give` brings the accounts into the settings' data folder.
    fn serve_with(options: &[&str], give: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let settings = folder.path().join("meerkat.toml");
        let text = format!(
            r#"domain = "localhost"
data = "{data}"

[listen]
c2s = ["127.0.0.1:0"]
c2s_tls = ["127.0.0.1:0"]
mirror = ["127.0.0.1:0"]

[tls]
certificate = "{certificate}"
key = "{key}"

[limits]
login_failures = 100
"#,
            data = folder.path().join("data").display(),
            certificate = certificate.display(),
            key = key.display(),
        );
        fs::write(&settings, text).unwrap();
        give(&settings);
        let mut command = Command::new(BINARY);
        command.arg("serve").arg("--config").arg(&settings);
        command.args(["--set", "log_level=debug"]).args(options);
        Self::launch(command, Some(certificate), folder)
    }

    /// The settings file of a server that is durable.
    pub(crate) fn settings(&self) -> &Path {
        &self.settings
    }

    /// Where clients come in, on this machine.
    pub(crate) fn ports(&self) -> Ports {
        let ip = Ipv4Addr::LOCALHOST;
        let [plain, tls] = [self.addresses.first().unwrap().port(); 2];
        Ports {
            ip,
            plain,
            tls,
            http: 0,
        }
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn launch(mut command: Command, certificate: Option<PathBuf>, folder: TempDir) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let read = async {
            lines
                .read_line(&mut line)
                .await
                .map_err(|error| error.to_string())
        };
        let outcome = smol::block_on(read.or(async {
            smol::Timer::after(START_MAX).await;
            Err(format!("not ready after {START_MAX:?}"))
        }));
        let told = fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(
            outcome.is_ok() && line.starts_with("ready"),
            "{outcome:?} {line:?}\n{told}"
        );
        let words = line.split_whitespace().skip(1);
        let addresses = words.map(|word| word.parse().unwrap()).collect();
        process.stdout = Some(lines.into_inner());
        Self {
            process,
            addresses,
            certificate,
            settings: folder.path().join("meerkat.toml"),
            folder,
        }
    }

    /// Runs a client program, for `limit` at most; whatever it and the server said belongs to the failure.
    pub(crate) fn assert_passes(&self, program: &Path, arguments: &[&str], limit: Duration) {
        self.assert_passes_with(&[], program, arguments, limit);
    }

    /// As [`Server::assert_passes`], with more in the environment.
    pub(crate) fn assert_passes_with(
        &self,
        environment: &[(&str, &Path)],
        program: &Path,
        arguments: &[&str],
        limit: Duration,
    ) {
        let c2s = self.addresses.first().unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .env("XMPP_HOST", c2s.ip().to_string())
            .env("XMPP_PORT", c2s.port().to_string())
            .env("XMPP_DOMAIN", "localhost")
            .env("XMPP_ROOMS", "rooms.localhost")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(certificate) = &self.certificate {
            let (_, rest) = self.addresses.split_first().unwrap();
            let direct = rest.first().unwrap();
            command
                .env("XMPP_CA", certificate)
                .env("NODE_EXTRA_CA_CERTS", certificate)
                .env("XMPP_TLS_PORT", direct.port().to_string());
        }
        let output = run(command, limit);
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(
            output.status.success(),
            "{} {arguments:?}: {}\n{}{}\n--- the server\n{log}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
}

/// Runs a command to its end, which must come within `limit`.
fn run(mut command: Command, limit: Duration) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ended = async { child.output().await.map_err(|error| error.to_string()) };
    smol::block_on(ended.or(async {
        smol::Timer::after(limit).await;
        Err(format!("{command:?} still runs after {limit:?}"))
    }))
    .unwrap()
}

/// Free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn add_users(settings: &Path) {
    for user in USERS {
        add_user(settings, user);
    }
}

/// Adds an account to a stopped server.
fn add_user(settings: &Path, user: &str) {
    let mut child = std::process::Command::new(BINARY)
        .args(["user", "add", user, "--password-stdin", "--config"])
        .arg(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut password = child.stdin.take().unwrap();
    writeln!(password, "{user}").unwrap();
    drop(password);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "user add {user}: {output:?}");
}
