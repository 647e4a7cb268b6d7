//! Asks the server: through its socket while it runs, by opening its data where it is stopped.

use std::fmt;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::limits::ADMIN_LINE_BYTES_MAX;
use crate::base::limits::ADMIN_SILENCE_SECONDS_MAX;
use crate::cli::Failure;
use crate::config::settings::Settings;
use crate::server::admin::LineError;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::admin::SOCKET_FILE;
use crate::server::run;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum SocketError {
    /// Nobody listens: the server is stopped.
    NotRunning,
    /// Another user's server.
    Forbidden(PathBuf),
    Broken(PathBuf, io::Error),
    /// The server speaks another language.
    Unclear(LineError),
    /// The server went away before it had finished.
    CutOff,
}

/// Has a request performed and hands over what is said about it, up to the end.
pub(super) fn ask(
    settings: &Settings,
    request: Request,
    say: &mut dyn FnMut(Reply),
) -> Result<(), Failure> {
    if ask_running(settings, &request, say)? {
        return Ok(());
    }
    let mut reason = None;
    let mut hear = |reply| match reply {
        Reply::Failed { reason: why } => reason = Some(why),
        Reply::Done => {}
        reply => say(reply),
    };
    run::perform(settings, request, &mut hear).map_err(Failure::because)?;
    reason.map_or(Ok(()), |reason| Err(Failure::Because(reason)))
}

/// The same of a server that runs; false if none does.
pub(super) fn ask_running(
    settings: &Settings,
    request: &Request,
    say: &mut dyn FnMut(Reply),
) -> Result<bool, Failure> {
    let mut socket = match Socket::ask(&settings.data, request) {
        Ok(socket) => socket,
        Err(SocketError::NotRunning) => return Ok(false),
        Err(error) => return Err(Failure::because(error)),
    };
    loop {
        match socket.next().map_err(Failure::because)? {
            Reply::Done => return Ok(true),
            Reply::Failed { reason } => return Err(Failure::Because(reason)),
            reply => say(reply),
        }
    }
}

/// A connection with one request on it.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    lines: BufReader<UnixStream>,
}

impl Socket {
    pub(super) fn ask(folder: &Path, request: &Request) -> Result<Self, SocketError> {
        let path = folder.join(SOCKET_FILE);
        let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => SocketError::NotRunning,
            io::ErrorKind::PermissionDenied => SocketError::Forbidden(path.clone()),
            _ => SocketError::Broken(path.clone(), error),
        })?;
        let silence = Duration::from_secs(ADMIN_SILENCE_SECONDS_MAX);
        let broken = |error| SocketError::Broken(path.clone(), error);
        stream.set_read_timeout(Some(silence)).map_err(broken)?;
        let line = request.write() + "\n";
        stream.write_all(line.as_bytes()).map_err(broken)?;
        Ok(Self {
            path,
            lines: BufReader::new(stream),
        })
    }

    fn next(&mut self) -> Result<Reply, SocketError> {
        let mut line = String::new();
        let bytes = (&mut self.lines)
            .take(ADMIN_LINE_BYTES_MAX)
            .read_line(&mut line)
            .map_err(|error| SocketError::Broken(self.path.clone(), error))?;
        if bytes == 0 {
            return Err(SocketError::CutOff);
        }
        Reply::parse(line.trim_end()).map_err(SocketError::Unclear)
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => {
                f.write_str("the server is not running; start it with meerkat serve")
            }
            Self::Forbidden(path) => write!(
                f,
                "{}: belongs to another user; run this as the user of the server",
                path.display()
            ),
            Self::Broken(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unclear(error) => write!(
                f,
                "the server's answer is unclear ({error:?}); is it of the same version?"
            ),
            Self::CutOff => f.write_str("the server went away before it had finished"),
        }
    }
}
