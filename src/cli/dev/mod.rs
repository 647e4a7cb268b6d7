//! `meerkat dev`: a server for trying things out, or two that are a pair.

mod board;
mod cable;
mod pair;
mod trace;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::secret::Secret;
use crate::cli::Failure;
use crate::cli::arguments::Dev;
use crate::cli::arguments::DevUser;
use crate::cli::dev::trace::Trace;
use crate::cli::output;
use crate::cli::settings;
use crate::config::scene;
use crate::config::scene::Scene;
use crate::net::tap::Tap;
use crate::server::dev::LOBBY;
use crate::server::dev::Trial;
use crate::server::dev::bot;
use crate::server::log_sink;
use crate::server::run;
use crate::server::run::Home;
use crate::server::run::NewUser;
use crate::server::run::RunError;

/// Who is there in a server for trying out, each with the name as password.
const USERS: [(&str, bool); 4] = [
    ("alice", false),
    ("bob", false),
    ("carol", false),
    ("admin", true),
];

pub(super) fn run(arguments: &Dev) -> Result<(), Failure> {
    let mut settings = settings::read_dev(&arguments.set)?;
    log_sink::install(settings.log_level);
    let users = users(arguments);
    if arguments.pair && (arguments.trace || arguments.scene.is_some()) {
        let reason = "--trace and --data go with one board only";
        return Err(Failure::WrongUsage(reason.to_owned()));
    }
    if arguments.pair {
        return pair::run(&settings, &users, &arguments.set);
    }
    let scene = scene(arguments, &users)?;
    let users = all_users(&users, &scene);
    let trial =
        Trial::new(users, scene).map_err(|error| Failure::because(RunError::Left(error)))?;
    trial
        .settle(&mut settings)
        .map_err(|error| Failure::because(RunError::Left(error)))?;
    let reread = || settings::reread_dev(&arguments.set);
    let tap = arguments
        .trace
        .then(|| -> Rc<dyn Tap> { Rc::new(Trace::new()) });
    run::run(&settings, &Home::Memory(&trial), &reread, tap).map_err(Failure::because)
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

fn scene(arguments: &Dev, users: &[DevUser]) -> Result<Scene, Failure> {
    let Some(path) = &arguments.scene else {
        return Ok(Scene::default());
    };
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    scene::read(path, &names, &[LOBBY]).map_err(|faults| {
        faults.iter().for_each(output::warn);
        Failure::Told
    })
}

/// The bot, and those of the arguments and of the file, which knows them better.
fn all_users(users: &[DevUser], scene: &Scene) -> Vec<NewUser> {
    let echo = (bot::NAME, bot::NAME, false);
    let arguments = users
        .iter()
        .map(|user| (user.name.as_str(), user.password.as_str(), user.is_admin));
    let file = scene
        .users
        .iter()
        .map(|user| (user.name.as_str(), user.password.as_str(), user.is_admin));
    let mut all = BTreeMap::new();
    for (name, password, is_admin) in [echo].into_iter().chain(arguments).chain(file) {
        let user = NewUser {
            name: name.to_owned(),
            password: Secret::new(password.as_bytes().into()),
            is_admin,
        };
        all.insert(name, user);
    }
    all.into_values().collect()
}
