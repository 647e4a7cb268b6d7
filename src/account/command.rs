//! Making and changing accounts: what the command line, XEP-0133 and XEP-0077 have in common.

use std::sync::Arc;

use crate::account::invite;
use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::secret::Secret;
use crate::effect::invite::find;
use crate::effect::proposal::Need;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::effect::state::State;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::account::Credentials;
use crate::model::op::Durable;
use crate::model::op::KickReason;
use crate::model::op::Kicked;
use crate::model::op::Soft;
use crate::model::pubsub;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::roster;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// What a command changes; no ops where it does not apply (see [`outcome`]).
pub(crate) fn evaluate(view: &View<'_>, command: &Command) -> Result<Proposal, Stop> {
    match command {
        Command::AddUser {
            jid,
            password,
            admin,
        } => add(view, jid, password, *admin),
        Command::Register {
            jid,
            password,
            token,
        } => {
            let token = token.as_ref().and_then(Secret::expose_str);
            register(view, jid, password, token)
        }
        Command::Invite { token, invite } => {
            invite::create(view, token.expose_str().unwrap_or_default(), invite)
        }
        Command::CheckInvite { token, registers } => {
            invite::check(view, token.expose_str().unwrap_or_default(), *registers)
        }
        Command::SetPassword { jid, password } => set_password(view, jid, password, Kicked::All),
        Command::SetEnabled { jid, enabled } => set_enabled(view, jid, *enabled),
        Command::SetAdmin { jid, admin } => set_admin(view, jid, *admin),
        Command::DeleteUser { jid } => delete(view, jid, Kicked::All),
        Command::File { .. } => Ok(Proposal::nothing()),
        Command::Restore { ops, .. } => Ok(Proposal {
            ops: ops.clone(),
            ..Proposal::nothing()
        }),
    }
}

/// Why a command proposed nothing.
pub(crate) fn outcome(state: &State, command: &Command) -> Outcome {
    let exists = |jid: &BareJid| {
        state
            .accounts
            .get(jid)
            .is_some_and(|account| account.exists())
    };
    match command {
        Command::AddUser { jid, .. } if exists(jid) => Outcome::UserExists,
        Command::AddUser { .. } | Command::Restore { .. } => Outcome::Full,
        Command::Register { .. } => Outcome::UserExists,
        Command::Invite { .. } | Command::CheckInvite { .. } | Command::File { .. } => {
            Outcome::Done
        }
        Command::SetPassword { jid, .. }
        | Command::SetEnabled { jid, .. }
        | Command::SetAdmin { jid, .. }
        | Command::DeleteUser { jid } => {
            if exists(jid) {
                Outcome::Done
            } else {
                Outcome::NoSuchUser
            }
        }
    }
}

/// A new account, or a new life of a name that was deleted.
pub(crate) fn add(
    view: &View<'_>,
    jid: &BareJid,
    password: &Secret,
    admin: bool,
) -> Result<Proposal, Stop> {
    let account = view.account(jid)?;
    if account.exists() {
        return Ok(Proposal::nothing());
    }
    let keys = derived(view, password)?;
    let row = AccountRow {
        incarnation: fresh_incarnation(view),
        state: AccountState::Enabled,
        admin,
        created: view.now(),
    };
    let record = RecordKey::Account { jid: jid.clone() };
    Ok(Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Account))
        .row(record.clone(), RowName::Account, Some(Row::Account { row }))
        .row(
            record,
            RowName::Credentials,
            Some(Row::Credentials { keys }),
        ))
}

