//! What could not be delivered goes back, where the sender has to know.

use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::outgoing::Outgoing;

/// The error for a stanza that `reader` was to get and did not take: requests are answered (RFC 6120
/// section 8.2.3), all else is dropped (kept messages are not lost: they are in the archive).
pub(crate) fn undelivered(stanza: &Outgoing, reader: &FullJid) -> Option<(Jid, Outgoing)> {
    matches!(stanza.kind, Kind::Iq(IqType::Get | IqType::Set)).then(|| {
        let error = StanzaError::new(Condition::ServiceUnavailable);
        let from = stanza.to.clone().unwrap_or_else(|| reader.to_jid());
        let bounce = Outgoing {
            kind: Kind::Iq(IqType::Error),
            from,
            to: Some(stanza.from.clone()),
            id: stanza.id.clone(),
            lang: None,
            payload: error.to_payload().into(),
        };
        (stanza.from.clone(), bounce)
    })
}
