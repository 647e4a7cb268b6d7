//! How many users there are, and who (XEP-0133 sections 4.13 to 4.22).
//!
//! Who has an account is asked of the tables; who is online is in memory. A list is a page: the
//! next begins `<after/>` the last one named (XEP-0059, a `<set/>` in the command).

use crate::account::adhoc;
use crate::account::adhoc::Finish;
use crate::account::service::ADMIN;
use crate::account::service::Asked;
use crate::account::tasks;
use crate::account::tasks::Task;
use crate::account::tasks::Users;
use crate::base::jid::BareJid;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Purpose;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::Present;
use crate::stanza::IqType;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::outgoing::parse_payload;
use crate::stanza::rsm::PageRequest;
use crate::stanza::rsm::PageResult;
use crate::xml::Writer;

/// Section 4.18: how many of them to name at once.
pub(super) fn count_field() -> Field {
    let field = Field::new("max_items", FieldKind::ListSingle).with_label("How many to list");
    let field = ["25", "50", "75", "100", "150", "200"]
        .into_iter()
        .fold(field, |field, count| field.with_option(count, count));
    field.with_option("As many as possible", "none")
}

/// What is told of the users, by the field's name.
fn field_of(task: Task) -> &'static str {
    match task {
        Task::Number(Users::Registered) => "registeredusersnum",
        Task::Number(Users::Disabled) => "disabledusersnum",
        Task::Number(Users::Online) => "onlineusersnum",
        Task::Number(Users::Active) => "activeusersnum",
        Task::Number(Users::Idle) => "idleusersnum",
        Task::List(Users::Registered) => "registereduserjids",
        Task::List(Users::Disabled) => "disableduserjids",
        Task::List(Users::Online) => "onlineuserjids",
        Task::List(Users::Active) => "activeuserjids",
        Task::List(Users::Idle) => "idleuserjids",
        _ => "",
    }
}

pub(super) fn number(view: &View<'_>, asked: &Asked<'_>, users: Users) -> Finish {
    match users {
        Users::Registered | Users::Disabled => ask(asked, users, (None, 0)),
        Users::Online | Users::Active | Users::Idle => {
            let count = online(view, users).count();
            Finish {
                result: write(asked.task, &[], u64::try_from(count).unwrap_or(u64::MAX)),
                ..Finish::default()
            }
        }
    }
}

pub(super) fn list(
    view: &View<'_>,
    asked: &Asked<'_>,
    users: Users,
    form: &Form,
) -> Result<Finish, Stop> {
    let page = PageRequest::parse(asked.command)?.unwrap_or_default();
    let wanted = match form.value("max_items") {
        None | Some("" | "none") => Some(page.max.unwrap_or(PAGE_ITEMS_MAX)),
        Some(count) => count.parse().ok(),
    };
    let Some(wanted) = wanted else {
        return Ok(Finish::failed("the number of items is none"));
    };
    let after = page.after.as_deref().map(BareJid::parse).transpose();
    let Ok(after) = after else {
        return Ok(Finish::failed("the page begins after no address"));
    };
    let count_max = wanted.min(PAGE_ITEMS_MAX);
    if matches!(users, Users::Registered | Users::Disabled) {
        return Ok(ask(asked, users, (after, count_max)));
    }
    let mut jids = Vec::new();
    let mut total = 0_u64;
    for jid in online(view, users) {
        total = total.saturating_add(1);
        if jids.len() < count_max && after.as_ref().is_none_or(|after| jid > after) {
            jids.push(jid.clone());
        }
    }
    Ok(Finish {
        result: write(asked.task, &jids, total),
        ..Finish::default()
    })
}

fn ask(asked: &Asked<'_>, users: Users, (after, count_max): (Option<BareJid>, usize)) -> Finish {
    let stanza = &asked.request.stanza;
    let own = || asked.request.from.bare().to_jid();
    let question = Question::Accounts {
        after,
        count_max,
        disabled_only: users == Users::Disabled,
        purpose: Purpose {
            name: tasks::node_of(asked.task).into(),
            memo: asked.session.into(),
        },
    };
    Finish::with(Proposal::ask(Query {
        iq: stanza.id.clone().unwrap_or_default(),
        from: stanza.to.clone().unwrap_or_else(own),
        question,
    }))
}

/// The end of a command whose users were found in the tables.
pub(super) fn answer(query: &Query, purpose: &Purpose, found: &Found) -> Option<Outgoing> {
    let task = tasks::find(&purpose.name)?;
    let Found::List { jids, total } = found else {
        return None;
    };
    let content = write(task, jids, *total);
    let payload = adhoc::write_completed(task, &purpose.memo, &content);
    Some(query.answer(IqType::Result, payload))
}

fn write(task: Task, jids: &[BareJid], total: u64) -> Vec<u8> {
    let form = Form::with_type(FormKind::Result, ADMIN);
    let mut writer = Writer::new();
    if matches!(task, Task::Number(_)) {
        let count = Field::answer(field_of(task), &total.to_string());
        form.with(count).write(&mut writer);
        return writer.finish();
    }
    let field = Field::new(field_of(task), FieldKind::JidMulti);
    let field = field.with_values(jids.iter().map(BareJid::as_str));
    form.with(field).write(&mut writer);
    let page = PageResult {
        ends: jids
            .first()
            .zip(jids.last())
            .map(|(first, last)| (first.as_str(), last.as_str())),
        first_index: None,
        count: usize::try_from(total).ok(),
    };
    page.write(&mut writer);
    writer.finish()
}

fn online<'a>(view: &View<'a>, users: Users) -> impl Iterator<Item = &'a BareJid> {
    let online = view
        .resident_accounts()
        .filter(|(_, account)| !account.online.is_empty());
    online
        .filter(move |(_, account)| match users {
            Users::Active => is_active(account),
            Users::Idle => !is_active(account),
            Users::Online | Users::Registered | Users::Disabled => true,
        })
        .map(|(jid, _)| jid)
}

/// Whether the user is there with some device, going by what the device says (RFC 6121 section
/// 4.7.2.1).
fn is_active(account: &Account) -> bool {
    account.available().any(|(_, here)| !is_away(here))
}

fn is_away(here: &Present) -> bool {
    let payload = &here.stanza.payload;
    if memchr::memmem::find(payload, b"away").is_none()
        && memchr::memmem::find(payload, b"xa").is_none()
    {
        return false;
    }
    let Some(element) = parse_payload(payload) else {
        return false;
    };
    let show = element.root().child_text("show", ns::CLIENT);
    matches!(show.as_deref(), Some("away" | "xa"))
}
