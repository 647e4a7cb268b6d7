//! A mistake in the settings: where it is, which key, what is wrong, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    File {
        path: PathBuf,
        line: usize,
    },
    /// `--set` on the command line.
    Argument,
    /// The command itself, as `meerkat dev` does.
    Command,
    /// Nobody has set it.
    Default,
}

/// One mistake of the operator. They are collected, so that one run shows them all.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) origin: Origin,
    /// The key as it was typed; empty where the file itself is the trouble.
    pub(crate) key: String,
    pub(crate) problem: Problem,
}

#[derive(Debug)]
pub(crate) enum Problem {
    FileUnreadable(io::Error),
    FileTooLarge {
        bytes: u64,
        max: u64,
    },
    NotToml(String),
    UnknownKey {
        nearest: Option<&'static str>,
    },
    Missing {
        like: &'static str,
    },
    WrongType {
        found: String,
        wanted: String,
    },
    OutOfRange {
        found: i64,
        min: u64,
        max: u64,
        unit: &'static str,
    },
    NotAChoice {
        found: String,
        choices: &'static [&'static str],
    },
    /// `what` is wrong with the text `found`; `remedy` says how it should look.
    Malformed {
        found: String,
        what: String,
        remedy: &'static str,
    },
    /// The setting belongs to a part that is not there.
    NotInThisVersion {
        part: &'static str,
    },
    /// This key and another one make no sense together.
    Conflict {
        other: &'static str,
        remedy: &'static str,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Argument => f.write_str("--set"),
            Self::Command => f.write_str("this command"),
            Self::Default => f.write_str("settings"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key.escape_debug())?;
        }
        write!(f, "{}", self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileUnreadable(error) => {
                write!(
                    f,
                    "cannot be read ({error}); name another file with --config"
                )
            }
            Self::FileTooLarge { bytes, max } => {
                write!(f, "has {bytes} bytes, at most {max}; is it the right file?")
            }
            Self::NotToml(reason) => {
                write!(
                    f,
                    "not valid TOML ({reason}); a line is KEY = VALUE, texts stand in quotes"
                )
            }
            Self::UnknownKey {
                nearest: Some(nearest),
            } => {
                write!(f, "unknown key; did you mean {nearest}?")
            }
            Self::UnknownKey { nearest: None } => {
                f.write_str("unknown key; `meerkat check --example` lists them all")
            }
            Self::Missing { like } => write!(f, "is not set; set it, for example to {like}"),
            Self::WrongType { found, wanted } => write!(f, "is {found}; write {wanted}"),
            Self::OutOfRange {
                found,
                min,
                max,
                unit,
            } => {
                write!(f, "is {found}; write a number from {min} to {max} ({unit})")
            }
            Self::NotAChoice { found, choices } => {
                write!(f, "is {found}; write one of \"{}\"", choices.join("\", \""))
            }
            Self::Malformed {
                found,
                what,
                remedy,
            } => {
                write!(f, "\"{}\" {what}; {remedy}", found.escape_debug())
            }
            Self::NotInThisVersion { part } => {
                write!(
                    f,
                    "this version has no {part} yet; remove the key or leave it empty"
                )
            }
            Self::Conflict { other, remedy } => write!(f, "does not go with {other}; {remedy}"),
        }
    }
}
