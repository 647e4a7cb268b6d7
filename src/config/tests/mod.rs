//! What an operator types and what comes of it.

mod budget;
mod example;
mod faults;
mod keys;
mod scene;
mod values;

use std::fs;
use std::path::Path;

use crate::config::fault::Fault;
use crate::config::file::Raw;
use crate::config::settings::Settings;

/// A file with this text, and `--set` arguments on top of it.
fn read(text: &str, arguments: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meerkat.toml");
    fs::write(&path, text).unwrap();
    read_path(&path, arguments)
}

fn read_path(path: &Path, arguments: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
    let mut raw = Raw::default();
    raw.read_file(path);
    for (key, value) in arguments {
        raw.set(key, value);
    }
    raw.check()
}

/// The messages, without the folder in which the file happened to be.
fn messages(text: &str, arguments: &[(&str, &str)]) -> Vec<String> {
    let faults = read(text, arguments).err().unwrap_or_default();
    let told = faults.iter().map(ToString::to_string);
    told.map(|line| match line.split_once("meerkat.toml") {
        Some((_, rest)) => format!("meerkat.toml{rest}"),
        None => line,
    })
    .collect()
}
