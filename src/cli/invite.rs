//! `meerkat invite`: somebody may come (XEP-0401).

use ring::rand::SecureRandom as _;
use ring::rand::SystemRandom;

use crate::account::invite::uri;
use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::cli::Failure;
use crate::cli::arguments::Invite as Arguments;
use crate::cli::output;
use crate::cli::qr;
use crate::cli::settings;
use crate::cli::socket;
use crate::config::settings::Registration;
use crate::model::invite::Invite;
use crate::server::admin::Invitation;
use crate::server::admin::Request;
use crate::server::invite::CLOSED;
use crate::web::route::INVITE_PATH;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let may_register = settings.registration != Registration::Closed;
    if !may_register && (arguments.by.is_none() || arguments.name.is_some()) {
        return Err(Failure::because(CLOSED));
    }
    let token = word()?;
    let wanted = Invitation {
        token: token.clone(),
        name: arguments.name.clone(),
        by: arguments.by.clone(),
        may_register,
        valid_ms: u64::try_from(settings.invites_valid.as_millis()).unwrap_or(u64::MAX),
    };
    socket::ask(&settings, Request::Invite(wanted), &mut |_| {})?;
    // As the server has read the names.
    let domain = settings.domain.as_str();
    let jid = |name: &String| {
        let local = name.split('@').next().unwrap_or_default();
        BareJid::from_parts(Some(local), domain).ok()
    };
    let invite = Invite {
        by: arguments.by.as_ref().and_then(jid),
        name: arguments
            .name
            .as_ref()
            .and_then(jid)
            .and_then(|jid| jid.local().map(Into::into)),
        may_register,
        expires: Timestamp::default(),
    };
    let uri = uri(domain, &token, &invite);
    output::tell(&uri);
    let page = settings.http_url.as_ref();
    let page = page.map(|url| format!("{url}/{INVITE_PATH}/{token}"));
    if let Some(page) = &page {
        output::tell(page);
    }
    // A camera without a client finds the page; one with a client gets there from it.
    let picture = page.as_ref().unwrap_or(&uri);
    if arguments.qr
        && let Some(picture) = qr::render(picture)
    {
        output::tell(picture.trim_end());
    }
    Ok(())
}

/// 128 random bits.
fn word() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::because("the system has no randomness"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
