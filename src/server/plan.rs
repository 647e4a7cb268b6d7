//! What the parts of a server get of its settings: at the start, and again at each reload.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::base::jid::BareJid;
use crate::base::limits::LOG_STARTER_BYTES;
use crate::base::pubsub_limits::NODE_CACHE_SHARE;
use crate::base::room_limits::DELIVERIES_PER_STANZA;
use crate::c2s;
use crate::config::settings::Inviters;
use crate::config::settings::Registration;
use crate::config::settings::RoomMakers;
use crate::config::settings::Settings;
use crate::core::CoreLimits;
use crate::effect::settings::Invites;
use crate::effect::settings::Limits as Bounds;
use crate::effect::settings::Settings as Policies;
use crate::effect::settings::Upload;
use crate::model::file::FileKeys;
use crate::model::stanza_id::StanzaIds;
use crate::net::admit::AdmitSettings;
use crate::net::certificate::Identity;
use crate::net::clock::Clock;
use crate::net::tls;
use crate::net::tls::TlsSettings;
use crate::net::wires::WireSettings;
use crate::observe;
use crate::observe::event::Event;
use crate::sasl::Fakes;
use crate::server::run::Home;
use crate::server::run::RunError;
use crate::server::translate::ITERATIONS;
use crate::web;
use crate::web::route::INVITE_PATH;

pub(super) fn identity(settings: &Settings, home: &Home<'_>) -> Result<TlsSettings, RunError> {
    let provider = tls::provider();
    let hosts = [&settings.domain, &settings.muc_host, &settings.pubsub_host];
    let names = hosts.map(String::as_str);
    let identity = match (&settings.tls, home) {
        (Some(files), _) => Identity::load(&provider, &files.certificate, &files.key),
        (None, Home::Folder(path)) => {
            Identity::load_or_make(&provider, path, &names).map(|(identity, is_new)| {
                if is_new {
                    let fingerprint = &identity.fingerprint;
                    observe::emit(&Event::CertificateMade { fingerprint });
                }
                identity
            })
        }
        (None, Home::Memory(_)) => Identity::make_volatile(&provider, &names),
    };
    TlsSettings::new(&provider, identity.map_err(RunError::Certificate)?).map_err(RunError::Tls)
}

/// No client comes from another machine.
fn is_local(settings: &Settings) -> bool {
    let mut addresses = settings.listen.c2s.iter();
    addresses.all(|one| one.ip().is_some_and(|ip| ip.is_loopback()))
}

pub(super) fn wire_settings(
    settings: &Settings,
    tls: TlsSettings,
    login_secret: [u8; 32],
    is_dev: bool,
) -> Result<WireSettings, RunError> {
    let domain =
        BareJid::parse(&settings.domain).map_err(|_| RunError::Name(settings.domain.clone()))?;
    let limits = &settings.limits;
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    let stream = c2s::Settings {
        domain,
        offers_tls: true,
        requires_tls: settings.require_tls,
        // What never leaves this machine is read by nobody (RFC 6120 section 13.8.3).
        allows_plaintext: !settings.require_tls && (is_dev || is_local(settings)),
        offers_registration: settings.registration == Registration::Open,
        takes_invitations: settings.registration != Registration::Closed,
        offers_tokens: true,
        protects_from_downgrade: true,
        stanza_bytes_max: limits.stanza_bytes,
        login_seconds: seconds(limits.login),
        silence_seconds: seconds(limits.silence),
        features: crate::disco::info::caps(&policies(settings)),
        fakes: Fakes {
            secret: login_secret,
            iterations: ITERATIONS,
        },
    };
    Ok(WireSettings {
        stream: Arc::new(stream),
        web: Arc::new(web_settings(settings)),
        tls: Some(tls),
        admit: AdmitSettings {
            connections_max: limits.connections,
            connections_per_address_max: limits.connections_per_address,
            strangers_max: limits.handshakes,
            free_failures: limits.login_failures,
        },
        stall: limits.stall,
        bytes_per_second: limits.bytes_per_second,
        stanzas_per_second: limits.stanzas_per_second,
        buffer_bytes: usize::try_from(limits.buffer_bytes).unwrap_or(usize::MAX),
    })
}

fn web_settings(settings: &Settings) -> web::Settings {
    web::Settings {
        domain: settings.domain.clone(),
        url: settings.http_url.clone(),
        root: settings.web_root.clone(),
    }
}

