//! The commands about hats (XEP-0317 section 4, XEP-0050): admins make, change and give them.
//!
//! A command has one form or none, and a form that is sent at once is as good as one that was asked for.
//! So nothing is kept between the two steps, and any session id is taken.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::room_limits::HAT_BYTES_MAX;
use crate::base::room_limits::HATS_MAX;
use crate::base::room_limits::HATS_OF_ONE_MAX;
use crate::base::room_limits::HATS_WORN_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::HatRow;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::discover;
use crate::muc::hat;
use crate::muc::hat::worn_name;
use crate::muc::notify;
use crate::muc::visit::Visit;
use crate::muc::visit::hex;
use crate::stanza::Condition;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::command;
use crate::stanza::command::Step;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

const JID: &str = "hats#jid";
const URI: &str = "hats#uri";
const TITLE: &str = "hats#title";
const HUE: &str = "hats#hue";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Task {
    Create,
    Destroy,
    List,
    Assign,
    Unassign,
    ListAssigned,
}

const TASKS: [(Task, &str, &str); 6] = [
    (
        Task::Create,
        "urn:xmpp:hats:commands:create",
        "Make or change a hat",
    ),
    (
        Task::Destroy,
        "urn:xmpp:hats:commands:destroy",
        "Destroy a hat",
    ),
    (Task::List, "urn:xmpp:hats:commands:list", "List the hats"),
    (
        Task::Assign,
        "urn:xmpp:hats:commands:assign",
        "Give somebody a hat",
    ),
    (
        Task::Unassign,
        "urn:xmpp:hats:commands:unassign",
        "Take a hat from somebody",
    ),
    (
        Task::ListAssigned,
        "urn:xmpp:hats:commands:list-assigned",
        "List who wears which hat",
    ),
];

/// What is answered to a step.
struct Answer<'a> {
    visit: &'a Visit<'a>,
    node: &'a str,
    session: &'a str,
}

/// A step of a command.
pub(super) fn evaluate(visit: &Visit<'_>, command: Node<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    let node = command.attr("node").unwrap_or_default();
    let task = task_of(&node).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    check_allowed(visit, task)?;
    let given = command.attr("sessionid");
    let fresh = hex(visit.view.facts.random.get(..8).unwrap_or_default());
    let answer = Answer {
        visit,
        node: &node,
        session: given.as_deref().unwrap_or(&fresh),
    };
    match (task, command::step(command)?) {
        (_, Step::Cancel) => Ok(answer.write("canceled", &[])),
        (Task::List, _) => Ok(answer.write("completed", &list(visit))),
        (Task::ListAssigned, _) => Ok(answer.write("completed", &list_assigned(visit))),
        (_, Step::Begin) if given.is_none() => Ok(answer.ask(task)),
        (_, Step::Begin) => Err(command::bad("bad-payload").into()),
        (_, Step::Submit { form }) => {
            let done = answer.write("completed", &[]);
            Ok(perform(visit, task, &form)?.and(done))
        }
    }
}

impl Answer<'_> {
    fn write(&self, status: &str, content: &[u8]) -> Proposal {
        let payload = command::answer(self.node, self.session, status, content);
        let request = self.visit.request;
        Proposal::answer(request.stanza.result(&request.from, payload))
    }

    fn ask(&self, task: Task) -> Proposal {
        let mut writer = Writer::new();
        writer.start("actions").attr("execute", "complete");
        writer.start("complete").end().end();
        form(self.visit, task).write(&mut writer);
        self.write("executing", &writer.finish())
    }
}

fn task_of(node: &str) -> Option<Task> {
    let found = TASKS.iter().find(|(_, name, _)| *name == node);
    found.map(|(task, ..)| *task)
}

/// Who may read in the room may know its hats; who wears them is told where addresses are open.
fn check_allowed(visit: &Visit<'_>, task: Task) -> Result<(), StanzaError> {
    let is_admin = visit.affiliation() >= Affiliation::Admin;
    let may = match task {
        Task::List => discover::may_read(visit).is_ok(),
        Task::ListAssigned => {
            is_admin || (visit.config().open_addresses && visit.inside().is_some())
        }
        Task::Create | Task::Destroy | Task::Assign | Task::Unassign => is_admin,
    };
    if may {
        Ok(())
    } else {
        Err(StanzaError::new(Condition::Forbidden))
    }
}

