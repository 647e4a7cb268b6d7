//! Refusals with their pubsub-specific conditions (XEP-0060 section 16.5).

use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;

/// A condition with the detail that the clause names.
pub(super) fn refused(condition: Condition, detail: &'static str) -> StanzaError {
    StanzaError::new(condition).with_detail(detail, ns::PUBSUB_ERRORS)
}

/// `feature`: as it would be announced (section 11).
pub(super) fn unsupported(feature: &'static str) -> StanzaError {
    StanzaError {
        feature: Some(feature),
        ..refused(Condition::FeatureNotImplemented, "unsupported")
    }
}

pub(super) fn not_found() -> StanzaError {
    StanzaError::new(Condition::ItemNotFound)
}

pub(super) fn forbidden() -> StanzaError {
    StanzaError::new(Condition::Forbidden)
}

pub(super) fn bad_request() -> StanzaError {
    StanzaError::new(Condition::BadRequest)
}

/// A limit of the server, in words.
pub(super) fn full(text: &'static str) -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint).with_text(text)
}
