//! The command line, as typed: a contract that scripts rely on.

use std::path::PathBuf;

use argh::FromArgValue;
use argh::FromArgs;

/// A small XMPP server: chat for a board, a household, a company.
#[derive(Debug, FromArgs)]
pub(super) struct Arguments {
    #[argh(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, FromArgs)]
#[argh(subcommand)]
pub(super) enum Command {
    Serve(Serve),
    Dev(Dev),
    User(User),
    Invite(Invite),
    Pair(Pair),
    Status(Status),
    Check(Check),
    Backup(Backup),
    Restore(Restore),
    Export(Export),
    Import(Import),
    Version(Version),
}

/// Run the server in the foreground.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "serve")]
pub(super) struct Serve {
    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Run a server for trying things out: in memory, domain localhost, on 127.0.0.1, without encryption.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "dev")]
pub(super) struct Dev {
    /// account NAME:PASSWORD[:admin]; may be repeated (default: alice, bob, carol with their names as passwords, and admin:admin)
    #[argh(option, arg_name = "NAME:PASSWORD", from_str_fn(dev_user))]
    pub(super) user: Vec<DevUser>,

    /// show every stanza that goes by on standard error, without passwords and tokens; not with --pair
    #[argh(switch)]
    pub(super) trace: bool,

    /// users, contacts, rooms and messages to begin with, in TOML (src/manual/dev.md); not with --pair
    #[argh(option, long = "data", arg_name = "FILE")]
    pub(super) scene: Option<PathBuf>,

    /// two boards that are a pair, in a folder that is deleted at the end; lines on standard input cut, heal, kill and start
    #[argh(switch)]
    pub(super) pair: bool,

    /// set a key; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Manage accounts: user add|list|password|admin|disable|enable|delete [NAME].
#[derive(Debug, FromArgs)]
#[argh(
    subcommand,
    name = "user",
    note = "add and password print a password that they make up, unless --password-stdin is given."
)]
pub(super) struct User {
    /// what to do: add, list, password, admin, disable, enable or delete
    #[argh(positional, arg_name = "ACTION")]
    pub(super) action: UserAction,

    /// name of the account; all but list need it
    #[argh(positional, arg_name = "NAME")]
    pub(super) name: Option<String>,

    /// with add: the account may administer the server
    #[argh(switch)]
    pub(super) admin: bool,

    /// with admin: the account may not administer the server any more
    #[argh(switch)]
    pub(super) off: bool,

    /// with add and password: read the password from the first line of the standard input
    #[argh(switch)]
    pub(super) password_stdin: bool,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Invite somebody: prints what a client opens, and the address of a page that explains it.
#[derive(Debug, FromArgs)]
#[argh(
    subcommand,
    name = "invite",
    note = "An invitation is good once, for as long as invites.days says."
)]
pub(super) struct Invite {
    /// the only name that can be registered with it (default: any that is free)
    #[argh(positional, arg_name = "NAME")]
    pub(super) name: Option<String>,

    /// the user whose contact it is for
    #[argh(option, arg_name = "USER")]
    pub(super) by: Option<String>,

    /// show it as a QR code, too
    #[argh(switch)]
    pub(super) qr: bool,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

#[derive(Clone, Copy, Debug, Eq, FromArgValue, PartialEq)]
pub(super) enum UserAction {
    Add,
    List,
    Password,
    Admin,
    Disable,
    Enable,
    Delete,
}

/// Make two boards one server: pair invite|join|status|health|conflicts|restore|replace|leave|keepalived [LINE].
#[derive(Debug, FromArgs)]
#[argh(
    subcommand,
    name = "pair",
    note = "invite prints a line on the board that has the data; join LINE makes the other board its mirror."
)]
pub(super) struct Pair {
    /// what to do: invite, join, status, health, conflicts, restore, replace, leave or keepalived
    #[argh(positional, arg_name = "ACTION")]
    pub(super) action: PairAction,

    /// with join: the line that invite has printed; with restore: the id that conflicts has printed
    #[argh(positional, arg_name = "LINE")]
    pub(super) line: Option<String>,

    /// with invite and replace: where the other board reaches this one, HOST:PORT; may be repeated (default: as listen.mirror and the network tell). With keepalived: the addresses that move, IP/PREFIX, twice
    #[argh(option, arg_name = "ADDRESS")]
    pub(super) address: Vec<String>,

    /// with join: delete the data that is in the folder
    #[argh(switch)]
    pub(super) wipe: bool,

    /// with status and conflicts: as lines of JSON, for scripts
    #[argh(switch)]
    pub(super) json: bool,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

#[derive(Clone, Copy, Debug, Eq, FromArgValue, PartialEq)]
pub(super) enum PairAction {
    Invite,
    Join,
    Status,
    Health,
    Conflicts,
    Restore,
    Replace,
    Leave,
    Keepalived,
}

/// Tell how the server is doing.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "status")]
pub(super) struct Status {
    /// as one line of JSON, for scripts
    #[argh(switch)]
    pub(super) json: bool,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Look at settings, certificate, ports and memory, and tell which DNS records are needed.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "check")]