pub(super) fn policies(settings: &Settings) -> Policies {
    let mut contacts: BTreeMap<Box<str>, Vec<Box<str>>> = BTreeMap::new();
    for contact in &settings.contacts {
        let uris = contact.uris.iter().map(|uri| uri.as_str().into()).collect();
        contacts.insert(contact.field.into(), uris);
    }
    let admins: BTreeSet<BareJid> = settings
        .admins
        .iter()
        .filter_map(|admin| BareJid::parse(admin).ok())
        .collect();
    Policies {
        domain: settings.domain.as_str().into(),
        rooms_host: Some(settings.muc_host.as_str().into()),
        pubsub_host: Some(settings.pubsub_host.as_str().into()),
        multi_subscribe: settings.multi_subscribe,
        admins,
        registration: settings.registration == Registration::Open,
        finds_people: settings.finds_people,
        caps_optimization: settings.caps_optimization,
        location: settings.location.as_deref().map(Into::into),
        contacts,
        services: settings.services.clone(),
        invites: Invites {
            may_register: settings.registration != Registration::Closed,
            by_anyone: settings.inviters == Inviters::Anyone,
            valid_ms: u64::try_from(settings.invites_valid.as_millis()).unwrap_or(u64::MAX),
            pages: settings
                .http_url
                .as_ref()
                .map(|url| format!("{url}/{INVITE_PATH}/").into()),
        },
        limits: Bounds {
            roster_items_max: settings.limits.roster_contacts,
            blocked_max: settings.limits.blocked_addresses,
            untaken_max: settings.quota.offline_messages,
            rooms_max: settings.limits.rooms,
            rooms_per_user_max: settings.quota.rooms_per_account,
            published_bytes_max: settings.quota.published_bytes,
            sessions_max: settings.limits.sessions_per_account,
            occupants_max: u32::try_from(settings.limits.room_occupants).unwrap_or(u32::MAX),
            ..Bounds::default()
        },
        deliveries_per_second: Some(
            settings
                .limits
                .stanzas_per_second
                .saturating_mul(DELIVERIES_PER_STANZA),
        ),
        rooms_by_admins_only: settings.muc_create == RoomMakers::Admins,
        started: Clock::of_the_day(),
        ids: StanzaIds::default(),
        upload: upload(settings).map(Arc::new),
        file_keys: FileKeys::default(),
    }
}

/// There is a host for files where they can come and go.
fn upload(settings: &Settings) -> Option<Upload> {
    let listen = &settings.listen;
    let is_open = !listen.http.is_empty() || !listen.https.is_empty();
    let url = if let Some(url) = &settings.http_url {
        url.clone()
    } else {
        // A server to try out is reached where it listens.
        let address = listen.http.first()?;
        let is_here = address.ip().is_some_and(|ip| ip.is_loopback());
        (is_here && address.port() != 0).then(|| format!("http://{address}"))?
    };
    (is_open && is_private(&url)).then(|| Upload {
        host: settings.upload.host.as_str().into(),
        url: url.into(),
        file_bytes_max: settings.upload.file_bytes,
        bytes_max: settings.quota.upload_bytes,
        day_bytes_max: settings.quota.upload_day_bytes,
        files_max: settings.quota.uploads,
        kept_ms: u64::try_from(settings.retention.upload.as_millis()).unwrap_or(u64::MAX),
    })
}

/// XEP-0363 section 4 asks for TLS; what does not leave this machine needs none.
fn is_private(url: &str) -> bool {
    let host = url.strip_prefix("http://");
    let host = host.and_then(|rest| rest.split(['/', ':']).next());
    match host {
        None => url.starts_with("https://"),
        Some(host) => {
            let ip = host.parse::<std::net::IpAddr>();
            host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        }
    }
}

pub(super) fn core_limits(settings: &Settings, home: &Home<'_>) -> CoreLimits {
    let limits = &settings.limits;
    let tail_bytes = match home {
        Home::Folder(_) => limits.tail_bytes,
        // Its log is in memory as well, in segments of twice the tail.
        Home::Memory(_) => limits.tail_bytes.min(LOG_STARTER_BYTES),
    };
    let node_cache_bytes = limits.record_cache_bytes / NODE_CACHE_SHARE;
    CoreLimits {
        node_cache_bytes: usize::try_from(node_cache_bytes).unwrap_or(usize::MAX),
        stanza_bytes: limits.stanza_bytes,
        queue_bytes: usize::try_from(limits.queue_bytes).unwrap_or(usize::MAX),
        tail_bytes: usize::try_from(tail_bytes).unwrap_or(usize::MAX),
        resume_ms_max: u64::try_from(limits.resume.as_millis()).unwrap_or(u64::MAX),
        ..CoreLimits::default()
    }
}
