//! Raw -> Settings: each value is looked at once, and every mistake is reported in the same run.

mod places;
mod web;

use std::path::PathBuf;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::config::fault::Fault;
use crate::config::fault::Origin;
use crate::config::fault::Problem;
use crate::config::file::Raw;
use crate::config::keys::Fallback;
use crate::config::keys::KEYS;
use crate::config::keys::Key;
use crate::config::keys::Kind;
use crate::config::services;
use crate::config::settings::Contact;
use crate::config::settings::Inviters;
use crate::config::settings::Limits;
use crate::config::settings::Listen;
use crate::config::settings::LogLevel;
use crate::config::settings::Quota;
use crate::config::settings::Registration;
use crate::config::settings::Retention;
use crate::config::settings::RoomMakers;
use crate::config::settings::Settings;
use crate::config::settings::Tls;
use crate::config::settings::Upload;
use crate::config::value::Value;
use crate::config::words::is_host;
use crate::config::words::is_uri;
use crate::effect::settings::ExternalServices;

const MEBIBYTE: u64 = 1 << 20;
const DAY_SECONDS: u64 = 86_400;
const HOUR_MS: u64 = 3_600_000;

/// The forms of XEP-0157 section 3 and the keys that fill them.
const CONTACTS: [(&str, &str); 6] = [
    ("contact.abuse", "abuse-addresses"),
    ("contact.admin", "admin-addresses"),
    ("contact.feedback", "feedback-addresses"),
    ("contact.security", "security-addresses"),
    ("contact.status", "status-addresses"),
    ("contact.support", "support-addresses"),
];

impl Raw {
    /// Every key is looked at, so that the list of faults is whole.
    pub(crate) fn check(self) -> Result<Settings, Vec<Fault>> {
        let mut check = Check {
            raw: &self,
            faults: Vec::new(),
        };
        let settings = check.settings();
        let mut found = check.faults;
        let mut faults = self.into_faults();
        faults.append(&mut found);
        faults.sort_by_key(|fault| match fault.origin {
            Origin::File { line, .. } => line,
            _ => usize::MAX,
        });
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        }
    }
}

