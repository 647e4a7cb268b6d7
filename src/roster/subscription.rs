//! The state tables of subscriptions (RFC 6121 Appendix A): pure functions from row to row.
//!
//! A row has two registers: what the user asked of the contact (`out`) and what the contact may see
//! of the user (`inward`). Their combinations are the nine states of the appendix, and approval in
//! advance (section 3.4). The sender's row goes through [`send`], the receiver's through [`receive`].

use std::sync::Arc;

use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::stanza::PresenceType;

/// What a presence stanza about a subscription says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
}

/// What sending a change does to the sender's row.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Sent {
    pub(crate) row: Contact,
    /// Whether the contact's server gets to see it.
    pub(crate) is_routed: bool,
}

/// What receiving a change does to the receiver's row.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Received {
    pub(crate) row: Contact,
    /// Whether the user's clients get to see it.
    pub(crate) is_delivered: bool,
    /// Whether the server answers `subscribed` in the user's name, having the user's word already.
    pub(crate) is_approved: bool,
}

impl Change {
    pub(crate) fn of(kind: PresenceType) -> Option<Self> {
        match kind {
            PresenceType::Subscribe => Some(Self::Subscribe),
            PresenceType::Subscribed => Some(Self::Subscribed),
            PresenceType::Unsubscribe => Some(Self::Unsubscribe),
            PresenceType::Unsubscribed => Some(Self::Unsubscribed),
            PresenceType::Available
            | PresenceType::Unavailable
            | PresenceType::Probe
            | PresenceType::Error => None,
        }
    }

    pub(crate) fn kind(self) -> PresenceType {
        match self {
            Self::Subscribe => PresenceType::Subscribe,
            Self::Subscribed => PresenceType::Subscribed,
            Self::Unsubscribe => PresenceType::Unsubscribe,
            Self::Unsubscribed => PresenceType::Unsubscribed,
        }
    }
}

/// RFC 6121 Appendix A.2: outbound.
pub(crate) fn send(change: Change, before: &Contact) -> Sent {
    let mut row = before.clone();
    let is_routed = match (change, &before.inward) {
        (Change::Subscribe, _) => {
            row.listed = true;
            if row.out == Outward::Without {
                row.out = Outward::Asked;
            }
            true
        }
        (Change::Unsubscribe, _) => {
            row.out = Outward::Without;
            true
        }
        (Change::Subscribed, Inward::Asked { .. }) => {
            row.listed = true;
            row.inward = Inward::From;
            true
        }
        // Section 3.4.2: approval in advance is noted and not told.
        (Change::Subscribed, Inward::Without) => {
            row.listed = true;
            row.inward = Inward::Approved;
            false
        }
        (Change::Unsubscribed, Inward::Asked { .. } | Inward::From) => {
            row.inward = Inward::Without;
            true
        }
        (Change::Unsubscribed, Inward::Approved) => {
            row.inward = Inward::Without;
            false
        }
        (Change::Subscribed, Inward::Approved | Inward::From)
        | (Change::Unsubscribed, Inward::Without) => false,
    };
    Sent { row, is_routed }
}

/// RFC 6121 Appendix A.3: inbound. `payload`: what a request says, to be shown at later logins.
pub(crate) fn receive(change: Change, before: &Contact, payload: &Arc<[u8]>) -> Received {
    let mut row = before.clone();
    let mut is_approved = false;
    let is_delivered = match (change, &before.inward, before.out) {
        (Change::Subscribe, Inward::Without, _) => {
            row.inward = Inward::Asked {
                payload: Arc::clone(payload),
            };
            true
        }
        (Change::Subscribe, Inward::Approved | Inward::From, _) => {
            row.inward = Inward::From;
            is_approved = true;
            false
        }
        (Change::Unsubscribe, Inward::Asked { .. } | Inward::From, _) => {
            row.inward = Inward::Without;
            true
        }
        (Change::Subscribed, _, Outward::Asked) => {
            row.out = Outward::To;
            true
        }
        (Change::Unsubscribed, _, Outward::Asked | Outward::To) => {
            row.out = Outward::Without;
            true
        }
        (Change::Subscribe, Inward::Asked { .. }, _)
        | (Change::Unsubscribe, Inward::Without | Inward::Approved, _)
        | (Change::Subscribed, _, Outward::Without | Outward::To)
        | (Change::Unsubscribed, _, Outward::Without) => false,
    };
    Received {
        row,
        is_delivered,
        is_approved,
    }
}
