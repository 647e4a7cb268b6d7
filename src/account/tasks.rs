//! Which commands there are, under which nodes, and who may carry them out.

use crate::account::notice::Notice;
use crate::account::service::ADMIN;
use crate::base::jid::BareJid;
use crate::effect::view::View;
use crate::stanza::ns;

/// One command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Task {
    AddUser,
    DeleteUser,
    DisableUser,
    ReenableUser,
    EndSession,
    ChangePassword,
    Roster,
    LastLogin,
    Statistics,
    /// How many there are.
    Number(Users),
    /// Who they are.
    List(Users),
    Announce,
    /// What everybody reads who logs in, and who does for the first time.
    SetText(Notice),
    EditText(Notice),
    DeleteText(Notice),
    /// Who may do all this.
    EditAdmins,
    /// The server ends, and begins again or not.
    Restart,
    ShutDown,
    /// An invitation for a contact, or for an account (XEP-0401).
    Invite,
    CreateAccount,
    /// What users complain of (XEP-0377).
    Reports,
    ClearReports,
}

/// Which users are counted or listed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Users {
    Registered,
    Disabled,
    /// With a session.
    Online,
    /// Online, and not away with all devices.
    Active,
    /// Online, and away with all devices, or unavailable.
    Idle,
}

/// XEP-0377 leaves to the server how it shows what was reported.
const REPORTS: &str = "meerkat:reports";

/// Commands with the ends of their nodes and their names (XEP-0133 section 4).
const TASKS: &[(Task, &str, &str)] = &[
    (Task::AddUser, "add-user", "Add user"),
    (Task::DeleteUser, "delete-user", "Delete user"),
    (Task::DisableUser, "disable-user", "Disable user"),
    (Task::ReenableUser, "reenable-user", "Re-enable user"),
    (Task::EndSession, "end-user-session", "End user session"),
    (
        Task::ChangePassword,
        "change-user-password",
        "Change user password",
    ),
    (Task::Roster, "get-user-roster", "Get user roster"),
    (
        Task::LastLogin,
        "get-user-lastlogin",
        "Get user last login time",
    ),
    (Task::Statistics, "user-stats", "Get user statistics"),
    (
        Task::Number(Users::Registered),
        "get-registered-users-num",
        "Get number of registered users",
    ),
    (
        Task::Number(Users::Disabled),
        "get-disabled-users-num",
        "Get number of disabled users",
    ),
    (
        Task::Number(Users::Online),
        "get-online-users-num",
        "Get number of online users",
    ),
    (
        Task::Number(Users::Active),
        "get-active-users-num",
        "Get number of active users",
    ),
    (
        Task::Number(Users::Idle),
        "get-idle-users-num",
        "Get number of idle users",
    ),
    (
        Task::List(Users::Registered),
        "get-registered-users-list",
        "Get list of registered users",
    ),
    (
        Task::List(Users::Disabled),
        "get-disabled-users-list",
        "Get list of disabled users",
    ),
    (
        Task::List(Users::Online),
        "get-online-users-list",
        "Get list of online users",
    ),
    (
        Task::List(Users::Active),
        "get-active-users",
        "Get list of active users",
    ),
    (
        Task::List(Users::Idle),
        "get-idle-users",
        "Get list of idle users",
    ),
    (
        Task::Announce,
        "announce",
        "Send announcement to online users",
    ),
    (
        Task::SetText(Notice::Motd),
        "set-motd",
        "Set message of the day",
    ),
    (
        Task::EditText(Notice::Motd),
        "edit-motd",
        "Edit message of the day",
    ),
    (
        Task::DeleteText(Notice::Motd),
        "delete-motd",
        "Delete message of the day",
    ),
    (
        Task::SetText(Notice::Welcome),
        "set-welcome",
        "Set welcome message",
    ),
    (
        Task::DeleteText(Notice::Welcome),
        "delete-welcome",
        "Delete welcome message",
    ),
    (Task::EditAdmins, "edit-admin", "Edit admin list"),
    (Task::Restart, "restart", "Restart service"),
    (Task::ShutDown, "shutdown", "Shut down service"),
    (Task::Invite, "invite", "Invite user"),
    (Task::CreateAccount, "create-account", "Create account"),
    (Task::Reports, "list", "Get reports of abuse"),
    (Task::ClearReports, "clear", "Clear reports of abuse"),
];

/// Those that the user may carry out.
pub(super) fn tasks(view: &View<'_>, user: &BareJid) -> impl Iterator<Item = Task> {
    let all = TASKS.iter().map(|(task, ..)| *task);
    all.filter(move |task| is_allowed(view, *task, user))
}

pub(super) fn is_allowed(view: &View<'_>, task: Task, user: &BareJid) -> bool {
    view.is_admin(user) || (task == Task::Invite && view.settings.invites.by_anyone)
}

pub(super) fn find(node: &str) -> Option<Task> {
    let (namespace, end) = node.rsplit_once('#')?;
    let found = TASKS
        .iter()
        .find(|(task, known, _)| *known == end && namespace_of(*task) == namespace);
    found.map(|(task, ..)| *task)
}

fn namespace_of(task: Task) -> &'static str {
    match task {
        Task::Invite | Task::CreateAccount => ns::INVITE,
        Task::Reports | Task::ClearReports => REPORTS,
        _ => ADMIN,
    }
}

fn row_of(task: Task) -> (&'static str, &'static str) {
    let row = TASKS.iter().find(|(known, ..)| *known == task);
    row.map_or(("", ""), |(_, end, name)| (end, name))
}

pub(super) fn node_of(task: Task) -> String {
    format!("{}#{}", namespace_of(task), row_of(task).0)
}

pub(super) fn name_of(task: Task) -> &'static str {
    row_of(task).1
}
