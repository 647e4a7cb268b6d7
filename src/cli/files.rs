//! `backup`, `restore`, `export`, `import`: everything in files.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::arguments::Backup;
use crate::cli::arguments::Export;
use crate::cli::arguments::Import;
use crate::cli::arguments::Restore;
use crate::cli::output;
use crate::cli::settings;
use crate::cli::socket;
use crate::config::settings::Settings;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::backup;
use crate::server::portable;
use crate::server::run;

pub(super) fn backup(arguments: &Backup) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    if arguments.file.exists() {
        let reason = "is there already; name a file that is not";
        return Err(Failure::Because(format!(
            "{}: {reason}",
            arguments.file.display()
        )));
    }
    let path = absolute(&arguments.file)?;
    let with_files = arguments.with_files;
    ask(&settings, Request::Backup { path, with_files }, "backup")
}

pub(super) fn restore(arguments: &Restore) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::Because(format!("{}: {error}", arguments.file.display()))
    };
    // Proved before it is used: the whole file is read and summed first.
    let open = || fs::File::open(&arguments.file).map(BufReader::new);
    let mut file = open().map_err(|error| wrong(&error))?;
    let total = backup::check(&mut file).map_err(|error| wrong(&error))?;
    let mut file = open().map_err(|error| wrong(&error))?;
    let done = run::restore(&settings, &mut file, &mut |done| {
        output::progress("restore", done, total);
    });
    output::progress_ends();
    done.map_err(Failure::because)
}

pub(super) fn export(arguments: &Export) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let path = absolute(&arguments.folder)?;
    ask(&settings, Request::Export { path }, "export")?;
    output::warn("meerkat: rooms are not part of the format; backup has everything");
    Ok(())
}

pub(super) fn import(arguments: &Import) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let path = if arguments.file.is_dir() {
        &arguments.file.join(portable::MAIN_FILE)
    } else {
        &arguments.file
    };
    let done = run::import(&settings, path, &mut |what, done, total| {
        output::progress(what, done, total);
    });
    output::progress_ends();
    let done = done.map_err(Failure::because)?;
    for (what, times) in &done.left_out {
        output::warn(format_args!("meerkat: left out ({times}): {what}"));
    }
    if done.without_password > 0 {
        let (count, set) = (done.without_password, "meerkat user password NAME");
        output::warn(format_args!(
            "meerkat: {count} accounts have no password; set one with: {set}"
        ));
    }
    let (accounts, archived, waiting) = (done.accounts, done.messages, done.waiting);
    output::tell(format_args!(
        "accounts {accounts}, archived messages {archived}, offline messages {waiting}"
    ));
    Ok(())
}

fn ask(settings: &Settings, request: Request, what: &str) -> Result<(), Failure> {
    let done = socket::ask(settings, request, &mut |reply| {
        if let Reply::Progress { done, total } = reply {
            output::progress(what, done, total);
        }
    });
    output::progress_ends();
    done
}

/// The server has a working folder of its own.
fn absolute(path: &Path) -> Result<String, Failure> {
    let whole = std::path::absolute(path)
        .map_err(|error| Failure::Because(format!("{}: {error}", path.display())))?;
    let text = whole.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Because(format!("{}: is not UTF-8", path.display())))
}