/// Drawn at random: a name used again, or a node restored from an old image, never repeats one.
fn fresh_incarnation(view: &View<'_>) -> Incarnation {
    let (bytes, _) = view.facts.random.as_chunks::<8>();
    Incarnation(bytes.first().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

/// For whoever comes, or comes with an invitation. A name that the settings give rights to is not to be had this way.
fn register(
    view: &View<'_>,
    jid: &BareJid,
    password: &Secret,
    token: Option<&str>,
) -> Result<Proposal, Stop> {
    let invite = match token {
        Some(token) => find(view, token)?.map(|invite| (token, invite)),
        None => None,
    };
    let name = jid.local().unwrap_or_default();
    let invite = invite.filter(|(_, invite)| {
        let is_for_name = invite.name.as_deref().is_none_or(|only| only == name);
        view.settings.invites.may_register && invite.may_register && is_for_name
    });
    if !view.settings.registration && invite.is_none() {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    // Two strangers of one name would be one account when the boards meet, and one invitation good for two.
    if view.facts.is_parted {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    if view.settings.admins.contains(jid) || invite::is_reserved(view, name, token)? {
        return Ok(Proposal::nothing());
    }
    let proposal = add(view, jid, password, false)?;
    match invite {
        Some((token, invite)) if !proposal.ops.is_empty() => {
            Ok(proposal.and(invite::redeem(view, token, invite, jid)?))
        }
        _ => Ok(proposal),
    }
}

/// A new password ends the account's sessions: whoever knew the old one is out.
pub(crate) fn set_password(
    view: &View<'_>,
    jid: &BareJid,
    password: &Secret,
    whom: Kicked,
) -> Result<Proposal, Stop> {
    let account = view.account(jid)?;
    if !account.exists() {
        return Ok(Proposal::nothing());
    }
    let keys = derived(view, password)?;
    let record = RecordKey::Account { jid: jid.clone() };
    let proposal = Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Account))
        .row(
            record,
            RowName::Credentials,
            Some(Row::Credentials { keys }),
        );
    Ok(without_tokens(proposal, jid, account).soft(Soft::Kick {
        account: jid.clone(),
        whom,
        why: KickReason::NotAuthorized,
    }))
}

pub(crate) fn set_enabled(view: &View<'_>, jid: &BareJid, enabled: bool) -> Result<Proposal, Stop> {
    let state = if enabled {
        AccountState::Enabled
    } else {
        AccountState::Disabled
    };
    let Some(proposal) = changed(view, jid, |row| row.state = state)? else {
        return Ok(Proposal::nothing());
    };
    if enabled {
        return Ok(proposal);
    }
    Ok(
        without_tokens(proposal, jid, view.account(jid)?).soft(Soft::Kick {
            account: jid.clone(),
            whom: Kicked::All,
            why: KickReason::NotAuthorized,
        }),
    )
}

pub(crate) fn delete(view: &View<'_>, jid: &BareJid, whom: Kicked) -> Result<Proposal, Stop> {
    let delete = |row: &mut AccountRow| row.state = AccountState::Deleted;
    let Some(mut proposal) = changed(view, jid, delete)? else {
        return Ok(Proposal::nothing());
    };
    let record = RecordKey::Account { jid: jid.clone() };
    proposal.ops.extend(roster::farewell_ops(view, jid)?);
    for record in pubsub::leaves(view.account(jid)?, jid) {
        proposal = proposal.durable(Durable::Sweep { record });
    }
    Ok(proposal
        .durable(Durable::Sweep { record })
        .soft(Soft::Kick {
            account: jid.clone(),
            whom,
            why: KickReason::NotAuthorized,
        }))
}

/// Whether the account may administer the server.
pub(crate) fn set_admin(view: &View<'_>, jid: &BareJid, admin: bool) -> Result<Proposal, Stop> {
    let change = changed(view, jid, |row| row.admin = admin)?;
    Ok(change.unwrap_or_default())
}

/// The account's row with a change; `None`: there is no account.
fn changed(
    view: &View<'_>,
    jid: &BareJid,
    change: impl FnOnce(&mut AccountRow),
) -> Result<Option<Proposal>, Stop> {
    let account = view.account(jid)?;
    let Some(mut row) = account.row().filter(|_| account.exists()) else {
        return Ok(None);
    };
    change(&mut row);
    let record = RecordKey::Account { jid: jid.clone() };
    Ok(Some(
        Proposal::nothing()
            .guarded(view.guard(record.clone(), RowName::Account))
            .row(record, RowName::Account, Some(Row::Account { row })),
    ))
}

/// What devices were given before lets nobody in any more (XEP-0484 section 6.1).
fn without_tokens(proposal: Proposal, jid: &BareJid, account: &Account) -> Proposal {
    let record = RecordKey::Account { jid: jid.clone() };
    let names = account.tokens().map(|(name, _)| name.clone());
    names.fold(proposal, |proposal, name| {
        proposal.row(record.clone(), name, None)
    })
}

/// The keys of a password; evaluation stops until they are computed.
fn derived(view: &View<'_>, password: &Secret) -> Result<Arc<Credentials>, Stop> {
    if view.facts.is_unusable {
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    view.facts.derived.clone().ok_or_else(|| Stop::Need {
        need: Need::Derive {
            password: password.clone(),
        },
    })
}