fn form(visit: &Visit<'_>, task: Task) -> Form {
    let text = |var, label| Field::new(var, FieldKind::TextSingle).with_label(label);
    let form = Form::with_type(FormKind::Form, ns::HATS_COMMANDS);
    let form = match task {
        Task::Create => {
            return form
                .with(text(TITLE, "Title").required())
                .with(text(URI, "Address (URI)").required())
                .with(text(HUE, "Hue, in degrees"));
        }
        Task::Assign | Task::Unassign => form.with(
            Field::new(JID, FieldKind::JidSingle)
                .with_label("User")
                .required(),
        ),
        Task::Destroy | Task::List | Task::ListAssigned => form,
    };
    let hats = visit.room.hats();
    let choice = Field::new(URI, FieldKind::ListSingle).with_label("Hat");
    form.with(hats.fold(choice.required(), |field, (uri, hat)| {
        field.with_option(&hat.title, uri)
    }))
}

fn perform(visit: &Visit<'_>, task: Task, form: &Form) -> Result<Proposal, Stop> {
    let refused = |text| StanzaError::new(Condition::NotAcceptable).with_text(text);
    if form.form_type() != Some(ns::HATS_COMMANDS) {
        return Err(command::bad("bad-payload").into());
    }
    let uri = form.value(URI).ok_or_else(|| command::bad("bad-payload"))?;
    if task == Task::Create {
        return create(visit, form, uri);
    }
    if visit.room.hat(uri).is_none() {
        return Err(StanzaError::new(Condition::ItemNotFound)
            .with_text("the room has no such hat")
            .into());
    }
    if task == Task::Destroy {
        return Ok(destroy(visit, uri));
    }
    let user = form.value(JID).ok_or_else(|| command::bad("bad-payload"))?;
    let user = Jid::parse(user).map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    let user = user.to_bare().to_compact();
    let name = worn_name(&user, uri);
    if task == Task::Unassign {
        let is_worn = visit.room.rows.row(&name).is_some();
        let changes = is_worn.then_some((name, None));
        return Ok(hat::propose(visit, changes.into_iter().collect()));
    }
    let account = visit.live(&user)?;
    let account = account.ok_or_else(|| refused("there is no such user"))?;
    check_worn(visit, &user)?;
    let row = Row::Worn { account };
    if visit.room.rows.row(&name) == Some(&row) {
        return Ok(Proposal::nothing());
    }
    Ok(hat::propose(visit, vec![(name, Some(row))]))
}

fn check_worn(visit: &Visit<'_>, user: &BareJid) -> Result<(), StanzaError> {
    let all = hat::wearers(visit.room).count();
    let own = hat::wearers(visit.room).filter(|jid| *jid == user).count();
    if all < HATS_WORN_MAX && own < HATS_OF_ONE_MAX {
        return Ok(());
    }
    Err(StanzaError::new(Condition::ResourceConstraint).with_text("too many hats are worn"))
}

fn create(visit: &Visit<'_>, form: &Form, uri: &str) -> Result<Proposal, Stop> {
    let refused = |text| StanzaError::new(Condition::NotAcceptable).with_text(text);
    let title = form.value(TITLE).unwrap_or_default().trim();
    let hue = form.value(HUE).unwrap_or_default().trim();
    let is_uri = uri.contains(':') && !uri.contains(char::is_whitespace);
    if !is_uri || uri.len() > HAT_BYTES_MAX {
        return Err(refused("a hat has a URI of at most 256 bytes").into());
    }
    if title.is_empty() || title.len() > HAT_BYTES_MAX {
        return Err(refused("a hat has a title of at most 256 bytes").into());
    }
    if !is_hue(hue) {
        return Err(refused("a hue is an angle from 0 to 360 degrees").into());
    }
    let is_new = visit.room.hat(uri).is_none();
    if is_new && visit.room.hats().count() >= HATS_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint)
            .with_text("the room has as many hats as it takes")
            .into());
    }
    let row = HatRow {
        title: title.into(),
        hue: hue.into(),
    };
    let mut changes = Vec::new();
    if is_new {
        // What another board gave before it knew that an earlier hat of this name was destroyed.
        changes = worn(visit, uri);
    }
    let name = RowName::Hat { uri: uri.into() };
    changes.push((name, Some(Row::Hat { hat: Arc::new(row) })));
    Ok(told(visit, hat::propose(visit, changes)))
}

