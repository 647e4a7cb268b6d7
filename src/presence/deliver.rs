//! Who gets to see whose presence.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::Online;
use crate::model::account::Present;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

pub(crate) fn deliver(view: &View<'_>, _at: At, op: &Soft, sends: &mut Sends) {
    match op {
        Soft::Presence {
            jid,
            presence: Some(here),
            said,
        } => {
            let Some((account, online)) = session(view, jid) else {
                return;
            };
            broadcast(view, account, online, said, sends);
            if online.presence.is_none() {
                welcome(view, account, online, sends);
            }
            let was_here = online
                .presence
                .as_ref()
                .is_some_and(|was| was.priority >= 0);
            if here.priority >= 0 && !was_here {
                sends.replay(online.session);
            }
        }
        Soft::Presence {
            jid,
            presence: None,
            said,
        } => {
            let Some((account, online)) = session(view, jid) else {
                return;
            };
            if online.presence.is_some() {
                broadcast(view, account, online, said, sends);
            }
            take_back(view, account, online, said, sends);
        }
        Soft::Unbind {
            jid,
            session: ended,
            status,
        } => {
            let found = session(view, jid).filter(|(_, online)| online.session == *ended);
            let Some((account, online)) = found else {
                return;
            };
            let said = Arc::new(unavailable(jid, status.as_ref()));
            if online.presence.is_some() {
                broadcast(view, account, online, &said, sends);
            }
            take_back(view, account, online, &said, sends);
        }
        Soft::Directed { jid, to, said, .. } => {
            if let Some(account) = view.resident_account(&to.to_bare())
                && (jid.bare() == to.to_bare() || !account.blocks(jid.as_jid()))
            {
                to_address(account, to, said, sends, |_| true);
            }
        }
        _ => {}
    }
}

/// Who may see somebody's presence changes with the row that says so.
pub(crate) fn deliver_row(
    view: &View<'_>,
    (record, name, row): (&RecordKey, &RowName, Option<&Row>),
    sends: &mut Sends,
) {
    let (RecordKey::Account { jid: own }, RowName::Contact { jid }) = (record, name) else {
        return;
    };
    let Some(account) = view.resident_account(own) else {
        return;
    };
    let could_see = account.contact(jid).is_some_and(Contact::may_see);
    let may_see = matches!(row, Some(Row::Contact { contact }) if contact.may_see());
    match (could_see, may_see) {
        // RFC 6121 section 3.1.5.
        (false, true) => show(view, own, jid, sends),
        // RFC 6121 sections 3.2.2 and 3.3.3.
        (true, false) => hide(view, own, jid, sends),
        (true, true) | (false, false) => {}
    }
}

/// The presence of all resources of `own`, for all of `other`'s.
fn show(view: &View<'_>, own: &BareJid, other: &BareJid, sends: &mut Sends) {
    pass(view, (own, other), sends, |_, here| {
        Arc::clone(&here.stanza)
    });
}

/// To `other`'s resources, all of `own` become unavailable.
fn hide(view: &View<'_>, own: &BareJid, other: &BareJid, sends: &mut Sends) {
    pass(view, (own, other), sends, |online, _| {
        Arc::new(unavailable(&online.jid, None))
    });
}

fn pass(
    view: &View<'_>,
    (own, other): (&BareJid, &BareJid),
    sends: &mut Sends,
    stanza: impl Fn(&Online, &Present) -> Arc<Outgoing>,
) {
    let accounts = view.resident_account(own).zip(view.resident_account(other));
    let Some((account, reader)) = accounts else {
        return;
    };
    if is_silent((own, account), (other, reader)) {
        return;
    }
    for (online, here) in account.available() {
        let stanza = stanza(online, here);
        for (to, _) in reader.available() {
            sends.stanza(to.session, &stanza);
        }
    }
}

