//! The commands (XEP-0050) with which an administrator makes a server to try out misbehave.
//!
//! They are at the bot's full address, `echo@localhost/dev`. Each has a form at most, which may come with the first
//! request already; nothing is remembered between the steps.

use crate::base::jid::Jid;
use crate::server::dev::mischief::Streams;
use crate::stanza::Condition;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::command;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What the forms are about, and what the commands' nodes begin with.
const NAMESPACE: &str = "urn:meerkat:dev:0";

/// A client whose answers take longer has given up.
const DELAY_MS_MAX: u64 = 600_000;

/// Something that goes wrong on request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    /// Of everybody with this address.
    Cut {
        jid: Jid,
    },
    Delay {
        delay_ms: u64,
    },
    RefuseResumption,
    Restart {
        streams: Streams,
    },
}

/// What a client is told, and what is to be done.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) payload: Vec<u8>,
    pub(super) deed: Option<Deed>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Task {
    Cut,
    Delay,
    RefuseResumption,
    Restart,
}

const TASKS: [(Task, &str, &str); 4] = [
    (Task::Cut, "cut", "Cut connections"),
    (Task::Delay, "delay", "Delay what clients say"),
    (
        Task::RefuseResumption,
        "refuse-resumption",
        "Refuse the next resumption of a stream",
    ),
    (Task::Restart, "restart", "Restart the server"),
];

fn node_of(name: &str) -> String {
    format!("{NAMESPACE}#{name}")
}

fn find(node: &str) -> Option<(Task, &'static str)> {
    let name = node.strip_prefix(NAMESPACE)?.strip_prefix('#')?;
    let row = TASKS.iter().find(|(_, known, _)| *known == name);
    row.map(|(task, _, title)| (*task, *title))
}

/// Answers a request to the bot; `None`: it is not about commands.
pub(super) fn answer(stanza: &Stanza, is_admin: bool) -> Option<Result<Reply, StanzaError>> {
    let query = stanza.query()?;
    let node = query.attr("node");
    match (query.name(), query.ns()) {
        ("command", ns::COMMANDS) if !is_admin => Some(Err(StanzaError::new(Condition::Forbidden))),
        ("command", ns::COMMANDS) => Some(execute(stanza, query)),
        ("query", ns::DISCO_ITEMS) => {
            let is_list = node.as_deref() == Some(ns::COMMANDS);
            Some(Ok(items(stanza, query, is_list && is_admin)))
        }
        ("query", ns::DISCO_INFO) => info(query).map(Ok),
        _ => None,
    }
}

/// Section 2.1: who may not use them is shown none.
fn items(stanza: &Stanza, query: Node<'_>, shows: bool) -> Reply {
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_ITEMS)
        .attr_opt("node", query.attr("node").as_deref());
    let jid = stanza.to.as_ref().map_or("", Jid::as_str);
    for (_, name, title) in TASKS.iter().filter(|_| shows) {
        writer
            .start("item")
            .attr("jid", jid)
            .attr("node", &node_of(name))
            .attr("name", title)
            .end();
    }
    told(writer.finish())
}

fn told(payload: Vec<u8>) -> Reply {
    Reply {
        payload,
        deed: None,
    }
}

/// Of the bot, of the list and of a command (section 2.2).
fn info(query: Node<'_>) -> Option<Reply> {
    let node = query.attr("node");
    let (category, kind, name) = match node.as_deref() {
        None => ("client", "bot", "Echo"),
        Some(ns::COMMANDS) => ("automation", "command-list", "Commands"),
        Some(node) => ("automation", "command-node", find(node)?.1),
    };
    let mut writer = Writer::new();
    writer
        .start_ns("query", ns::DISCO_INFO)
        .attr_opt("node", node.as_deref());
    writer
        .start("identity")
        .attr("category", category)
        .attr("type", kind)
        .attr("name", name)
        .end();
    for feature in [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::COMMANDS, ns::DATA] {
        writer.start("feature").attr("var", feature).end();
    }
    Some(told(writer.finish()))
}

