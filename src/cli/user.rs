//! `meerkat user`: accounts.

use std::io;
use std::io::BufRead as _;
use std::io::Read as _;

use base64ct::Base64UrlUnpadded;
use base64ct::Encoding as _;
use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;

use crate::base::limits::PASSWORD_BYTES_MAX;
use crate::cli::Failure;
use crate::cli::arguments::User as Arguments;
use crate::cli::arguments::UserAction;
use crate::cli::output;
use crate::cli::settings;
use crate::cli::socket;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::admin::User;

/// Random bytes in a password that is made up; 16 characters as text.
const PASSWORD_RANDOM_BYTES: usize = 12;

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    check_usage(&arguments)?;
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let name = arguments.name.unwrap_or_default();
    let is_given = arguments.password_stdin;
    let mut made_up = None;
    let mut password = || -> Result<String, Failure> {
        if is_given {
            return read_password();
        }
        let password = make_password()?;
        made_up = Some(password.clone());
        Ok(password)
    };
    let request = match arguments.action {
        UserAction::Add => Request::UserAdd {
            name,
            password: password()?,
            is_admin: arguments.admin,
        },
        UserAction::Password => Request::UserPassword {
            name,
            password: password()?,
        },
        UserAction::List => Request::UserList,
        UserAction::Admin => Request::UserAdmin {
            name,
            is_admin: !arguments.off,
        },
        UserAction::Disable => Request::UserEnable {
            name,
            is_enabled: false,
        },
        UserAction::Enable => Request::UserEnable {
            name,
            is_enabled: true,
        },
        UserAction::Delete => Request::UserDelete { name },
    };
    socket::ask(&settings, request, &mut |reply| {
        if let Reply::User(user) = reply {
            output::tell(line(&user));
        }
    })?;
    if let Some(password) = made_up {
        output::tell(password);
    }
    Ok(())
}

fn check_usage(arguments: &Arguments) -> Result<(), Failure> {
    let wrong = |reason: &str| Err(Failure::WrongUsage(reason.to_owned()));
    let action = arguments.action;
    let has_password = matches!(action, UserAction::Add | UserAction::Password);
    match (&arguments.name, action) {
        (None, UserAction::List) => {}
        (Some(_), UserAction::List) => return wrong("user list takes no NAME"),
        (None, _) => return wrong("NAME is missing; write user ACTION NAME"),
        (Some(_), _) => {}
    }
    if arguments.admin && action != UserAction::Add {
        return wrong("--admin goes with user add only");
    }
    if arguments.off && action != UserAction::Admin {
        return wrong("--off goes with user admin only");
    }
    if arguments.password_stdin && !has_password {
        return wrong("--password-stdin goes with user add and user password only");
    }
    Ok(())
}

/// The name, and what is special about the account.
fn line(user: &User) -> String {
    let mut line = user.name.clone();
    for (is_so, word) in [(user.is_admin, " admin"), (!user.is_enabled, " disabled")] {
        if is_so {
            line.push_str(word);
        }
    }
    line
}

fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(PASSWORD_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| Failure::Because(format!("the password cannot be read ({error})")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        let reason = "the password is empty; write it to the standard input";
        return Err(Failure::because(reason));
    }
    Ok(password.to_owned())
}

fn make_password() -> Result<String, Failure> {
    let mut bytes = [0; PASSWORD_RANDOM_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::because("the system has no randomness"))?;
    Ok(Base64UrlUnpadded::encode_string(&bytes))
}
