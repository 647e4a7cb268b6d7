//! From a request to a WebSocket.

use std::rc::Rc;
use std::sync::Arc;

use crate::c2s::TlsFacts;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::net::drive::Connection;
use crate::net::hub::Hub;
use crate::net::tls::TlsSettings;
use crate::net::web::Web;
use crate::net::web::channel::Channel;
use crate::net::web::serve::send;
use crate::web::websocket;

/// Answers, and drives the connection to its end.
pub(super) async fn handle<H: Hub + 'static>(
    web: &Rc<Web<H>>,
    mut channel: Channel,
    request: &Request,
    tls: Option<&TlsSettings>,
) {
    let settings = Arc::clone(&web.wires.settings.borrow().web);
    let reply = if settings.serves_host(&request.host) {
        websocket::accept(request)
    } else {
        Reply::of(Status::MISDIRECTED)
    };
    let is_accepted = reply.status == Status::SWITCHING_PROTOCOLS;
    if send(&mut channel, request, reply.into(), is_accepted)
        .await
        .is_err()
    {
        return;
    }
    if !is_accepted {
        return channel.close().await;
    }
    let from = channel.from;
    let facts = match (tls, channel.tls()) {
        (Some(settings), Some(tls)) => Some(TlsFacts {
            bindings: settings.bindings(tls),
        }),
        // Whoever is asked for at the public URL has encrypted, and this machine carries the rest.
        _ if settings.is_secure_proxy() && from.is_loopback() => Some(TlsFacts::default()),
        _ => None,
    };
    let Some((pipe, seat, rest)) = channel.into_parts() else {
        return;
    };
    let connection = Connection::upgrade(&web.wires, &web.hub, pipe, (from, seat), facts, rest);
    Box::pin(connection).await;
}
