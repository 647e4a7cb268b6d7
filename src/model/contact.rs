//! A contact: a roster item and the state of the two subscriptions (RFC 6121 sections 2 and 3).

use std::sync::Arc;

use crate::model::codec::coded;

/// What one user knows of another. The two directions are registers of their own, so that every
/// merge of two branches is one of the nine states of RFC 6121 Appendix A.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Contact {
    /// Whether it stands in the roster; a contact that only asked does not ("None + Pending In").
    pub(crate) listed: bool,
    pub(crate) name: Option<Box<str>>,
    pub(crate) groups: Vec<Box<str>>,
    /// May the user see the contact's presence?
    pub(crate) out: Outward,
    /// May the contact see the user's presence?
    pub(crate) inward: Inward,
}

coded!(struct Contact { listed, name, groups, out, inward });

/// The user's subscription to the contact.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Outward {
    #[default]
    Without,
    /// Asked, not answered ("Pending Out").
    Asked,
    To,
}

coded!(enum Outward { 0 => Without, 1 => Asked, 2 => To });

/// The contact's subscription to the user.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Inward {
    #[default]
    Without,
    /// The contact asked; the request is shown again at each login (RFC 6121 section 3.1.3).
    Asked {
        payload: Arc<[u8]>,
    },
    /// Approved before it was asked (RFC 6121 section 3.4).
    Approved,
    From,
}

coded!(enum Inward { 0 => Without, 1 => Asked { payload }, 2 => Approved, 3 => From });

impl Contact {
    /// Whether nothing is known of the contact, so that no row is needed.
    pub(crate) fn is_blank(&self) -> bool {
        !self.listed && self.out == Outward::Without && self.inward == Inward::Without
    }

    /// Whether the contact may see the user's presence.
    pub(crate) fn may_see(&self) -> bool {
        self.inward == Inward::From
    }

    /// The attribute `subscription` (RFC 6121 section 2.1.2.5).
    pub(crate) fn subscription(&self) -> &'static str {
        match (self.out == Outward::To, self.may_see()) {
            (false, false) => "none",
            (true, false) => "to",
            (false, true) => "from",
            (true, true) => "both",
        }
    }

    /// Whether both look alike to the user's clients, which do not see a waiting request.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        let is_approved = |contact: &Self| contact.inward == Inward::Approved;
        self.listed == other.listed
            && self.name == other.name
            && self.groups == other.groups
            && self.out == other.out
            && self.may_see() == other.may_see()
            && is_approved(self) == is_approved(other)
    }
}
