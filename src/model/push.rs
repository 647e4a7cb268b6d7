//! A service that is told when something waits for a user (XEP-0357).

use std::sync::Arc;

use crate::base::time::Timestamp;
use crate::model::codec::coded;

/// What a client has asked for; the service and its node are the row's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PushRow {
    /// The session that asked, and the installation of the client, if it named itself.
    pub(crate) resource: Box<str>,
    pub(crate) device: Option<Box<str>>,
    /// A form that goes along, as it was given; empty without one.
    pub(crate) options: Arc<[u8]>,
    pub(crate) since: Timestamp,
}

coded!(struct PushRow { resource, device, options, since });
