//! The commands of service administration (XEP-0133): what there is, and what each does.
//!
//! Only what works is listed. What is not, and why, is in decision 0024.
//!
//! Section 5 wants an error stanza for conflicts and for who may not; anything else that is wrong
//! with a filled-in form is told as a note of type `error` (XEP-0050 section 4.3), and nothing is done.

use crate::account::adhoc::Finish;
use crate::account::admins;
use crate::account::command;
use crate::account::halt;
use crate::account::invitation;
use crate::account::list;
use crate::account::notice;
use crate::account::report;
use crate::account::tasks::Task;
use crate::account::tasks::name_of;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::COMMAND_ACCOUNTS_MAX;
use crate::base::secret::Secret;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::op::KickReason;
use crate::model::op::Kicked;
use crate::model::op::Soft;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What all forms of XEP-0133 are about.
pub(super) const ADMIN: &str = "http://jabber.org/protocol/admin";

/// What a task is asked with.
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    pub(super) task: Task,
    pub(super) session: &'a str,
    /// The element of the command.
    pub(super) command: Node<'a>,
}

/// What has to be filled in; `None`: nothing.
pub(super) fn form(task: Task) -> Option<Form> {
    let form = Form {
        title: Some(name_of(task).into()),
        ..Form::with_type(FormKind::Form, ADMIN)
    };
    let account = || {
        Field::new("accountjid", FieldKind::JidSingle)
            .with_label("The address of the account")
            .required()
    };
    let password = |var, label| Field::new(var, FieldKind::TextPrivate).with_label(label);
    Some(match task {
        Task::AddUser => form
            .with(account())
            .with(password("password", "The password").required())
            .with(password("password-verify", "The password again").required()),
        Task::ChangePassword => form
            .with(account())
            .with(password("password", "The new password").required()),
        Task::DeleteUser | Task::DisableUser | Task::ReenableUser | Task::EndSession => form.with(
            Field::new("accountjids", FieldKind::JidMulti)
                .with_label("The addresses of the accounts")
                .required(),
        ),
        // Section 4.10 names the field of the statistics `accountjid`; clients know it by the name
        // that it has with its neighbours, and either is read. One name has one kind in all forms
        // (XEP-0068): COMPAT(Smack 4.5): what differs is not read at all.
        Task::Roster | Task::LastLogin | Task::Statistics => form.with(
            Field::new("accountjids", FieldKind::JidMulti)
                .with_label("The address of the account")
                .required(),
        ),
        Task::List(_) => form.with(list::count_field()),
        // It is made when it is filled in.
        Task::EditAdmins => form,
        Task::Announce | Task::SetText(_) | Task::EditText(_) => notice::form(task, form),
        Task::Restart | Task::ShutDown => halt::form(form),
        Task::CreateAccount => invitation::form(),
        Task::ClearReports => report::form(form),
        Task::DeleteText(_) | Task::Invite | Task::Number(_) | Task::Reports => return None,
    })
}

/// The form with what is known already.
pub(super) fn filled(view: &View<'_>, task: Task, form: Form) -> Result<Form, Stop> {
    match task {
        Task::EditAdmins => admins::filled(view, form),
        Task::ClearReports => report::filled(view, form),
        _ => notice::filled(view, task, form),
    }
}