/// Sections 4.2.2, 4.4.2 and 4.5.2: to all who may see it, and to the user's own resources, the
/// one that it is about among them.
fn broadcast(
    view: &View<'_>,
    account: &Account,
    online: &Online,
    said: &Arc<Outgoing>,
    sends: &mut Sends,
) {
    let own = online.jid.bare();
    for (jid, contact, _) in account.contacts() {
        if !contact.may_see() {
            continue;
        }
        // Section 4.4.3: and the other side has to know of it.
        if let Some(reader) = view.resident_account(jid)
            && reader
                .contact(&own)
                .is_some_and(|row| row.out == Outward::To)
            && !is_silent((&own, account), (jid, reader))
        {
            for (to, _) in reader.available() {
                sends.stanza(to.session, said);
            }
        }
    }
    sends.stanza(online.session, said);
    let others = account.available();
    for (other, _) in others.filter(|(other, _)| other.session != online.session) {
        sends.stanza(other.session, said);
    }
}

/// What a resource sees first: who is there (sections 4.2.2 and 4.3, the probes of a server that has
/// both sides at hand), and who waits for an answer (section 3.1.3).
fn welcome(view: &View<'_>, account: &Account, online: &Online, sends: &mut Sends) {
    let own = online.jid.bare();
    for (other, here) in account.available() {
        if other.session != online.session {
            sends.stanza(online.session, &here.stanza);
        }
    }
    for (jid, contact, _) in account.contacts() {
        if contact.out == Outward::To
            && let Some(seen) = view.resident_account(jid)
            && seen.contact(&own).is_some_and(Contact::may_see)
            && !is_silent((jid, seen), (&own, account))
        {
            for (_, here) in seen.available() {
                sends.stanza(online.session, &here.stanza);
            }
        }
        if let Inward::Asked { payload } = &contact.inward
            && !account.blocks(&jid.to_jid())
        {
            let request = Outgoing {
                kind: Kind::Presence(PresenceType::Subscribe),
                from: jid.to_jid(),
                to: Some(own.to_jid()),
                id: None,
                lang: None,
                payload: Arc::clone(payload),
            };
            sends.stanza(online.session, &Arc::new(request));
        }
    }
}

/// Section 4.6.4 and 4.6.5: whom it said that it is here learns that it is not, once.
fn take_back(
    view: &View<'_>,
    account: &Account,
    online: &Online,
    said: &Arc<Outgoing>,
    sends: &mut Sends,
) {
    let own = online.jid.bare();
    let was_available = online.presence.is_some();
    for to in &online.directed {
        let other = to.to_bare();
        let Some(reader) = view.resident_account(&other) else {
            continue;
        };
        if other != own && is_silent((&own, account), (&other, reader)) {
            continue;
        }
        let sees_all = other == own || account.contact(&other).is_some_and(Contact::may_see);
        to_address(reader, to, said, sends, |one| {
            let is_told = was_available && sees_all && one.presence.is_some();
            one.session != online.session && !is_told
        });
    }
}

/// Section 8.5: to the resource that has the address, or to all available ones of a bare one.
fn to_address(
    account: &Account,
    to: &Jid,
    said: &Arc<Outgoing>,
    sends: &mut Sends,
    is_wanted: impl Fn(&Online) -> bool,
) {
    let resources = account.online.values().filter(|one| match to.resource() {
        Some(resource) => one.jid.resource() == resource,
        None => one.presence.is_some(),
    });
    for one in resources.filter(|one| is_wanted(one)) {
        sends.stanza(one.session, said);
    }
}

/// XEP-0191 section 3: neither sees the other while one of them blocks.
fn is_silent((own, account): (&BareJid, &Account), (other, reader): (&BareJid, &Account)) -> bool {
    account.blocks(&other.to_jid()) || reader.blocks(&own.to_jid())
}

fn session<'a>(view: &View<'a>, jid: &FullJid) -> Option<(&'a Account, &'a Online)> {
    let account = view.resident_account(&jid.bare())?;
    Some((account, account.online.get(jid.resource())?))
}

fn unavailable(jid: &FullJid, status: Option<&Arc<[u8]>>) -> Outgoing {
    Outgoing {
        kind: Kind::Presence(PresenceType::Unavailable),
        from: jid.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: status.map_or_else(Arc::default, Arc::clone),
    }
}
