//! From text to settings.
//!
//! [`keys`] describes each key once. [`file`] reads what the operator typed, with line numbers, and
//! [`check`] turns it into [`Settings`], or into a list of every mistake at once. Nobody below this row
//! knows a key: each module has its own settings type, and `server` fills it from these.

pub(crate) mod budget;
mod check;
pub(crate) mod example;
pub(crate) mod fault;
pub(crate) mod file;
mod key;
pub(crate) mod keys;
pub(crate) mod scene;
mod services;
pub(crate) mod settings;
mod value;
mod words;

#[cfg(test)]
mod tests;

/// Where `serve` looks when `--config` is not given. It may be absent; a named file may not.
pub(crate) const DEFAULT_FILE: &str = "/etc/meerkat.toml";
