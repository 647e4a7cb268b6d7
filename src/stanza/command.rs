//! What every ad-hoc command answers with (XEP-0050).

use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What the client wants of a command with one form, which may come at once.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The form is asked for.
    Begin,
    Submit {
        form: Form,
    },
    Cancel,
}

/// Section 3.1. There is one form: no way back, and none on but to the end.
pub(crate) fn step(command: Node<'_>) -> Result<Step, StanzaError> {
    let form = Form::parse_in(command).map_err(|_| bad("bad-payload"))?;
    match (command.attr("action").as_deref(), form) {
        (Some("cancel"), _) => Ok(Step::Cancel),
        (Some("next" | "prev"), _) => Err(bad("bad-action")),
        (None | Some("" | "execute" | "complete"), form) => match form {
            None => Ok(Step::Begin),
            Some(form) if form.kind == FormKind::Submit => Ok(Step::Submit { form }),
            Some(form) if form.kind == FormKind::Cancel => Ok(Step::Cancel),
            Some(_) => Err(bad("bad-payload")),
        },
        (Some(_), _) => Err(bad("malformed-action")),
    }
}

/// A step of a command that stands so: `executing`, `completed` or `canceled` (section 2.4).
pub(crate) fn answer(node: &str, session: &str, status: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .start_ns("command", ns::COMMANDS)
        .attr("node", node)
        .attr("sessionid", session)
        .attr("status", status);
    if !content.is_empty() {
        writer.raw(content);
    }
    writer.end();
    writer.finish()
}

/// Section 4.4: `bad-request` with what is bad.
pub(crate) fn bad(what: &'static str) -> StanzaError {
    StanzaError::new(Condition::BadRequest).with_detail(what, ns::COMMANDS)
}
