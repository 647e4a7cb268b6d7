//! Somebody looks on: what streams carry, in clear, as it goes by.

use crate::core::session::LinkId;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Direction {
    FromClient,
    ToClient,
}

/// For `meerkat dev`: a server that is for real has none.
pub(crate) trait Tap {
    /// Some bytes of a stream, cut anywhere.
    fn see(&self, link: LinkId, direction: Direction, bytes: &[u8]);

    /// Nothing follows.
    fn end(&self, link: LinkId);
}
