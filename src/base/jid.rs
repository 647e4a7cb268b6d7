//! Addresses (RFC 7622): parsed and prepared once, compared as bytes ever after.
//!
//! One shared text `local@domain/resource` with the ends of its parts. A bare address of a full one, and
//! back from bare to [`Jid`], shares that text: no allocation. Ordering and equality are those of the text.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::base::limits::JID_BYTES_MAX;
use crate::base::limits::JID_PART_BYTES_MAX;
use crate::base::prep;

/// An address with or without local part and resource.
#[derive(Clone)]
pub(crate) struct Jid {
    text: Arc<str>,
    /// Where the local part ends (the place of `@`); 0 if there is none.
    local_end: u16,
    /// Where the domain ends (the place of `/`, or the end).
    domain_end: u16,
}

/// An address without resource: an account, a room, or a server.
///
/// It may share the text of a full address and then keeps that text alive; see [`BareJid::to_compact`].
#[derive(Clone)]
pub(crate) struct BareJid {
    text: Arc<str>,
    local_end: u16,
    domain_end: u16,
}

/// An address with a resource: a session, or an occupant of a room.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct FullJid(Jid);

/// Why a text is not an address. The peer's fault: `jid-malformed`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JidError {
    /// The local part is empty or holds what it must not.
    Local,
    /// The domain is neither a host name nor an IP address.
    Domain,
    /// The resource is empty or holds what it must not.
    Resource,
    /// A part is longer than 1,023 bytes.
    TooLong,
    /// A full address was needed and there is no resource, or a bare one and there is a resource.
    Shape,
}

impl Jid {
    /// RFC 7622 section 3.1: the resource begins at the first `/`; only then is `@` looked for.
    pub(crate) fn parse(text: &str) -> Result<Self, JidError> {
        if let Some(jid) = Self::parse_prepared(text) {
            return Ok(jid);
        }
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        Self::from_parts(local, domain, resource)
    }

    /// Prepares and joins the parts.
    pub(crate) fn from_parts(
        local: Option<&str>,
        domain: &str,
        resource: Option<&str>,
    ) -> Result<Self, JidError> {
        let local = local.map(prep::local).transpose()?;
        let domain = prep::domain(domain)?;
        let resource = resource.map(prep::resource).transpose()?;
        let mut text = String::with_capacity(
            local.as_ref().map_or(0, |part| part.len() + 1)
                + domain.len()
                + resource.as_ref().map_or(0, |part| part.len() + 1),
        );
        if let Some(local) = &local {
            text.push_str(local);
            text.push('@');
        }
        text.push_str(&domain);
        let domain_end = text.len();
        if let Some(resource) = &resource {
            text.push('/');
            text.push_str(resource);
        }
        let local_end = local.map_or(0, |part| part.len());
        Self::assemble(&text, local_end, domain_end)
    }

    /// The common case: ASCII that preparation would not change. One look at each byte, one allocation.
    fn parse_prepared(text: &str) -> Option<Self> {
        if text.len() > JID_BYTES_MAX {
            return None;
        }
        let slash = memchr::memchr(b'/', text.as_bytes());
        let domain_end = slash.unwrap_or(text.len());
        let bare = text.get(..domain_end)?;
        let local_end = memchr::memchr(b'@', bare.as_bytes());
        let domain = bare.get(local_end.map_or(0, |end| end + 1)..)?;
        if let Some(end) = local_end {
            let local = bare.get(..end)?.as_bytes();
            let is_prepared = (1..=JID_PART_BYTES_MAX).contains(&local.len())
                && local.iter().all(|&byte| prep::is_local_byte(byte));
            is_prepared.then_some(())?;
        }
        let is_prepared =
            domain.len() <= JID_PART_BYTES_MAX && prep::is_ascii_domain(domain.as_bytes());
        is_prepared.then_some(())?;
        if let Some(slash) = slash {
            let resource = text.get(slash + 1..)?.as_bytes();
            let is_prepared = (1..=JID_PART_BYTES_MAX).contains(&resource.len())
                && resource.iter().all(|byte| matches!(byte, b' '..=b'~'));
            is_prepared.then_some(())?;
        }
        Self::assemble(text, local_end.unwrap_or(0), domain_end).ok()
    }