/// With it goes that it is worn.
fn destroy(visit: &Visit<'_>, uri: &str) -> Proposal {
    let mut changes = worn(visit, uri);
    changes.push((RowName::Hat { uri: uri.into() }, None));
    told(visit, hat::propose(visit, changes))
}

/// The removal of all that say that somebody wears the hat; of two boards together there may be more
/// than one entry takes.
fn worn(visit: &Visit<'_>, uri: &str) -> Vec<(RowName, Option<Row>)> {
    let names = visit
        .room
        .rows
        .iter()
        .filter_map(|(name, cell)| match name {
            RowName::Worn { uri: one, .. } if **one == *uri && cell.row.is_some() => Some(name),
            _ => None,
        });
    let removed = names.take(2 * HATS_WORN_MAX);
    removed.map(|name| (name.clone(), None)).collect()
}

/// The list of hats is another one (section 4.2).
fn told(visit: &Visit<'_>, proposal: Proposal) -> Proposal {
    let message = notify::codes_message(&visit.jid, MessageType::Groupchat, &[104]);
    proposal.op(visit.change(RoomChange::Say {
        stanza: Arc::new(message),
        to: Hearers::All,
    }))
}

fn is_hue(text: &str) -> bool {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let angle = text.parse::<f64>().ok();
    text.is_empty() || (is_plain && text.len() <= 20 && angle.is_some_and(|angle| angle <= 360.0))
}

fn list(visit: &Visit<'_>) -> Vec<u8> {
    let hats = visit.room.hats();
    let rows = hats.map(|(uri, hat)| vec![(TITLE, &*hat.title), (URI, uri), (HUE, &*hat.hue)]);
    table("Hats", &[TITLE, URI, HUE], rows)
}

fn list_assigned(visit: &Visit<'_>) -> Vec<u8> {
    let rows = visit.room.rows.iter().filter_map(|(name, cell)| {
        let RowName::Worn { jid, uri } = name else {
            return None;
        };
        let hat = visit.room.hat(uri).filter(|_| cell.row.is_some())?;
        Some(vec![
            (JID, jid.as_str()),
            (URI, &**uri),
            (TITLE, &*hat.title),
            (HUE, &*hat.hue),
        ])
    });
    table("Hats that are worn", &[JID, URI, TITLE, HUE], rows)
}

/// A form of results with several items (XEP-0004 section 3.4).
fn table<'a>(
    title: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<(&'a str, &'a str)>>,
) -> Vec<u8> {
    let mut inner = Writer::new();
    inner.start("reported");
    for column in columns {
        inner.start("field").attr("var", column).end();
    }
    inner.end();
    for row in rows {
        inner.start("item");
        for (var, value) in row {
            inner.start("field").attr("var", var);
            inner.leaf("value", value).end();
        }
        inner.end();
    }
    let mut form = Form::with_type(FormKind::Result, ns::HATS_COMMANDS);
    form.title = Some(title.into());
    let mut writer = Writer::new();
    form.write_with(&mut writer, &inner.finish());
    writer.finish()
}

pub(super) fn is_command(node: &str) -> bool {
    task_of(node).is_some()
}

/// What a command is (XEP-0050 section 2.2).
pub(super) fn describe(
    visit: &Visit<'_>,
    node: &str,
    writer: &mut Writer,
) -> Result<(), StanzaError> {
    for (task, name, label) in TASKS {
        if name == node {
            check_allowed(visit, task)?;
            writer
                .start("identity")
                .attr("category", "automation")
                .attr("type", "command-node")
                .attr("name", label)
                .end();
        }
    }
    for feature in [ns::COMMANDS, ns::DATA] {
        writer.start("feature").attr("var", feature).end();
    }
    Ok(())
}

/// The commands that the asker may use (XEP-0050 section 2.1).
pub(super) fn listed(visit: &Visit<'_>) -> Writer {
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_ITEMS)
        .attr("node", ns::COMMANDS);
    for (task, node, label) in TASKS {
        if check_allowed(visit, task).is_ok() {
            writer
                .start("item")
                .attr("jid", visit.jid.as_str())
                .attr("node", node)
                .attr("name", label)
                .end();
        }
    }
    writer
}
