//! `meerkat serve`: the server in the foreground.

use crate::cli::Failure;
use crate::cli::arguments::Serve;
use crate::cli::settings;
use crate::server::log_sink;
use crate::server::run;
use crate::server::run::Home;

pub(super) fn run(arguments: &Serve) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    log_sink::install(settings.log_level);
    let reread = || settings::reread(arguments.config.as_deref(), &arguments.set);
    run::run(&settings, &Home::Folder(&settings.data), &reread, None).map_err(Failure::because)
}
