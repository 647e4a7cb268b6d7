//! The end of the server, ordered by an administrator (XEP-0133 sections 4.30 and 4.31).
//!
//! Users may be told first, and then have a while. A server that restarts is back within a second, and streams
//! resume; of two boards one begins when the other is back (`server::halt`).

use crate::account::adhoc::Finish;
use crate::account::notice;
use crate::account::tasks::Task;
use crate::base::halt_limits::HALT_DELAYS_SECONDS;
use crate::effect::view::View;
use crate::model::op::Halt;
use crate::model::op::Soft;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;

pub(super) fn form(form: Form) -> Form {
    let delay = Field::new("delay", FieldKind::ListSingle).with_label("How long to wait");
    let delay = HALT_DELAYS_SECONDS.iter().fold(delay, |delay, seconds| {
        let label = match seconds {
            0 => "Not at all".to_owned(),
            1..120 => format!("{seconds} seconds"),
            _ => format!("{} minutes", seconds / 60),
        };
        delay.with_option(&label, &seconds.to_string())
    });
    let text = Field::new("announcement", FieldKind::TextMulti);
    form.with(delay.with_value("60").required())
        .with(text.with_label("What users are told; nothing, if it is left empty"))
}

pub(super) fn perform(view: &View<'_>, task: Task, form: &Form) -> Finish {
    let delay = form.value("delay").and_then(|delay| delay.parse().ok());
    let Some(seconds) = delay.filter(|delay| HALT_DELAYS_SECONDS.contains(delay)) else {
        return Finish::failed("choose one of the delays");
    };
    let told = form
        .text("announcement")
        .is_some_and(|text| !text.trim().is_empty())
        .then(|| notice::announce(view, form));
    let mut finish = told.unwrap_or_default();
    if finish.failure.is_none() {
        let halt = Halt {
            delay_ms: seconds.saturating_mul(1_000),
            again: task == Task::Restart,
        };
        finish.proposal = finish.proposal.soft(Soft::Halt { halt });
    }
    finish
}