fn execute(stanza: &Stanza, command: Node<'_>) -> Result<Reply, StanzaError> {
    let node = command.attr("node").unwrap_or_default();
    let (task, _) = find(&node).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    let step = Step {
        node: &node,
        session: command.attr("sessionid").unwrap_or_else(|| "dev".into()),
    };
    let form = Form::parse_in(command)?;
    let is_canceled = form
        .as_ref()
        .is_some_and(|form| form.kind == FormKind::Cancel);
    match command.attr("action").as_deref() {
        Some("cancel") => Ok(told(step.write("canceled", &[]))),
        None | Some("" | "execute" | "complete") if is_canceled => {
            Ok(told(step.write("canceled", &[])))
        }
        None | Some("" | "execute" | "complete") => match (task.form(), form) {
            (Some(questions), None) => {
                let mut writer = Writer::new();
                writer.start("actions").attr("execute", "complete");
                writer.start("complete").end().end();
                questions.write(&mut writer);
                Ok(told(step.write("executing", &writer.finish())))
            }
            (_, form) => {
                let form = form.unwrap_or_else(|| Form::new(FormKind::Submit));
                Ok(step.finish(task.read(stanza, &form)))
            }
        },
        // Section 4.4: there is one form only.
        Some(_) => {
            Err(StanzaError::new(Condition::BadRequest).with_detail("bad-action", ns::COMMANDS))
        }
    }
}

struct Step<'a> {
    node: &'a str,
    session: std::borrow::Cow<'a, str>,
}

impl Step<'_> {
    fn write(&self, status: &str, content: &[u8]) -> Vec<u8> {
        command::answer(self.node, &self.session, status, content)
    }

    fn finish(&self, deed: Result<Deed, String>) -> Reply {
        let mut writer = Writer::new();
        if let Err(why) = &deed {
            writer.start("note").attr("type", "error").text(why).end();
        }
        Reply {
            payload: self.write("completed", &writer.finish()),
            deed: deed.ok(),
        }
    }
}

impl Task {
    fn form(self) -> Option<Form> {
        let form = Form::with_type(FormKind::Form, NAMESPACE);
        Some(match self {
            Self::Cut => form.with(Field::new("jid", FieldKind::JidSingle).with_label(
                "Whose connection (a bare address: all of the account; none: this one)",
            )),
            Self::Delay => form.with(
                Field::new("milliseconds", FieldKind::TextSingle)
                    .with_label("How late each stanza arrives (0: no more)")
                    .required(),
            ),
            Self::RefuseResumption => return None,
            Self::Restart => form.with(
                Field::new("streams", FieldKind::ListSingle)
                    .with_label("What becomes of the streams")
                    .with_value("kept")
                    .with_option("They can be resumed", "kept")
                    .with_option("Clients are told that the server stops", "ended")
                    .with_option(
                        "Nobody is told and nobody can resume, as after a crash",
                        "lost",
                    ),
            ),
        })
    }

