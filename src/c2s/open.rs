//! The stream header: whom the client wants to talk to, and in which language (RFC 6120 section 4.7).

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::LANGUAGE_BYTES_MAX;
use crate::base::limits::LOGIN_ATTEMPTS_MAX;
use crate::base::secret::Secret;
use crate::c2s::Failure;
use crate::c2s::TlsFacts;
use crate::c2s::bind::Bind;
use crate::c2s::negotiate::Negotiate;
use crate::c2s::state::State;
use crate::c2s::wire::Framing;
use crate::c2s::wire::Wire;
use crate::sasl::ChannelBindings;
use crate::stanza::ns;
use crate::xml::StreamHeader;

/// A stream header is awaited: the first one, or one after TLS or a login.
pub(crate) struct Open {
    pub(crate) stage: Stage,
}

/// What the connection has come to before this header.
pub(crate) enum Stage {
    Stranger(Stranger),
    /// Authenticated as this account.
    Known(BareJid),
}

/// A client that has not proved who it is.
pub(crate) struct Stranger {
    pub(crate) tls: Option<TlsFacts>,
    pub(crate) attempts_left: u8,
    /// The word of an invitation, found good (XEP-0445).
    pub(crate) token: Option<Secret>,
}

impl Stranger {
    pub(crate) const fn new(tls: Option<TlsFacts>) -> Self {
        Self {
            tls,
            attempts_left: LOGIN_ATTEMPTS_MAX,
            token: None,
        }
    }

    pub(crate) fn bindings(&self) -> ChannelBindings {
        let facts = self.tls.as_ref();
        facts
            .map(|facts| facts.bindings.clone())
            .unwrap_or_default()
    }
}

impl Open {
    pub(crate) fn handle_header(
        self,
        header: &StreamHeader,
        wire: &mut Wire,
    ) -> Result<State, Failure> {
        let from = check_from(header, &wire.settings.domain);
        // Our header goes out whatever follows; errors live inside a stream (section 4.9.1.2).
        let to = from.as_ref().ok().and_then(Option::as_ref);
        wire.write_header(to.map(BareJid::as_str));
        check_root(header, wire.framing)?;
        check_header(header, &wire.settings.domain)?;
        wire.lang = parse_lang(header);
        Ok(match self.stage {
            Stage::Stranger(stranger) => Negotiate::begin(stranger, from?, wire),
            Stage::Known(account) => Bind::begin(account, wire),
        })
    }
}

/// RFC 6120 section 4.8.1, RFC 7395 section 3.3.2.
fn check_root(header: &StreamHeader, framing: Framing) -> Result<(), Failure> {
    let root = header.root();
    let (name, namespace) = match framing {
        Framing::Stream => ("stream", ns::STREAM),
        Framing::Messages => ("open", ns::FRAMING),
    };
    if root.ns() != namespace || header.default_namespace() != ns::CLIENT {
        return Err(Failure::PeerNamespace);
    }
    if root.name() != name {
        return Err(Failure::PeerFormat);
    }
    Ok(())
}

/// RFC 6120 sections 4.7.5, 4.8 and 4.9.3, in the order in which they make each other pointless.
fn check_header(header: &StreamHeader, domain: &BareJid) -> Result<(), Failure> {
    let root = header.root();
    let to = root.attr("to").ok_or(Failure::PeerAddress)?;
    if BareJid::parse(&to).as_ref() != Ok(domain) {
        return Err(Failure::PeerHost);
    }
    // No version means 0.9, before there were features (section 4.7.5).
    let version = root.attr("version").ok_or(Failure::PeerVersion)?;
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major == 0) {
        return Err(Failure::PeerVersion);
    }
    Ok(())
}

/// The default language of the client's stanzas; what is not a tag of one is as good as none.
fn parse_lang(header: &StreamHeader) -> Option<Box<str>> {
    let lang = header.root().lang()?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_tag = (1..=LANGUAGE_BYTES_MAX).contains(&lang.len()) && lang.bytes().all(is_allowed);
    is_tag.then(|| lang.into())
}

/// Who the client says it is: at most a hint, but it may not be nonsense.
///
/// XEP-0388 section 2.1: an account of another domain cannot log in here.
fn check_from(header: &StreamHeader, domain: &BareJid) -> Result<Option<BareJid>, Failure> {
    let Some(from) = header.root().attr("from") else {
        return Ok(None);
    };
    let from = Jid::parse(&from).map_err(|_| Failure::PeerFrom)?.to_bare();
    if from.domain() != domain.domain() {
        return Err(Failure::PeerFrom);
    }
    Ok(Some(from))
}
