//! `meerkat dev`: a server for trying things out, or two that are a pair.

mod board;
mod cable;
mod pair;
mod trace;

use std::rc::Rc;

use crate::base::secret::Secret;
use crate::cli::Failure;
use crate::cli::arguments::Dev;
use crate::cli::arguments::DevUser;
use crate::cli::dev::trace::Trace;
use crate::cli::settings;
use crate::net::tap::Tap;
use crate::server::log_sink;
use crate::server::run;
use crate::server::run::Home;
use crate::server::run::NewUser;

/// Who is there in a server for trying out, each with the name as password.
const USERS: [(&str, bool); 4] = [
    ("alice", false),
    ("bob", false),
    ("carol", false),
    ("admin", true),
];

pub(super) fn run(arguments: &Dev) -> Result<(), Failure> {
    let settings = settings::read_dev(&arguments.set)?;
    log_sink::install(settings.log_level);
    let users = users(arguments);
    if arguments.pair && arguments.trace {
        let reason = "--trace goes with one board only";
        return Err(Failure::WrongUsage(reason.to_owned()));
    }
    if arguments.pair {
        return pair::run(&settings, &users, &arguments.set);
    }
    let users: Vec<NewUser> = users.iter().map(new_user).collect();
    let reread = || settings::reread_dev(&arguments.set);
    let tap = arguments
        .trace
        .then(|| -> Rc<dyn Tap> { Rc::new(Trace::new()) });
    run::run(&settings, &Home::Memory(&users), &reread, tap).map_err(Failure::because)
}

fn users(arguments: &Dev) -> Vec<DevUser> {
    if !arguments.user.is_empty() {
        return arguments.user.clone();
    }
    let user = |(name, is_admin): (&str, bool)| DevUser {
        name: name.to_owned(),
        password: name.to_owned(),
        is_admin,
    };
    USERS.into_iter().map(user).collect()
}

fn new_user(user: &DevUser) -> NewUser {
    NewUser {
        name: user.name.clone(),
        password: Secret::new(user.password.as_bytes().into()),
        is_admin: user.is_admin,
    }
}