/// Reads key by key. After a fault it goes on with a harmless value, which nobody will see.
struct Check<'a> {
    raw: &'a Raw,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn settings(&mut self) -> Settings {
        for key in KEYS {
            self.absent(key);
        }
        let domain = self.host("domain").unwrap_or_default();
        let muc_host = self.service_host("muc.host", "rooms", &[("domain", &domain)]);
        let taken = [("domain", domain.as_str()), ("muc.host", &muc_host)];
        let pubsub_host = self.service_host("pubsub.host", "pubsub", &taken);
        let taken = [taken.as_slice(), &[("pubsub.host", &pubsub_host)]].concat();
        let upload = Upload {
            host: self.service_host("upload.host", "upload", &taken),
            file_bytes: self.mebibytes("upload.file_mib"),
        };
        Settings {
            admins: self.accounts("admins", &domain),
            domain,
            data: self.path("data").unwrap_or_default(),
            registration: match self.choice("registration").as_str() {
                "open" => Registration::Open,
                "invited" => Registration::Invited,
                _ => Registration::Closed,
            },
            inviters: match self.choice("invites.create").as_str() {
                "anyone" => Inviters::Anyone,
                _ => Inviters::Admins,
            },
            invites_valid: self.days("invites.days"),
            finds_people: self.flag("search.users"),
            caps_optimization: self.flag("presence.caps_optimization"),
            log_level: match self.choice("log_level").as_str() {
                "error" => LogLevel::Error,
                "warn" => LogLevel::Warn,
                "debug" => LogLevel::Debug,
                _ => LogLevel::Info,
            },
            listen: Listen {
                c2s: self.addresses("listen.c2s"),
                c2s_tls: self.addresses("listen.c2s_tls"),
                http: self.addresses("listen.http"),
                https: self.addresses("listen.https"),
                mirror: self.addresses("listen.mirror"),
            },
            mirror_peer: self.addresses("mirror.peer"),
            mirror_log_bytes: self.mebibytes("mirror.log_mib"),
            mdns_name: self.mdns_name(),
            tls: self.tls(),
            require_tls: self.flag("c2s.require_tls"),
            location: self.location(),
            http_url: self.web_url("http.url"),
            web_root: self.path("web.root"),
            muc_host,
            pubsub_host,
            multi_subscribe: self.flag("pubsub.multi_subscribe"),
            muc_create: match self.choice("muc.create").as_str() {
                "admins" => RoomMakers::Admins,
                _ => RoomMakers::Anyone,
            },
            upload,
            contacts: self.contacts(),
            services: self.services(),
            limits: self.limits(),
            retention: Retention {
                archive: self.days("retention.archive_days"),
                offline: self.days("retention.offline_days"),
                upload: self.days("retention.upload_days"),
                archive_bytes: self.mebibytes("retention.archive_mib"),
            },
            quota: self.quota(),
        }
    }

    fn quota(&mut self) -> Quota {
        Quota {
            account_bytes: self.mebibytes("quota.account_mib"),
            room_bytes: self.mebibytes("quota.room_mib"),
            offline_messages: self.count("quota.offline_messages"),
            rooms_per_account: self.count("quota.rooms_per_account"),
            published_bytes: usize::try_from(self.mebibytes("quota.published_mib"))
                .unwrap_or(usize::MAX),
            upload_bytes: self.mebibytes("quota.upload_mib"),
            upload_day_bytes: self.mebibytes("quota.upload_day_mib"),
            uploads: self.count("quota.uploads"),
        }
    }

    fn limits(&mut self) -> Limits {
        Limits {
            connections: self.count("limits.connections"),
            connections_per_address: self.count("limits.connections_per_address"),
            handshakes: self.count("limits.handshakes"),
            login: self.seconds("limits.login_seconds"),
            login_failures: u32::try_from(self.integer("limits.login_failures"))
                .unwrap_or(u32::MAX),
            stanza_bytes: self.count("limits.stanza_bytes"),
            bytes_per_second: self.integer("limits.bytes_per_second"),
            stanzas_per_second: self.integer("limits.stanzas_per_second"),
            sessions_per_account: self.count("limits.sessions_per_account"),
            roster_contacts: self.count("limits.roster_contacts"),
            blocked_addresses: self.count("limits.blocked_addresses"),
            rooms: self.count("limits.rooms"),
            room_occupants: self.count("limits.room_occupants"),
            resume: self.seconds("limits.resume_seconds"),
            silence: self.seconds("limits.silence_seconds"),
            stall: self.seconds("limits.stall_seconds"),
            buffer_bytes: self.mebibytes("limits.buffers_mib"),
            queue_bytes: self.mebibytes("limits.queues_mib"),
            record_cache_bytes: self.mebibytes("limits.record_cache_mib"),
            store_cache_bytes: self.mebibytes("limits.store_cache_mib"),
            tail_bytes: self.mebibytes("limits.tail_mib"),
        }
    }

    fn tls(&mut self) -> Option<Tls> {
        match (self.path("tls.certificate"), self.path("tls.key")) {
            (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                let remedy = "set both, or none for a self-signed certificate";
                self.conflict("tls.certificate", "an unset tls.key", remedy);
                None
            }
            (None, Some(_)) => {
                let remedy = "set both, or none for a self-signed certificate";
                self.conflict("tls.key", "an unset tls.certificate", remedy);
                None
            }
        }
    }

    fn contacts(&mut self) -> Vec<Contact> {
        let mut contacts = Vec::new();
        for (name, field) in CONTACTS {
            let uris = self.texts(name);
            for uri in &uris {
                if !is_uri(uri) {
                    let remedy = "write a URI such as \"mailto:abuse@example.org\"";
                    self.malformed(name, uri, "is no URI", remedy);
                }
            }
            if !uris.is_empty() {
                contacts.push(Contact { field, uris });
            }
        }
        contacts
    }

    fn services(&mut self) -> ExternalServices {
        const URIS: &str = "services.uris";
        let mut list = Vec::new();
        for uri in self.texts(URIS) {
            if let Some(service) = services::parse(&uri) {
                list.push(service);
            } else {
                let remedy =
                    "write stun:HOST:PORT or turn:HOST:PORT?transport=udp (RFC 7064, RFC 7065)";
                self.malformed(URIS, &uri, "is no STUN or TURN server", remedy);
            }
        }
        ExternalServices {
            list,
            secret: self
                .text("services.secret")
                .map(|text| Secret::from(&*text)),
            credentials_ms: self
                .integer("services.credentials_hours")
                .saturating_mul(HOUR_MS),
        }
    }

    fn accounts(&mut self, name: &'static str, domain: &str) -> Vec<String> {
        let texts = self.texts(name);
        let mut accounts = Vec::with_capacity(texts.len());
        for text in texts {
            let (local, host) = text.split_once('@').unwrap_or((&text, domain));
            if local.is_empty() || local.contains(['@', '/', ' ']) || !is_host(host) {
                let remedy = "write a name or name@domain";
                self.malformed(name, &text, "is no account", remedy);
            }
            accounts.push(format!("{local}@{host}"));
        }
        accounts
    }

    fn host(&mut self, name: &'static str) -> Option<String> {
        let host = self.text(name)?.to_ascii_lowercase();
        if !is_host(&host) {
            let remedy = "write letters, digits, hyphens and dots; other letters as xn--..";
            self.malformed(name, &host, "is no host name", remedy);
        }
        Some(host)
    }

    /// A host below the domain, the first of those that it must not be.
    fn service_host(
        &mut self,
        name: &'static str,
        label: &str,
        taken: &[(&'static str, &str)],
    ) -> String {
        let domain = taken.first().map_or("", |(_, domain)| domain);
        let host = self.host(name);
        let host = host.unwrap_or_else(|| format!("{label}.{domain}"));
        for (other, _) in taken.iter().filter(|(_, one)| *one == host) {
            let remedy =
                "every service needs a host of its own, for example \"rooms.\" and the domain";
            self.conflict(name, other, remedy);
        }
        host
    }

    fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        let text = self.text(name)?;
        if text.is_empty() || text.contains('\0') {
            self.malformed(
                name,
                &text,
                "is no path",
                "write the name of a file or folder",
            );
        }
        Some(PathBuf::from(text))
    }

    fn days(&mut self, name: &'static str) -> Duration {
        Duration::from_secs(self.integer(name).saturating_mul(DAY_SECONDS))
    }

    fn seconds(&mut self, name: &'static str) -> Duration {
        Duration::from_secs(self.integer(name))
    }

    fn mebibytes(&mut self, name: &'static str) -> u64 {
        self.integer(name).saturating_mul(MEBIBYTE)
    }

    fn count(&mut self, name: &'static str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or(usize::MAX)
    }

    fn integer(&mut self, name: &'static str) -> u64 {
        let (value, origin, kind) = self.value(name);
        let Kind::Integer { min, max, unit } = kind else {
            return 0;
        };
        let Some(Value::Integer(found)) = value else {
            let wanted = format!("a number from {min} to {max} ({unit})");
            self.wrong_type(name, value.as_ref(), origin, wanted);
            return min;
        };
        match u64::try_from(found) {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                let problem = Problem::OutOfRange {
                    found,
                    min,
                    max,
                    unit,
                };
                self.complain(name, origin, problem);
                min
            }
        }
    }

    fn flag(&mut self, name: &'static str) -> bool {
        let (value, origin, _) = self.value(name);
        if let Some(Value::Flag(flag)) = value {
            return flag;
        }
        self.wrong_type(name, value.as_ref(), origin, "true or false".to_owned());
        true
    }

    fn choice(&mut self, name: &'static str) -> String {
        let (value, origin, kind) = self.value(name);
        let Kind::Choice(choices) = kind else {
            return String::new();
        };
        match value {
            Some(Value::Text(text)) if choices.contains(&text.as_str()) => text,
            other => {
                let found = other.as_ref().map_or_else(String::new, Value::describe);
                self.complain(name, origin, Problem::NotAChoice { found, choices });
                String::new()
            }
        }
    }

    /// A text, or None where the key is unset and may be.
    fn text(&mut self, name: &'static str) -> Option<String> {
        match self.value(name) {
            (Some(Value::Text(text)), ..) => Some(text),
            (None, origin, _) => {
                if let Some(Fallback::Required { like }) = Key::find(name).map(|key| key.default) {
                    self.complain(name, origin, Problem::Missing { like });
                }
                None
            }
            (value, origin, _) => {
                self.wrong_type(name, value.as_ref(), origin, "a text in quotes".to_owned());
                None
            }
        }
    }

    fn texts(&mut self, name: &'static str) -> Vec<String> {
        let (value, origin, _) = self.value(name);
        let wanted = || "a list of texts, such as [\"..\", \"..\"]; [] is none".to_owned();
        let Some(Value::List(items)) = value else {
            self.wrong_type(name, value.as_ref(), origin, wanted());
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::Text(text) => texts.push(text),
                other => self.wrong_type(name, Some(&other), origin.clone(), wanted()),
            }
        }
        texts
    }

    /// Names that are kept for later parts take nothing but "off".
    fn absent(&mut self, key: &'static Key) {
        let Kind::Absent(part) = key.kind else {
            return;
        };
        match self.raw.value(key.name) {
            None => {}
            Some((Value::List(items), _)) if items.is_empty() => {}
            Some((Value::Text(text), _)) if text.is_empty() => {}
            Some((_, origin)) => {
                let problem = Problem::NotInThisVersion { part };
                self.complain(key.name, origin.clone(), problem);
            }
        }
    }

    /// What was typed, otherwise the default.
    fn value(&self, name: &'static str) -> (Option<Value>, Origin, Kind) {
        let key = Key::find(name);
        let kind = key.map_or(Kind::Flag, |key| key.kind);
        if let Some((value, origin)) = self.raw.value(name) {
            return (Some(value.clone()), origin.clone(), kind);
        }
        let default = match key.map(|key| key.default) {
            Some(Fallback::Toml(text)) => Some(Value::parse_argument(text)),
            _ => None,
        };
        (default, Origin::Default, kind)
    }

    fn wrong_type(
        &mut self,
        name: &'static str,
        found: Option<&Value>,
        origin: Origin,
        wanted: String,
    ) {
        let found = found.map_or_else(|| "unset".to_owned(), Value::describe);
        self.complain(name, origin, Problem::WrongType { found, wanted });
    }

    fn malformed(&mut self, name: &'static str, found: &str, what: &str, remedy: &'static str) {
        let problem = Problem::Malformed {
            found: found.to_owned(),
            what: what.to_owned(),
            remedy,
        };
        self.complain(name, self.origin(name), problem);
    }

    fn conflict(&mut self, name: &'static str, other: &'static str, remedy: &'static str) {
        let problem = Problem::Conflict { other, remedy };
        self.complain(name, self.origin(name), problem);
    }

    fn origin(&self, name: &'static str) -> Origin {
        self.raw
            .value(name)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    fn complain(&mut self, name: &'static str, origin: Origin, problem: Problem) {
        self.faults.push(Fault {
            origin,
            key: name.to_owned(),
            problem,
        });
    }
}
