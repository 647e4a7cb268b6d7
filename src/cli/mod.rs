//! The command line: arguments in, one exit code out.
//!
//! 0 is done, 1 is failed with a reason on standard error, 2 is wrong usage. Results go to standard output,
//! where scripts read them; remarks, progress and the log go to standard error.

mod arguments;
mod check;
mod dev;
mod files;
mod invite;
mod keepalived;
mod output;
mod pair;
mod qr;
mod serve;
mod settings;
mod socket;
mod status;
mod user;

use std::process::ExitCode;

use argh::FromArgs as _;

use crate::cli::arguments::Arguments;
use crate::cli::arguments::Command;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Why a command has failed; `Told` if the reasons are on standard error already.
#[derive(Debug)]
enum Failure {
    Told,
    Because(String),
    WrongUsage(String),
}

impl Failure {
    fn because(reason: impl std::fmt::Display) -> Self {
        Self::Because(reason.to_string())
    }
}

/// Does what the words after the program's name ask for.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    let command = match Arguments::from_args(&["meerkat"], words) {
        Ok(arguments) => arguments.command,
        Err(exit) if exit.status.is_ok() => {
            output::tell(exit.output.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(exit) => {
            output::warn(exit.output.trim_end());
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match perform(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::from(FAILED),
        Err(Failure::Because(reason)) => {
            output::warn(format_args!("meerkat: {reason}"));
            ExitCode::from(FAILED)
        }
        Err(Failure::WrongUsage(reason)) => {
            output::warn(format_args!("meerkat: {reason}"));
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn perform(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Dev(arguments) => dev::run(&arguments),
        Command::User(arguments) => user::run(arguments),
        Command::Invite(arguments) => invite::run(&arguments),
        Command::Pair(arguments) => pair::run(arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Backup(arguments) => files::backup(&arguments),
        Command::Restore(arguments) => files::restore(&arguments),
        Command::Export(arguments) => files::export(&arguments),
        Command::Import(arguments) => files::import(&arguments),
        Command::Version(_) => {
            output::tell(format_args!("meerkat {}", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    }
}
