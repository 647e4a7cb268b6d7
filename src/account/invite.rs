//! Making invitations, and accounts with them (XEP-0401, XEP-0445).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::mobile_limits::INVITE_GRACE_MS;
use crate::base::mobile_limits::INVITES_MAX;
use crate::base::mobile_limits::INVITES_PER_USER_MAX;
use crate::base::percent;
use crate::effect::invite;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::invite::Invite;
use crate::model::op::Durable;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// A new invitation with this word. What is long over goes.
pub(crate) fn create(view: &View<'_>, token: &str, wanted: &Invite) -> Result<Proposal, Stop> {
    if wanted.may_register && !view.settings.invites.may_register {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    if let Some(name) = &wanted.name {
        let jid = BareJid::from_parts(Some(name), &view.settings.domain)
            .map_err(|_| StanzaError::new(Condition::JidMalformed))?;
        if view.account(&jid)?.exists() || is_reserved(view, name, None)? {
            return Err(StanzaError::new(Condition::Conflict).into());
        }
    }
    let is_over = |one: &Invite| one.expires.plus_ms(INVITE_GRACE_MS) < view.now();
    let (mut count, mut own) = (0_usize, 0_usize);
    let mut proposal = Proposal::nothing();
    for (name, one) in invite::all(view)? {
        if is_over(one) {
            proposal = proposal.row(RecordKey::Node, name.clone(), None);
            // An entry has room for 255 changes.
            if proposal.ops.len() > 100 {
                break;
            }
        } else {
            count += 1;
            own += usize::from(one.by.is_some() && one.by == wanted.by);
        }
    }
    let is_admin = wanted.by.as_ref().is_none_or(|by| view.is_admin(by));
    if count >= INVITES_MAX || (own >= INVITES_PER_USER_MAX && !is_admin) {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    let is_ours = |name: &RowName| matches!(name, RowName::Invite { .. });
    let names = view.node()?.too_old(is_ours);
    if !names.is_empty() {
        let record = RecordKey::Node;
        proposal = proposal.durable(Durable::Forget { record, names });
    }
    let row = Row::Invite {
        invite: Arc::new(wanted.clone()),
    };
    Ok(proposal.row(RecordKey::Node, invite::name_of(token), Some(row)))
}

/// XEP-0445 section 4: whether a stranger may go on with this word; here alone its time is looked at.
pub(super) fn check(view: &View<'_>, token: &str, registers: bool) -> Result<Proposal, Stop> {
    let found = invite::find_valid(view, token)?;
    let is_closed = !view.settings.invites.may_register;
    if found.is_none_or(|invite| registers && (is_closed || !invite.may_register)) {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    }
    Ok(Proposal::nothing())
}

/// XEP-0445 section 5: a name that an invitation is for is nobody else's until that is over.
pub(super) fn is_reserved(view: &View<'_>, name: &str, token: Option<&str>) -> Result<bool, Stop> {
    let own = token.map(invite::name_of);
    let mut all = invite::all(view)?;
    Ok(all.any(|(row, invite)| {
        invite.name.as_deref() == Some(name)
            && invite.expires > view.now()
            && Some(row) != own.as_ref()
    }))
}

/// The account is made with the word: that is used, and who invited is a contact (XEP-0401 section 5.4).
pub(super) fn redeem(
    view: &View<'_>,
    token: &str,
    invite: &Invite,
    jid: &BareJid,
) -> Result<Proposal, Stop> {
    let spent = invite::spend(view, token);
    let Some(by) = &invite.by else {
        return Ok(spent);
    };
    let inviter = view.account(by)?;
    let others = inviter
        .contacts()
        .filter(|(other, one, _)| one.listed && *other != jid);
    if !inviter.exists() || others.count() >= view.settings.limits.roster_items_max {
        return Ok(spent);
    }
    let contact = Row::Contact {
        contact: Arc::new(Contact {
            listed: true,
            out: Outward::To,
            inward: Inward::From,
            ..Contact::default()
        }),
    };
    let pair = [(by, jid), (jid, by)];
    Ok(pair.iter().fold(spent, |proposal, (own, other)| {
        let record = RecordKey::Account {
            jid: (*own).clone(),
        };
        let name = RowName::Contact {
            jid: (*other).clone(),
        };
        proposal
            .guarded(view.guard(record.clone(), RowName::Account))
            .row(record, name, Some(contact.clone()))
    }))
}

/// What a client makes of it (XEP-0401 section 5.1, XEP-0445 section 2).
pub(crate) fn uri(domain: &str, token: &str, invite: &Invite) -> String {
    match (&invite.by, &invite.name) {
        (Some(by), None) if invite.may_register => {
            format!("xmpp:{}?roster;preauth={token};ibr=y", escaped(by.as_str()))
        }
        (Some(by), None) => format!("xmpp:{}?roster;preauth={token}", escaped(by.as_str())),
        (_, Some(name)) => {
            format!("xmpp:{}@{domain}?register;preauth={token}", escaped(name))
        }
        (None, None) => format!("xmpp:{domain}?register;preauth={token}"),
    }
}

/// RFC 5122 section 2.2: what is not for an address as it stands is percent-encoded.
fn escaped(address: &str) -> String {
    percent::encode_but(address, b"@!$'()*+,")
}