/// Does what the form says.
pub(super) fn perform(view: &View<'_>, asked: &Asked<'_>, form: &Form) -> Result<Finish, Stop> {
    match asked.task {
        Task::AddUser => add_user(view, form),
        Task::ChangePassword => change_password(view, form),
        Task::DeleteUser | Task::DisableUser | Task::ReenableUser | Task::EndSession => {
            change_accounts(view, asked, form)
        }
        Task::Roster | Task::LastLogin | Task::Statistics => look_at(view, asked.task, form),
        Task::Number(users) => Ok(list::number(view, asked, users)),
        Task::List(users) => list::list(view, asked, users, form),
        Task::Announce => Ok(notice::announce(view, form)),
        Task::SetText(notice) | Task::EditText(notice) => Ok(notice::set(notice, form)),
        Task::DeleteText(notice) => notice::delete(view, notice),
        Task::EditAdmins => admins::edit(view, asked, form),
        Task::Restart | Task::ShutDown => Ok(halt::perform(view, asked.task, form)),
        Task::Invite => invitation::invite(view, asked),
        Task::Reports => report::list(view),
        Task::ClearReports => report::clear(view, form),
        Task::CreateAccount => invitation::create_account(view, asked, form),
    }
}

fn add_user(view: &View<'_>, form: &Form) -> Result<Finish, Stop> {
    let jid = match local_account(view, form.value("accountjid")) {
        Ok(jid) => jid.to_bare(),
        Err(why) => return Ok(Finish::failed(why)),
    };
    let password = form.value("password").unwrap_or_default();
    let again = form.value("password-verify");
    if again.is_some_and(|again| again != password) {
        return Ok(Finish::failed("the two passwords differ"));
    }
    if view.account(&jid)?.exists() {
        return Err(StanzaError::new(Condition::Conflict).into());
    }
    if password.is_empty() || view.facts.is_unusable {
        return Ok(Finish::failed(UNUSABLE));
    }
    command::add(view, &jid, &Secret::from(password), false).map(Finish::with)
}

/// RFC 8265 section 4.2 has no empty passwords, and some characters cannot be typed again.
const UNUSABLE: &str = "nobody can log in with this password";

fn change_password(view: &View<'_>, form: &Form) -> Result<Finish, Stop> {
    let jid = match known_account(view, form.value("accountjid"))? {
        Ok(jid) => jid.to_bare(),
        Err(why) => return Ok(Finish::failed(why)),
    };
    let password = form.value("password").unwrap_or_default();
    if password.is_empty() || view.facts.is_unusable {
        return Ok(Finish::failed(UNUSABLE));
    }
    command::set_password(view, &jid, &Secret::from(password), Kicked::All).map(Finish::with)
}

/// All of them, or none if one of them cannot be.
fn change_accounts(view: &View<'_>, asked: &Asked<'_>, form: &Form) -> Result<Finish, Stop> {
    let own = asked.request.from.bare();
    let values: Vec<&str> = form.values("accountjids").collect();
    if values.is_empty() || values.len() > COMMAND_ACCOUNTS_MAX {
        let why = format!("name 1 to {COMMAND_ACCOUNTS_MAX} accounts");
        return Ok(Finish::failed(why));
    }
    let mut proposal = Proposal::nothing();
    let mut done: Vec<BareJid> = Vec::new();
    for value in values {
        let jid = match known_account(view, Some(value))? {
            Ok(jid) => jid,
            Err(why) => return Ok(Finish::failed(why)),
        };
        let account = jid.to_bare();
        let is_lasting = matches!(asked.task, Task::DeleteUser | Task::DisableUser);
        if is_lasting && account == own {
            return Ok(Finish::failed("this is the account that you use"));
        }
        if asked.task == Task::EndSession {
            proposal = proposal.soft(end_of_session(&jid));
            continue;
        }
        if done.contains(&account) {
            continue;
        }
        let change = match asked.task {
            Task::DeleteUser => command::delete(view, &account, Kicked::All)?,
            Task::DisableUser => command::set_enabled(view, &account, false)?,
            _ => command::set_enabled(view, &account, true)?,
        };
        if proposal.ops.len() + change.ops.len() > usize::from(u8::MAX) {
            return Ok(Finish::failed(
                "this is too much at once, name fewer accounts",
            ));
        }
        proposal = proposal.and(change);
        done.push(account);
    }
    Ok(Finish::with(proposal))
}

