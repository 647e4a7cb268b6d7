//! Services outside of XMPP that clients need for calls: STUN and TURN servers (XEP-0215).
//!
//! A TURN server that shares a secret with this one lets in whoever this one vouches for, with a name that tells
//! when that ends and a MAC over it as the password (draft-uberti-behave-turn-rest-00 section 2.2; coturn calls it
//! `use-auth-secret`). Nothing is stored and nothing is asked: each request gets credentials of its own.

use base64ct::Base64;
use base64ct::Encoding as _;

use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::settings::ExternalServices;
use crate::effect::settings::Service;
use crate::effect::view::View;
use crate::sasl::Hash;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Credentials are made anew so often.
const SAME_MS: u64 = 600_000;

/// What the client knows already and wants to get into (section 3.3), or what it looks for.
#[derive(Debug)]
struct Wanted<'a> {
    kind: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<u16>,
}

impl Wanted<'_> {
    fn is_met_by(&self, service: &Service) -> bool {
        self.kind.is_none_or(|kind| kind == service.kind)
            && self.host.is_none_or(|host| host == &*service.host)
            && self.port.is_none_or(|port| port == service.port)
    }
}

/// Sections 3.1 and 3.2: all of them, or those of one type, with credentials where they take some.
pub(super) fn list(view: &View<'_>, request: &Request, query: Node<'_>) -> Result<Proposal, Stop> {
    let services = there(view)?;
    let kind = query.attr("type");
    let wanted = Wanted {
        kind: kind.as_deref(),
        host: None,
        port: None,
    };
    let mut writer = Writer::new();
    writer
        .start_ns("services", ns::EXTERNAL_SERVICES)
        .attr_opt("type", kind.as_deref());
    Ok(answer(view, request, (services, &wanted), writer))
}

/// Section 3.3: credentials for one service that the client knows of.
pub(super) fn credentials(
    view: &View<'_>,
    request: &Request,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let services = there(view)?;
    let bad = || StanzaError::new(Condition::BadRequest);
    let service = query
        .child("service", ns::EXTERNAL_SERVICES)
        .ok_or_else(bad)?;
    let (kind, host) = (service.attr("type"), service.attr("host"));
    let port = service.attr("port").map(|port| port.parse()).transpose();
    let wanted = Wanted {
        kind: Some(kind.as_deref().ok_or_else(bad)?),
        host: Some(host.as_deref().ok_or_else(bad)?),
        port: port.map_err(|_| bad())?,
    };
    let mut known = services.list.iter();
    // One that takes none is told as it is.
    if !known.any(|one| wanted.is_met_by(one)) {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    }
    let mut writer = Writer::new();
    writer.start_ns("credentials", ns::EXTERNAL_SERVICES);
    Ok(answer(view, request, (services, &wanted), writer))
}

fn there<'a>(view: &View<'a>) -> Result<&'a ExternalServices, Stop> {
    let services = &view.settings.services;
    if services.list.is_empty() {
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    }
    Ok(services)
}

/// Those that are wanted, and the end.
fn answer(
    view: &View<'_>,
    request: &Request,
    (services, wanted): (&ExternalServices, &Wanted<'_>),
    mut writer: Writer,
) -> Proposal {
    let whom = (view.now(), &request.from.bare());
    write_all(&mut writer, services, wanted, whom);
    writer.end();
    Proposal::answer(request.stanza.result(&request.from, writer.finish()))
}

/// Relaying costs its owner something: it takes whom the secret lets in. Finding one's own address is for all.
fn is_restricted(services: &ExternalServices, service: &Service) -> bool {
    services.secret.is_some() && service.kind.starts_with("turn")
}

fn write_all(
    writer: &mut Writer,
    services: &ExternalServices,
    wanted: &Wanted<'_>,
    (now, user): (Timestamp, &BareJid),
) {
    // Whoever asks twice within a while is told the same.
    let begun = now.unix_ms() - now.unix_ms() % SAME_MS;
    let until = Timestamp::from_unix_ms(begun).plus_ms(SAME_MS + services.credentials_ms);
    for service in services.list.iter().filter(|one| wanted.is_met_by(one)) {
        writer
            .start("service")
            .attr("host", &service.host)
            .attr("port", &service.port.to_string())
            .attr("transport", service.transport)
            .attr("type", service.kind);
        if let Some(secret) = services
            .secret
            .as_ref()
            .filter(|_| is_restricted(services, service))
        {
            let (name, password) = ticket(secret.expose(), user, until);
            writer
                .attr("restricted", "1")
                .attr("expires", &until.to_xep0082())
                .attr("username", &name)
                .attr("password", &password);
        }
        writer.end();
    }
}

/// The name is the second at which it ends and who it is for; the password is a MAC over the name.
fn ticket(secret: &[u8], user: &BareJid, until: Timestamp) -> (String, String) {
    let seconds = until.unix_ms() / 1_000;
    let name = format!("{seconds}:{}", user.local().unwrap_or_default());
    let mac = Hash::Sha1.hmac(secret, name.as_bytes());
    (name, Base64::encode_string(mac.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_a_turn_server_computes_from_the_name() {
        let user = BareJid::parse("ninefingers@h").unwrap();
        let until = Timestamp::from_unix_ms(1_433_895_918_506);

        let (name, password) = ticket(b"north", &user, until);

        assert_eq!(name, "1433895918:ninefingers");
        // printf %s NAME | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(password, "jy8hTxmOO7UtEKXqSkSlvakPVYA=");
    }
}
