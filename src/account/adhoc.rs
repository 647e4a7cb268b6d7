//! Ad-hoc commands (XEP-0050): a form is asked for, filled in, and done.
//!
//! Nothing is stored between the two steps. The session id says when the command was begun, and a
//! MAC over it, the command and the administrator's address proves that it was begun here. So it
//! is valid on both nodes of a pair and after a restart, for [`COMMAND_SESSION_MS`].
//!
//! Every command here has one form or none; there is no way back to an earlier form, and `prev`
//! and `next` are refused as section 4.4 says.

use crate::account::service;
use crate::account::tasks;
use crate::account::tasks::Task;
use crate::base::limits::COMMAND_SESSION_MS;
use crate::base::time::Timestamp;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::sasl::Hash;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::command;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// The domain's secret under which session ids are signed, for another purpose each.
const SECRET: &str = "login";

/// What the client wants of a command (section 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    Execute,
    Cancel,
    Complete,
    /// Back or forth: there is one form only.
    Turn,
}

/// How far a command has come (section 3.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Status {
    Executing,
    Completed,
    Canceled,
}

/// What a command gave, to be written into its last answer.
#[derive(Debug, Default)]
pub(super) struct Finish {
    pub(super) proposal: Proposal,
    /// A form of results.
    pub(super) result: Vec<u8>,
    /// Why it did nothing.
    pub(super) failure: Option<Box<str>>,
}

impl Finish {
    pub(super) fn with(proposal: Proposal) -> Self {
        Self {
            proposal,
            ..Self::default()
        }
    }

    pub(super) fn failed(why: impl Into<Box<str>>) -> Self {
        Self {
            failure: Some(why.into()),
            ..Self::default()
        }
    }

    pub(super) fn result(form: &Form, extra: &[u8]) -> Self {
        let mut writer = Writer::new();
        form.write_with(&mut writer, extra);
        Self {
            result: writer.finish(),
            ..Self::default()
        }
    }
}

/// A step of a command.
pub(super) fn execute(
    view: &View<'_>,
    request: &Request,
    command: Node<'_>,
) -> Result<Proposal, Stop> {
    let node = command.attr("node").unwrap_or_default();
    let Some(task) = tasks::find(&node) else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    if !tasks::is_allowed(view, task, &request.from.bare()) {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let action = match command.attr("action").as_deref() {
        None | Some("" | "execute") => Action::Execute,
        Some("cancel") => Action::Cancel,
        Some("complete") => Action::Complete,
        Some("next" | "prev") => Action::Turn,
        Some(_) => return Err(command::bad("malformed-action").into()),
    };
    let signer = Signer::new(view, request, task)?;
    let Some(session) = command.attr("sessionid") else {
        if action != Action::Execute {
            return Err(command::bad("bad-action").into());
        }
        return begin(view, request, (task, command), &signer);
    };
    signer.check(&session, view.now())?;
    let form = Form::parse_in(command).map_err(|_| command::bad("bad-payload"))?;
    let is_canceled = form
        .as_ref()
        .is_some_and(|form| form.kind == FormKind::Cancel);
    let step = Step {
        request,
        task,
        session: &session,
    };
    match action {
        Action::Turn => Err(command::bad("bad-action").into()),
        Action::Cancel => Ok(step.answer(Status::Canceled, &[])),
        Action::Execute | Action::Complete if is_canceled => Ok(step.answer(Status::Canceled, &[])),
        Action::Execute | Action::Complete => {
            let form = form.filter(|form| form.kind == FormKind::Submit);
            let form = form.ok_or_else(|| command::bad("bad-payload"))?;
            Ok(step.finish(service::perform(view, &step.asked(command), &form)?))
        }
    }
}

fn begin(
    view: &View<'_>,
    request: &Request,
    (task, command): (Task, Node<'_>),
    signer: &Signer,
) -> Result<Proposal, Stop> {
    let session = signer.sign(view.now(), nonce(view));
    let step = Step {
        request,
        task,
        session: &session,
    };
    let Some(form) = service::form(task) else {
        let none = Form::new(FormKind::Submit);
        return Ok(step.finish(service::perform(view, &step.asked(command), &none)?));
    };
    let form = service::filled(view, task, form)?;
    let mut writer = Writer::new();
    // The only way on is to the end.
    writer.start("actions").attr("execute", "complete");
    writer.start("complete").end().end();
    form.write(&mut writer);
    Ok(step.answer(Status::Executing, &writer.finish()))
}

/// One step of one command for one request.
struct Step<'a> {
    request: &'a Request,
    task: Task,
    session: &'a str,
}

impl Step<'_> {
    fn asked<'a>(&'a self, command: Node<'a>) -> service::Asked<'a> {
        service::Asked {
            request: self.request,
            task: self.task,
            session: self.session,
            command,
        }
    }

    fn answer(&self, status: Status, content: &[u8]) -> Proposal {
        let payload = write(self.task, self.session, status, content);
        Proposal::answer(self.request.stanza.result(&self.request.from, payload))
    }

    fn finish(&self, finish: Finish) -> Proposal {
        if finish.proposal.query.is_some() {
            // The answer comes with what the query finds.
            return finish.proposal;
        }
        let mut writer = Writer::new();
        if let Some(failure) = &finish.failure {
            writer.start("note").attr("type", "error");
            writer.text(failure).end();
        }
        if !finish.result.is_empty() {
            writer.raw(&finish.result);
        }
        let answer = self.answer(Status::Completed, &writer.finish());
        finish.proposal.and(answer)
    }
}