    /// What the form says, or what is wrong with it.
    fn read(self, stanza: &Stanza, form: &Form) -> Result<Deed, String> {
        match self {
            Self::Cut => {
                let jid = match form.value("jid").filter(|jid| !jid.is_empty()) {
                    None => stanza.from.clone().ok_or("nobody is meant")?,
                    Some(text) => {
                        Jid::parse(text).map_err(|_| format!("{text:?} is no address"))?
                    }
                };
                Ok(Deed::Cut { jid })
            }
            Self::Delay => {
                let text = form.value("milliseconds").unwrap_or_default();
                let delay_ms = text.parse().ok().filter(|ms| *ms <= DELAY_MS_MAX);
                let wanted = || format!("{text:?} is no number from 0 to {DELAY_MS_MAX}");
                Ok(Deed::Delay {
                    delay_ms: delay_ms.ok_or_else(wanted)?,
                })
            }
            Self::RefuseResumption => Ok(Deed::RefuseResumption),
            Self::Restart => {
                let streams = match form.value("streams").unwrap_or("kept") {
                    "kept" => Streams::Kept,
                    "ended" => Streams::Ended,
                    "lost" => Streams::Lost,
                    other => return Err(format!("{other:?} is none of kept, ended and lost")),
                };
                Ok(Deed::Restart { streams })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    fn ask(payload: &str, is_admin: bool) -> Option<Result<Reply, StanzaError>> {
        let text = format!(
            "<iq xmlns='jabber:client' type='set' id='1' from='admin@h/r' to='echo@h/dev'>{payload}</iq>"
        );
        let stanza = Stanza::parse(Element::parse(text.as_bytes()).unwrap()).unwrap();
        answer(&stanza, is_admin)
    }

    fn command(name: &str, action: &str, content: &str) -> (String, Option<Deed>) {
        let text = format!(
            "<command xmlns='{}' node='{NAMESPACE}#{name}' action='{action}'>{content}</command>",
            ns::COMMANDS
        );
        let reply = ask(&text, true).unwrap().unwrap();
        (String::from_utf8(reply.payload).unwrap(), reply.deed)
    }

    fn form(var: &str, value: &str) -> String {
        format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='{var}'><value>{value}</value></field></x>"
        )
    }

    #[test]
    fn a_form_that_is_filled_in_is_a_deed() {
        let streams = Streams::Lost;
        for (name, content, deed) in [
            (
                "cut",
                form("jid", "alice@h"),
                Deed::Cut {
                    jid: Jid::parse("alice@h").unwrap(),
                },
            ),
            // Without an address it is the connection of whoever asks.
            (
                "cut",
                form("jid", ""),
                Deed::Cut {
                    jid: Jid::parse("admin@h/r").unwrap(),
                },
            ),
            (
                "delay",
                form("milliseconds", "50"),
                Deed::Delay { delay_ms: 50 },
            ),
            ("refuse-resumption", String::new(), Deed::RefuseResumption),
            (
                "restart",
                form("streams", "lost"),
                Deed::Restart { streams },
            ),
        ] {
            let (text, found) = command(name, "execute", &content);
            assert_eq!(found, Some(deed), "{text}");
            assert!(text.contains("status='completed'"), "{text}");
        }
    }

    #[test]
    fn without_a_form_there_are_questions_and_nothing_is_done() {
        for name in ["cut", "delay", "restart"] {
            let (text, deed) = command(name, "execute", "");
            assert!(text.contains("status='executing'") && text.contains("type='form'"));
            assert_eq!(deed, None);
        }
    }

    #[test]
    fn what_is_wrong_or_canceled_does_nothing() {
        for (name, action, content) in [
            ("cut", "complete", form("jid", "@@")),
            ("delay", "complete", form("milliseconds", "-1")),
            ("delay", "complete", form("milliseconds", "600001")),
            ("restart", "complete", form("streams", "away")),
            ("restart", "cancel", String::new()),
            (
                "restart",
                "complete",
                "<x xmlns='jabber:x:data' type='cancel'/>".to_owned(),
            ),
        ] {
            let (text, deed) = command(name, action, &content);
            assert_eq!(deed, None, "{text}");
            assert!(
                text.contains("type='error'") || text.contains("status='canceled'"),
                "{text}"
            );
        }
    }

    #[test]
    fn who_is_no_administrator_is_refused_and_shown_nothing() {
        let cut = format!("<command xmlns='{}' node='{NAMESPACE}#cut'/>", ns::COMMANDS);
        let error = ask(&cut, false).unwrap().unwrap_err();
        assert_eq!(error.condition, Condition::Forbidden);
        let list = format!(
            "<query xmlns='{}' node='{}'/>",
            ns::DISCO_ITEMS,
            ns::COMMANDS
        );
        let shown = |is_admin| {
            let reply = ask(&list, is_admin).unwrap().unwrap();
            String::from_utf8(reply.payload)
                .unwrap()
                .matches("<item ")
                .count()
        };
        assert_eq!((shown(false), shown(true)), (0, TASKS.len()));
    }
}