/// Section 4.5: one session, or all of the user's.
fn end_of_session(jid: &Jid) -> Soft {
    let whom = match jid.resource() {
        Some(resource) => Kicked::Resource {
            resource: resource.into(),
        },
        None => Kicked::All,
    };
    Soft::Kick {
        account: jid.to_bare(),
        whom,
        why: KickReason::Ended,
    }
}

/// An address that an account of this server has or could have, or why it is none.
fn local_account(view: &View<'_>, value: Option<&str>) -> Result<Jid, String> {
    let value = value.unwrap_or_default();
    let jid = Jid::parse(value).map_err(|_| format!("{value:?} is no address"))?;
    if view.is_account(&jid) {
        Ok(jid)
    } else {
        Err(format!("{jid} is no address of a user of this server"))
    }
}

/// The address of an account that exists.
pub(super) fn known_account(
    view: &View<'_>,
    value: Option<&str>,
) -> Result<Result<Jid, String>, Stop> {
    let jid = match local_account(view, value) {
        Ok(jid) => jid,
        Err(why) => return Ok(Err(why)),
    };
    let exists = view.account(&jid.to_bare())?.exists();
    Ok(if exists {
        Ok(jid)
    } else {
        Err(format!("there is no account {}", jid.to_bare().as_str()))
    })
}

fn look_at(view: &View<'_>, task: Task, form: &Form) -> Result<Finish, Stop> {
    let var = ["accountjids", "accountjid"]
        .into_iter()
        .find(|var| form.value(var).is_some())
        .unwrap_or("accountjids");
    if form.values(var).count() > 1 {
        return Ok(Finish::failed("one account at a time"));
    }
    let jid = match known_account(view, form.value(var))? {
        Ok(jid) => jid.to_bare(),
        Err(why) => return Ok(Finish::failed(why)),
    };
    let account = view.account(&jid)?;
    let form = Form::with_type(FormKind::Result, ADMIN).with(Field::answer(var, jid.as_str()));
    Ok(match task {
        Task::Roster => Finish::result(&form, &roster(account)),
        Task::LastLogin => match last_seen(account) {
            Some(at) => Finish::result(&form.with(Field::answer("lastlogin", &at)), &[]),
            None => Finish::failed("the user has never logged in"),
        },
        _ => Finish::result(&statistics(account, form), &[]),
    })
}

/// Section 4.8: as the user would see it.
fn roster(account: &Account) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start_ns("query", ns::ROSTER);
    for (jid, contact, _) in account.contacts().filter(|(_, contact, _)| contact.listed) {
        writer
            .start("item")
            .attr("jid", jid.as_str())
            .attr_opt("name", contact.name.as_deref())
            .attr("subscription", subscription(contact));
        for group in &contact.groups {
            writer.leaf("group", group);
        }
        writer.end();
    }
    writer.end();
    writer.finish()
}

/// RFC 6121 section 2.1.2.5.
fn subscription(contact: &Contact) -> &'static str {
    match (contact.out == Outward::To, contact.inward == Inward::From) {
        (true, true) => "both",
        (true, false) => "to",
        (false, true) => "from",
        (false, false) => "none",
    }
}

/// When the newest session began; without one, when the last one ended.
fn last_seen(account: &Account) -> Option<String> {
    let newest = account.online.values().map(|online| online.since).max();
    let at = newest.or_else(|| match account.rows.row(&RowName::LastSeen) {
        Some(Row::LastSeen { seen }) => Some(seen.at),
        _ => None,
    });
    at.map(crate::base::time::Timestamp::to_xep0082)
}

fn statistics(account: &Account, form: Form) -> Form {
    let contacts = account.contacts().filter(|(_, contact, _)| contact.listed);
    let resources = account.online.keys().cloned();
    let online = Field {
        var: "onlineresources".into(),
        ..Field::default()
    };
    let size = contacts.count().to_string();
    form.with(Field::answer("rostersize", &size))
        .with(online.with_values(resources))
}
