//! `meerkat serve` and `meerkat dev`: the server in the foreground.

use crate::base::secret::Secret;
use crate::cli::Failure;
use crate::cli::arguments::Dev;
use crate::cli::arguments::DevUser;
use crate::cli::arguments::Serve;
use crate::cli::settings;
use crate::server::log_sink;
use crate::server::run;
use crate::server::run::Home;
use crate::server::run::NewUser;

/// Who is there in a server for trying out, each with the name as password.
const DEV_USERS: [(&str, bool); 4] = [
    ("alice", false),
    ("bob", false),
    ("carol", false),
    ("admin", true),
];

pub(super) fn run(arguments: &Serve) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    log_sink::install(settings.log_level);
    let reread = || settings::reread(arguments.config.as_deref(), &arguments.set);
    run::run(&settings, &Home::Folder(&settings.data), &reread).map_err(Failure::because)
}

pub(super) fn dev(arguments: &Dev) -> Result<(), Failure> {
    let settings = settings::read_dev(&arguments.set)?;
    log_sink::install(settings.log_level);
    let users: Vec<NewUser> = if arguments.user.is_empty() {
        DEV_USERS
            .iter()
            .map(|(name, is_admin)| new_user(name, name, *is_admin))
            .collect()
    } else {
        arguments.user.iter().map(given).collect()
    };
    let reread = || settings::reread_dev(&arguments.set);
    run::run(&settings, &Home::Memory(&users), &reread).map_err(Failure::because)
}

fn given(user: &DevUser) -> NewUser {
    new_user(&user.name, &user.password, user.is_admin)
}

fn new_user(name: &str, password: &str, is_admin: bool) -> NewUser {
    let password = Secret::new(password.as_bytes().into());
    NewUser {
        name: name.to_owned(),
        password,
        is_admin,
    }
}