pub(super) struct Check {
    /// print a commented settings file instead
    #[argh(switch)]
    pub(super) example: bool,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Write everything into one file, while the server runs or not.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "backup")]
pub(super) struct Backup {
    /// the file to write; it must not exist
    #[argh(positional, arg_name = "FILE")]
    pub(super) file: PathBuf,

    /// with the files that users have uploaded
    #[argh(switch)]
    pub(super) with_files: bool,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Check a backup and put it into an empty data folder; the server must be stopped.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "restore")]
pub(super) struct Restore {
    /// a file that backup has written
    #[argh(positional, arg_name = "FILE")]
    pub(super) file: PathBuf,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Write the accounts in the portable format of XEP-0227, while the server runs or not.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "export")]
pub(super) struct Export {
    /// the folder to write into; it must be empty or absent
    #[argh(positional, arg_name = "DIR")]
    pub(super) folder: PathBuf,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Read accounts in the portable format of XEP-0227; the server must be stopped.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "import")]
pub(super) struct Import {
    /// a file that another server has written, or the folder of an export
    #[argh(positional, arg_name = "FILE")]
    pub(super) file: PathBuf,

    /// settings file (default: /etc/meerkat.toml)
    #[argh(option, arg_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// set a key, over the file; may be repeated
    #[argh(option, arg_name = "KEY=VALUE", from_str_fn(assignment))]
    pub(super) set: Vec<Assignment>,
}

/// Print the version.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "version")]
pub(super) struct Version {}

/// One `--set KEY=VALUE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Assignment {
    pub(super) key: String,
    pub(super) value: String,
}

/// One `--user NAME:PASSWORD[:admin]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct DevUser {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) is_admin: bool,
}

fn assignment(text: &str) -> Result<Assignment, String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err("there is no =; write KEY=VALUE".to_owned());
    };
    Ok(Assignment {
        key: key.trim().to_owned(),
        value: value.trim().to_owned(),
    })
}

fn dev_user(text: &str) -> Result<DevUser, String> {
    let wanted = || "write NAME:PASSWORD or NAME:PASSWORD:admin".to_owned();
    let (name, rest) = text.split_once(':').ok_or_else(wanted)?;
    let (password, is_admin) = match rest.strip_suffix(":admin") {
        Some(password) => (password, true),
        None => (rest, false),
    };
    if name.is_empty() || password.is_empty() {
        return Err(wanted());
    }
    Ok(DevUser {
        name: name.to_owned(),
        password: password.to_owned(),
        is_admin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, argh::EarlyExit> {
        let words: Vec<&str> = line.split(' ').collect();
        Arguments::from_args(&["meerkat"], &words)
    }

    #[test]
    fn the_lines_of_the_contract_are_understood() {
        for line in [
            "serve",
            "serve --config a.toml --set domain=localhost --set listen.c2s=[]",
            "dev",
            "dev --pair",
            "dev --user dora:secret --user eve:s:e:c:admin --set log_level=debug",
            "user add dora --admin --password-stdin --config a.toml",
            "user list --set data=/tmp/x",
            "user password dora",
            "user admin dora",
            "user admin dora --off",
            "user disable dora",
            "user enable dora",
            "user delete dora",
            "pair invite --address 192.0.2.1:5270 --address [2001:db8::1]:5270",
            "pair join meerkat-pair:1:a:b:c --wipe",
            "pair status --json",
            "pair conflicts --json",
            "pair restore 00000002010000000100000000000100",
            "pair replace",
            "pair health",
            "pair keepalived --address 192.168.1.20/24 --address 192.168.1.21/24",
            "pair leave",
            "status",
            "status --json",
            "check",
            "backup a.backup",
            "backup a.backup --with-files",
            "restore a.backup",
            "export folder",
            "import a.xml",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn wrong_usage_is_told_apart_from_a_call_for_help() {
        for line in [
            "",
            "fly",
            "serve --fly",
            "serve --set domain",
            "dev --user dora",
            "dev --user :secret",
            "user fly dora",
            "backup",
            "pair",
            "pair fly",
            "status loud",
        ] {
            assert!(parse(line).unwrap_err().status.is_err(), "{line}");
        }
        assert!(parse("--help").unwrap_err().status.is_ok());
        assert!(parse("user --help").unwrap_err().status.is_ok());
    }

    #[test]
    fn only_the_last_word_makes_an_administrator() {
        let user = dev_user("eve:s:e:admin").unwrap();
        assert_eq!((user.password.as_str(), user.is_admin), ("s:e", true));
        let user = dev_user("admin:admin").unwrap();
        assert_eq!((user.password.as_str(), user.is_admin), ("admin", false));
    }

    #[test]
    fn a_value_may_contain_an_equals_sign() {
        let assignment = assignment("contact.status=[\"https://a.example/?a=b\"]").unwrap();
        assert_eq!(assignment.key, "contact.status");
        assert_eq!(assignment.value, "[\"https://a.example/?a=b\"]");
    }
}