    fn assemble(text: &str, local_end: usize, domain_end: usize) -> Result<Self, JidError> {
        Ok(Self {
            text: text.into(),
            local_end: u16::try_from(local_end).map_err(|_| JidError::TooLong)?,
            domain_end: u16::try_from(domain_end).map_err(|_| JidError::TooLong)?,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn local(&self) -> Option<&str> {
        local_of(&self.text, self.local_end)
    }

    pub(crate) fn domain(&self) -> &str {
        domain_of(&self.text, self.local_end, self.domain_end)
    }

    pub(crate) fn resource(&self) -> Option<&str> {
        self.text.get(usize::from(self.domain_end) + 1..)
    }

    pub(crate) fn is_bare(&self) -> bool {
        self.resource().is_none()
    }

    /// Without the resource; shares the text.
    pub(crate) fn to_bare(&self) -> BareJid {
        BareJid {
            text: Arc::clone(&self.text),
            local_end: self.local_end,
            domain_end: self.domain_end,
        }
    }

    /// The same address, if it has a resource; shares the text.
    pub(crate) fn to_full(&self) -> Option<FullJid> {
        (!self.is_bare()).then(|| FullJid(self.clone()))
    }

    /// The text without the resource, for comparing and looking up.
    pub(crate) fn bare_str(&self) -> &str {
        self.text
            .get(..usize::from(self.domain_end))
            .unwrap_or_default()
    }
}

impl BareJid {
    /// Parses an address that must not have a resource.
    pub(crate) fn parse(text: &str) -> Result<Self, JidError> {
        let jid = Jid::parse(text)?;
        if jid.is_bare() {
            Ok(jid.to_bare())
        } else {
            Err(JidError::Shape)
        }
    }

    pub(crate) fn from_parts(local: Option<&str>, domain: &str) -> Result<Self, JidError> {
        Ok(Jid::from_parts(local, domain, None)?.to_bare())
    }

    pub(crate) fn as_str(&self) -> &str {
        self.text
            .get(..usize::from(self.domain_end))
            .unwrap_or_default()
    }

    pub(crate) fn local(&self) -> Option<&str> {
        local_of(&self.text, self.local_end)
    }

    pub(crate) fn domain(&self) -> &str {
        domain_of(&self.text, self.local_end, self.domain_end)
    }

    /// Adds a resource, prepared on the way.
    pub(crate) fn with_resource(&self, resource: &str) -> Result<FullJid, JidError> {
        let resource = prep::resource(resource)?;
        let text = [self.as_str(), "/", &resource].concat();
        Ok(FullJid(Jid {
            text: text.into(),
            local_end: self.local_end,
            domain_end: self.domain_end,
        }))
    }

    /// The same address as [`Jid`]; allocates only if the shared text has a resource.
    pub(crate) fn to_jid(&self) -> Jid {
        let compact = self.to_compact();
        Jid {
            text: compact.text,
            local_end: compact.local_end,
            domain_end: compact.domain_end,
        }
    }

    /// The same address with a text of its own, for keeping: a short name must not hold a long text.
    pub(crate) fn to_compact(&self) -> Self {
        let text = if self.text.len() == usize::from(self.domain_end) {
            Arc::clone(&self.text)
        } else {
            self.as_str().into()
        };
        Self {
            text,
            local_end: self.local_end,
            domain_end: self.domain_end,
        }
    }
}

impl FullJid {
    /// Parses an address that must have a resource.
    pub(crate) fn parse(text: &str) -> Result<Self, JidError> {
        let jid = Jid::parse(text)?;
        if jid.is_bare() {
            Err(JidError::Shape)
        } else {
            Ok(Self(jid))
        }
    }

    /// Without the resource; shares the text.
    pub(crate) fn bare(&self) -> BareJid {
        self.0.to_bare()
    }

    pub(crate) fn bare_str(&self) -> &str {
        self.0.bare_str()
    }

    pub(crate) fn resource(&self) -> &str {
        self.0.resource().unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn as_jid(&self) -> &Jid {
        &self.0
    }

    pub(crate) fn to_jid(&self) -> Jid {
        self.0.clone()
    }
}

fn local_of(text: &str, local_end: u16) -> Option<&str> {
    (local_end > 0).then(|| text.get(..usize::from(local_end)).unwrap_or_default())
}

fn domain_of(text: &str, local_end: u16, domain_end: u16) -> &str {
    let start = if local_end == 0 {
        0
    } else {
        usize::from(local_end) + 1
    };
    text.get(start..usize::from(domain_end)).unwrap_or_default()
}

impl From<BareJid> for Jid {
    fn from(jid: BareJid) -> Self {
        jid.to_jid()
    }
}

impl From<FullJid> for Jid {
    fn from(jid: FullJid) -> Self {
        jid.0
    }
}

impl fmt::Display for JidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => {
                "the part before @ is empty or has a character that is not allowed there"
            }
            Self::Domain => "the domain is neither a host name nor an IP address",
            Self::Resource => {
                "the part after / is empty or has a character that is not allowed there"
            }
            Self::TooLong => "a part is longer than 1023 bytes",
            Self::Shape => "the part after / is missing, or must not be there",
        })
    }
}

/// Compared, ordered, printed and looked up (`Borrow<str>`) as its text.
macro_rules! compare_as_text {
    ($($type:ty),*) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $type {}

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
    )*};
}

macro_rules! show_as_text {
    ($($type:ty),*) => {$(
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

compare_as_text!(Jid, BareJid);
show_as_text!(Jid, BareJid, FullJid);

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Option<Jid>>() == 24 && size_of::<Option<BareJid>>() == 24);