/// The last answer of a command whose result a query has found.
pub(super) fn write_completed(task: Task, session: &str, content: &[u8]) -> Vec<u8> {
    write(task, session, Status::Completed, content)
}

fn write(task: Task, session: &str, status: Status, content: &[u8]) -> Vec<u8> {
    let status = match status {
        Status::Executing => "executing",
        Status::Completed => "completed",
        Status::Canceled => "canceled",
    };
    command::answer(&tasks::node_of(task), session, status, content)
}

fn nonce(view: &View<'_>) -> u64 {
    let bytes = view.facts.random.last_chunk();
    bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Makes and checks the session ids of one command and one administrator's session.
struct Signer {
    key: Vec<u8>,
    scope: String,
}

impl Signer {
    fn new(view: &View<'_>, request: &Request, task: Task) -> Result<Self, Stop> {
        let name = RowName::Secret {
            purpose: SECRET.into(),
        };
        let Some(Row::Bytes { bytes }) = view.node()?.row(&name) else {
            return Err(StanzaError::new(Condition::InternalServerError).into());
        };
        Ok(Self {
            key: bytes.to_vec(),
            scope: format!("ad-hoc\0{}\0{}", tasks::node_of(task), request.from),
        })
    }

    fn sign(&self, now: Timestamp, nonce: u64) -> String {
        let text = format!("{:x}.{nonce:x}", now.unix_ms());
        format!("{text}.{}", self.mac(&text))
    }

    fn mac(&self, text: &str) -> String {
        let signed = format!("{}\0{text}", self.scope);
        let mac = Hash::Sha256.hmac(&self.key, signed.as_bytes());
        let bytes = mac.as_bytes().first_chunk();
        format!(
            "{:032x}",
            bytes.map_or(0, |bytes| u128::from_be_bytes(*bytes))
        )
    }

    fn check(&self, session: &str, now: Timestamp) -> Result<(), Stop> {
        let parts = session.rsplit_once('.');
        let begun = parts
            .filter(|(text, mac)| self.mac(text) == *mac)
            .and_then(|(text, _)| text.split('.').next())
            .and_then(|begun| u64::from_str_radix(begun, 16).ok());
        let Some(begun) = begun else {
            return Err(command::bad("bad-sessionid").into());
        };
        if now.since_ms(Timestamp::from_unix_ms(begun)) > COMMAND_SESSION_MS {
            let error = StanzaError::new(Condition::NotAllowed)
                .with_detail("session-expired", ns::COMMANDS);
            return Err(error.into());
        }
        Ok(())
    }
}

/// Which command there is and what it is (sections 2.1 and 2.2); `None`: the node is none of ours.
pub(super) fn discover(
    view: &View<'_>,
    request: &Request,
    query: Node<'_>,
) -> Option<Result<Proposal, Stop>> {
    let node = query.attr("node")?;
    let is_items = query.ns() == ns::DISCO_ITEMS;
    let task = tasks::find(&node);
    if task.is_none() && node != ns::COMMANDS {
        return None;
    }
    let user = request.from.bare();
    let mut writer = Writer::new();
    writer.start_ns("query", query.ns()).attr("node", &node);
    match task {
        Some(_) if is_items => {}
        Some(task) if !tasks::is_allowed(view, task, &user) => {
            return Some(Err(StanzaError::new(Condition::Forbidden).into()));
        }
        Some(task) => {
            write_identity(&mut writer, "command-node", tasks::name_of(task));
            for feature in [ns::COMMANDS, ns::DATA] {
                writer.start("feature").attr("var", feature).end();
            }
        }
        None if is_items => {
            let own = request.from.bare();
            let to = request.stanza.to.as_ref();
            let jid = to.map_or_else(|| own.as_str(), |to| to.bare_str());
            // Who may not use them is shown none.
            for task in tasks::tasks(view, &user) {
                writer
                    .start("item")
                    .attr("jid", jid)
                    .attr("node", &tasks::node_of(task))
                    .attr("name", tasks::name_of(task))
                    .end();
            }
        }
        None => {
            write_identity(&mut writer, "command-list", "Commands");
            writer.start("feature").attr("var", ns::COMMANDS).end();
        }
    }
    writer.end();
    Some(Ok(Proposal::answer(
        request.stanza.result(&request.from, writer.finish()),
    )))
}

fn write_identity(writer: &mut Writer, kind: &str, name: &str) {
    writer
        .start("identity")
        .attr("category", "automation")
        .attr("type", kind)
        .attr("name", name)
        .end();
}
