//! One of two boards on one machine: a process of this program, with a folder and settings of its own.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use futures_lite::AsyncBufReadExt as _;
use futures_lite::AsyncRead;
use futures_lite::AsyncWriteExt as _;
use futures_lite::StreamExt as _;
use futures_lite::io::BufReader;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use smol::LocalExecutor;
use smol::channel;
use smol::process::Child;
use smol::process::Command;
use smol::process::Stdio;

use crate::cli::Failure;
use crate::cli::arguments::Assignment;
use crate::cli::output;

pub(super) struct Board {
    pub(super) name: &'static str,
    program: PathBuf,
    config: PathBuf,
    set: Vec<String>,
    process: Option<Child>,
    is_frozen: bool,
}

impl Board {
    /// A board that is stopped, with these settings in a file.
    pub(super) fn make(
        name: &'static str,
        folder: &Path,
        settings: &str,
        set: &[Assignment],
    ) -> io::Result<Self> {
        let config = folder.join(format!("{name}.toml"));
        let folder = folder.join(name);
        fs::write(
            &config,
            format!("data = \"{}\"\n{settings}", folder.display()),
        )?;
        let set = set.iter().flat_map(|one| {
            let assignment = format!("{}={}", one.key, one.value);
            ["--set".to_owned(), assignment]
        });
        Ok(Self {
            name,
            program: std::env::current_exe()?,
            config,
            set: set.collect(),
            process: None,
            is_frozen: false,
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .arg("--config")
            .arg(&self.config)
            .args(self.set.iter().map(OsStr::new));
        command
    }

    /// Does what a person would do on this board, and gives what that prints.
    pub(super) async fn run(&self, words: &[&str], input: &str) -> Result<String, Failure> {
        output::remark(format_args!(
            "$ meerkat {} --config {}",
            words.join(" "),
            self.config.display()
        ));
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::because)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing may be gone before.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        let done = child.output().await.map_err(Failure::because)?;
        if !done.status.success() {
            return Err(Failure::Told);
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// Starts the server, or goes on with one that was frozen; gives the address for clients once it
    /// serves, and nothing if it ends before that.
    pub(super) fn start(
        &mut self,
        executor: &LocalExecutor<'static>,
    ) -> io::Result<channel::Receiver<String>> {
        let (ready, is_ready) = channel::bounded(1);
        self.signal(Signal::CONT);
        self.is_frozen = false;
        if self.is_running() {
            return Ok(is_ready);
        }
        let mut command = self.command(&["serve"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        if let Some(stdout) = child.stdout.take() {
            executor.spawn(await_ready(stdout, ready)).detach();
        }
        if let Some(stderr) = child.stderr.take() {
            executor.spawn(pass_on(self.name, stderr)).detach();
        }
        self.process = Some(child);
        Ok(is_ready)
    }

    pub(super) fn is_running(&mut self) -> bool {
        let child = self.process.as_mut();
        child.is_some_and(|child| matches!(child.try_status(), Ok(None)))
    }

    /// As `kill -9`, or a power cut that the disk survives.
    pub(super) async fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            drop(child.kill());
            drop(child.status().await);
        }
    }

    /// In order, as by the system that runs it.
    pub(super) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        if let Some(mut child) = self.process.take() {
            drop(child.status().await);
        }
    }

    /// It neither answers nor ends.
    pub(super) fn freeze(&mut self) {
        self.signal(Signal::STOP);
        self.is_frozen = true;
    }

    pub(super) async fn state(&mut self) -> Result<String, Failure> {
        if self.is_frozen && self.is_running() {
            return Ok("frozen".to_owned());
        }
        self.run(&["pair", "status"], "").await
    }

    fn signal(&mut self, signal: Signal) {
        if !self.is_running() {
            return;
        }
        let id = self.process.as_ref().map(Child::id);
        let id = id.and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // It runs, and is ours.
            kill_process(id, signal).ok();
        }
    }
}

async fn await_ready(stdout: impl AsyncRead + Unpin, ready: channel::Sender<String>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Some(Ok(line)) = lines.next().await {
        // The address for clients comes first, and then that for the other board.
        if let Some(addresses) = line.strip_prefix("ready ") {
            let address = addresses.split(' ').next().unwrap_or_default();
            // Nobody may wait for it any more.
            drop(ready.try_send(address.to_owned()));
        }
    }
}

/// What a board says, with its name.
async fn pass_on(name: &str, stderr: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(stderr).lines();
    while let Some(Ok(line)) = lines.next().await {
        output::warn(format_args!("{name}: {line}"));
    }
}
