//! The vocabulary of XMPP, typed; no behaviour.

pub(crate) mod command;
pub(crate) mod delay;
mod envelope;
mod error;
pub(crate) mod form;
pub(crate) mod ids;
pub(crate) mod ns;
pub(crate) mod outgoing;
pub(crate) mod rsm;
mod stream_error;
pub(crate) mod words;

pub(crate) use envelope::IqType;
pub(crate) use envelope::Kind;
pub(crate) use envelope::MessageType;
pub(crate) use envelope::PresenceType;
pub(crate) use envelope::Stanza;
pub(crate) use error::Condition;
pub(crate) use error::ErrorType;
pub(crate) use error::StanzaError;
pub(crate) use stream_error::StreamCondition;
pub(crate) use stream_error::StreamError;

#[cfg(test)]
mod tests;
