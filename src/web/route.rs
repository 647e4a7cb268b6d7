//! From a path to what answers there.

use crate::http::Target;
use crate::upload;

/// Where WebSocket and BOSH are found below the public URL.
pub(crate) const WEBSOCKET_PATH: &str = "xmpp-websocket";
pub(crate) const BOSH_PATH: &str = "http-bind";

/// Where the pages of invitations are.
pub(crate) const INVITE_PATH: &str = "invite";

/// Who answers a request; see `net::web` for how one is added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// XEP-0156 section 3.
    HostMeta,
    HostMetaJson,
    /// RFC 7395.
    WebSocket,
    /// The page behind an invitation's link (XEP-0401 section 5.2).
    Invitation,
    /// XEP-0124, XEP-0206.
    Bosh,
    /// A file of a user (XEP-0363).
    Upload,
    /// Everything else: the folder `web.root`.
    Files,
}

impl Route {
    pub(crate) fn find(target: &Target) -> Self {
        match target.parts().as_slice() {
            [".well-known", "host-meta"] => Self::HostMeta,
            [".well-known", "host-meta.json"] => Self::HostMetaJson,
            [WEBSOCKET_PATH] => Self::WebSocket,
            [INVITE_PATH, _] => Self::Invitation,
            [BOSH_PATH] => Self::Bosh,
            [upload::PATH, _, _] => Self::Upload,
            _ => Self::Files,
        }
    }
}
