//! Who administers the server, edited by one who does (XEP-0133 section 4.29).
//!
//! An account's own row says it, as `meerkat user admin` sets it. Those whom the settings name are listed as well, and
//! stay: what stands at the board cannot be taken away from afar. Somebody is always left (decision 0024).

use std::collections::BTreeSet;

use crate::account::adhoc::Finish;
use crate::account::command;
use crate::account::service::Asked;
use crate::account::service::known_account;
use crate::base::admin_limits::COMMAND_ADMINS_MAX;
use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::account::AccountState;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;

const FIELD: &str = "adminjids";

/// The list as it is now.
pub(super) fn filled(view: &View<'_>, form: Form) -> Result<Form, Stop> {
    let named = &view.settings.admins;
    let mut all: BTreeSet<&BareJid> = named.iter().collect();
    all.extend(view.admins()?);
    let list = Field::new(FIELD, FieldKind::JidMulti).with_label("The administrators");
    let form = form.with(list.with_values(all.into_iter().map(BareJid::as_str)));
    if named.is_empty() {
        return Ok(form);
    }
    let names: Vec<&str> = named.iter().map(BareJid::as_str).collect();
    let text = format!(
        "Named in the settings (admins), and taken away only there: {}",
        names.join(", ")
    );
    Ok(form.with(Field::new("", FieldKind::Fixed).with_value(&text)))
}

/// Rights are given to who is new in the list, and taken from who is not in it any more.
pub(super) fn edit(view: &View<'_>, asked: &Asked<'_>, form: &Form) -> Result<Finish, Stop> {
    let named = &view.settings.admins;
    let mut wanted = BTreeSet::new();
    for value in form.values(FIELD) {
        if let Ok(jid) = BareJid::parse(value)
            && named.contains(&jid)
        {
            // Such an account need not be there.
            wanted.insert(jid);
            continue;
        }
        match known_account(view, Some(value))? {
            Ok(jid) => wanted.insert(jid.to_bare()),
            Err(why) => return Ok(Finish::failed(why)),
        };
    }
    if let Some(jid) = named.iter().find(|jid| !wanted.contains(*jid)) {
        let why = format!("{jid} is named in the settings of the server: take it out of admins");
        return Err(not_allowed(why));
    }
    let before: BTreeSet<&BareJid> = view.admins()?.into_iter().collect();
    if wanted.len().max(before.len()) > COMMAND_ADMINS_MAX {
        let why = format!("more than {COMMAND_ADMINS_MAX}: use the command line of the server");
        return Ok(Finish::failed(why));
    }
    let own = asked.request.from.bare();
    if !wanted.contains(&own) && !is_somebody_left(view, &wanted)? {
        return Err(not_allowed("nobody else could administer the server"));
    }
    let mut proposal = Proposal::nothing();
    for jid in &wanted {
        proposal = if before.contains(jid) || named.contains(jid) {
            // Who stays may be taken away at the same time by somebody else.
            let record = RecordKey::Account { jid: jid.clone() };
            proposal.guarded(view.guard(record, RowName::Account))
        } else {
            proposal.and(command::set_admin(view, jid, true)?)
        };
    }
    for jid in before.into_iter().filter(|jid| !wanted.contains(*jid)) {
        proposal = proposal.and(command::set_admin(view, jid, false)?);
    }
    Ok(Finish::with(proposal))
}

fn not_allowed(why: impl Into<String>) -> Stop {
    let error = StanzaError::new(Condition::NotAllowed);
    error.with_text(why.into()).into()
}

/// Whether one of them can log in.
fn is_somebody_left(view: &View<'_>, wanted: &BTreeSet<BareJid>) -> Result<bool, Stop> {
    for jid in wanted {
        let row = view.account(jid)?.row();
        if row.is_some_and(|row| row.state == AccountState::Enabled) {
            return Ok(true);
        }
    }
    Ok(false)
}
