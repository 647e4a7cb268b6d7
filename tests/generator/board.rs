//! A board of a pair: its settings, its address, and its process while it runs.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::zombie_processes,
    reason = "a test reports by panicking, and reads the clock"
)]

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use smol::future::FutureExt as _;
use tempfile::TempDir;

use super::client::Ports;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_meerkat");

/// Longest time for a step. A board that was killed is called again every five seconds.
pub(crate) const STEP_MAX: Duration = Duration::from_secs(40);
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Where a board is and listens.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) ports: Ports,
    pub(crate) mirror: (Ipv4Addr, u16),
    /// What comes before every command of this board: it may live in a namespace.
    pub(crate) prefix: Vec<String>,
    /// Settings beside the usual ones: whole sections.
    pub(crate) settings: String,
}

impl Site {
    /// On this machine, at free ports.
    pub(crate) fn local(settings: &str) -> Self {
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listeners = [free(), free(), free()];
        let [plain, tls, mirror] = listeners.map(|one| one.local_addr().unwrap().port());
        let ip = Ipv4Addr::LOCALHOST;
        Self {
            ports: Ports {
                ip,
                plain,
                tls,
                http: 0,
            },
            mirror: (ip, mirror),
            prefix: Vec::new(),
            settings: settings.to_owned(),
        }
    }

    /// The same with a web door.
    pub(crate) fn with_door(mut self) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        self.ports.http = listener.local_addr().unwrap().port();
        self
    }
}

/// One board.
pub(crate) struct Board {
    pub(crate) folder: TempDir,
    pub(crate) site: Site,
    pub(crate) ports: Ports,
    pub(crate) process: Option<Child>,
    /// The program, of whichever version.
    pub(crate) binary: PathBuf,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With these settings beside the usual ones.
    pub(crate) fn with(settings: &str) -> Self {
        Self::at(Site::local(settings))
    }

    pub(crate) fn at(site: Site) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Ports {
            ip,
            plain,
            tls,
            http,
        } = site.ports;
        let door = match http {
            0 => String::new(),
            _ => format!("http = [\"{ip}:{http}\"]"),
        };
        let (mirror_ip, mirror) = site.mirror;
        let text = format!(
            r#"domain = "localhost"
data = "{}"
[listen]
c2s = ["{ip}:{plain}"]
c2s_tls = ["{ip}:{tls}"]
mirror = ["{mirror_ip}:{mirror}"]
{door}
[c2s]
require_tls = false
{}"#,
            folder.path().join("data").display(),
            site.settings
        );
        fs::write(folder.path().join("meerkat.toml"), text).unwrap();
        Self {
            folder,
            ports: site.ports,
            site,
            process: None,
            binary: BINARY.into(),
        }
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.path().join("meerkat.toml")
    }

    /// The program, where the board is.
    fn program(&self) -> Command {
        let words = self.site.prefix.iter().map(OsStr::new);
        let mut words = words.chain([self.binary.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command
    }

    pub(crate) fn start(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = self.program();
        command.arg("serve").arg("--config").arg(self.settings());
        command.args(["--set", "log_level=debug"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let id = process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.unwrap().success());
        assert!(process.wait().unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn run(&self, words: &[&str]) -> String {
        let mut command = self.program();
        command.args(words).arg("--config").arg(self.settings());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?} {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command says that is not carried out.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let mut command = self.program();
        command.args(words).arg("--config").arg(self.settings());
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{words:?} {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn add_user(&self, name: &str) {
        self.add(name, &[]);
    }

    pub(crate) fn add_admin(&self, name: &str) {
        self.add(name, &["--admin"]);
    }

    fn add(&self, name: &str, options: &[&str]) {
        let path = self.folder.path().join("password");
        fs::write(&path, format!("{name}\n")).unwrap();
        let mut command = self.program();
        command.args(["user", "add", name, "--password-stdin"]);
        command.args(options).arg("--config");
        command.arg(self.settings());
        command.stdin(fs::File::open(&path).unwrap());
        assert!(command.status().unwrap().success());
    }

    pub(crate) fn set_password(&self, name: &str, password: &str) {
        let path = self.folder.path().join("password");
        fs::write(&path, format!("{password}\n")).unwrap();
        let mut command = self.program();
        command.args(["user", "password", name, "--password-stdin", "--config"]);
        command.arg(self.settings());
        command.stdin(fs::File::open(&path).unwrap());
        assert!(command.status().unwrap().success());
    }

    pub(crate) fn is(&self, state: &str) -> bool {
        let mut command = self.program();
        command.args(["pair", "status", "--json", "--config"]);
        let output = command.arg(self.settings()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(&format!("\"state\":\"{state}\""))
    }

    /// Everything that users have, as files.
    pub(crate) fn exported(&self) -> Vec<(PathBuf, String)> {
        let to = self.folder.path().join("export");
        drop(fs::remove_dir_all(&to));
        self.run(&["export", to.to_str().unwrap()]);
        let mut files = Vec::new();
        collect(&to, &to, &mut files);
        files.sort();
        files
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.folder.path().display(), self.log());
        }
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(
            begin.elapsed() < STEP_MAX,
            "not within {STEP_MAX:?}: {what}"
        );
        std::thread::sleep(LOOK);
    }
}

pub(crate) fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    smol::block_on(work.or(async {
        smol::Timer::after(STEP_MAX).await;
        panic!("not within {STEP_MAX:?}: {what}")
    }))
}
