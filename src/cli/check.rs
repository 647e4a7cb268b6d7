//! `meerkat check`: looks before anything leaps.
//!
//! Nothing is written and nothing is asked of others but the address of the domain. Problems make the
//! command fail; remarks do not.

use std::fs;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::ToSocketAddrs as _;
use std::path::Path;

use crate::base::time::Timestamp;
use crate::cli::Failure;
use crate::cli::arguments::Check as Arguments;
use crate::cli::output;
use crate::cli::settings;
use crate::cli::socket::Socket;
use crate::config::budget::Budget;
use crate::config::example::example;
use crate::config::settings::Settings;
use crate::net::address::Address;
use crate::net::certificate::Identity;
use crate::net::clock::Clock;
use crate::net::routes;
use crate::net::tls;
use crate::server::admin::Request;
use crate::server::pair::file;

const DAY_MS: u64 = 86_400_000;
/// Renewed certificates are usually replaced 30 days before their end.
const EXPIRY_WARNING_DAYS: u64 = 14;

/// What has been found.
struct Report {
    problems: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.example {
        output::tell(example().trim_end());
        return Ok(());
    }
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let file = settings::file(arguments.config.as_deref());
    let mut report = Report { problems: 0 };
    match file {
        Some(file) => report.fine("settings", &file.display().to_string()),
        None => report.fine("settings", "no file; the defaults and --set"),
    }
    let is_running = Socket::ask(&settings.data, &Request::Status).is_ok();
    report.fine(
        "server",
        if is_running {
            "is running"
        } else {
            "is not running"
        },
    );
    report.folder(&settings.data);
    report.certificate(&settings);
    report.ports(&settings, is_running);
    report.memory(&settings);
    report.names(&settings);
    match report.problems {
        0 => Ok(()),
        1 => Err(Failure::because("1 problem found")),
        many => Err(Failure::Because(format!("{many} problems found"))),
    }
}

impl Report {
    #[expect(clippy::unused_self, reason = "reads like its siblings")]
    fn fine(&self, what: &str, text: &str) {
        output::tell(format_args!("{what:<12} {text}"));
    }

    fn detail(&self, text: &str) {
        self.fine("", text);
    }

    fn remark(&self, what: &str, text: &str) {
        self.fine(what, &format!("note: {text}"));
    }

    fn problem(&mut self, what: &str, text: &str) {
        self.problems += 1;
        self.fine(what, &format!("PROBLEM: {text}"));
    }

    fn folder(&mut self, folder: &Path) {
        let shown = folder.display();
        match fs::metadata(folder) {
            Ok(found) if !found.is_dir() => {
                self.problem(
                    "data",
                    &format!("{shown} is no folder; change the key data"),
                );
            }
            Ok(found) if found.permissions().readonly() => self.problem(
                "data",
                &format!("{shown} cannot be written; make the server's user its owner"),
            ),
            Ok(_) => self.fine("data", &shown.to_string()),
            Err(_) => self.fine("data", &format!("{shown} will be made at the first start")),
        }
    }

    fn certificate(&mut self, settings: &Settings) {
        const WHAT: &str = "certificate";
        let stored = Identity::self_signed_path(&settings.data);
        let (certificate, key) = match &settings.tls {
            Some(tls) => (tls.certificate.as_path(), tls.key.as_path()),
            None if stored.exists() => (stored.as_path(), stored.as_path()),
            None => return self.fine(WHAT, "a self-signed one will be made at the first start"),
        };
        let identity = match Identity::load(&tls::provider(), certificate, key) {
            Ok(identity) => identity,
            Err(error) => return self.problem(WHAT, &error.to_string()),
        };
        let (facts, now) = (&identity.facts, Clock::of_the_day());
        let (shown, end) = (certificate.display(), date(facts.not_after));
        let days_left = facts.not_after.since_ms(now) / DAY_MS;
        if facts.not_after <= now {
            self.problem(WHAT, &format!("{shown} has expired on {end}; renew it"));
        } else if facts.not_before > now {
            let start = date(facts.not_before);
            self.problem(
                WHAT,
                &format!("{shown} is valid from {start} only; is the clock right?"),
            );
        } else if days_left < EXPIRY_WARNING_DAYS {
            self.remark(
                WHAT,
                &format!("{shown} ends on {end}, in {days_left} days; renew it"),
            );
        } else {
            self.fine(WHAT, &format!("{shown}, until {end}"));
        }
        self.detail(&format!("SHA-256 {}", identity.fingerprint));
        if !facts.covers(&settings.domain) {
            let names = facts.names.join(", ");
            self.problem(
                WHAT,
                &format!(
                    "it names {names}, not {}; get one for the domain",
                    settings.domain
                ),
            );
        }
    }

    fn ports(&mut self, settings: &Settings, is_running: bool) {
        let listen = &settings.listen;
        if listen.c2s.is_empty() && listen.c2s_tls.is_empty() {
            self.problem("ports", "no client can connect; set listen.c2s");
        }
        let clients = listen.c2s.iter().chain(&listen.c2s_tls);
        let clients = clients.chain(&listen.http).chain(&listen.https);
        for address in clients.chain(&listen.mirror) {
            match TcpListener::bind((address.host(), address.port())) {
                Ok(_) => self.fine("port", &format!("{address} is free")),
                Err(_) if is_running => {
                    self.fine(
                        "port",
                        &format!("{address} is taken, by the running server"),
                    );
                }
                Err(error) => self.problem(
                    "port",
                    &format!("{address}: {error}; stop what listens there, or change listen.*"),
                ),
            }
        }
    }

    fn memory(&self, settings: &Settings) {
        let budget = Budget::of(settings);
        let total = budget.total_bytes();
        let worst = output::size(total);
        let Some(machine) = machine_memory_bytes() else {
            return self.fine("memory", &format!("{worst} in the worst case"));
        };
        let here = output::size(machine);
        if total > machine {
            self.remark(
                "memory",
                &format!("{worst} in the worst case, but this machine has {here}; lower limits.*"),
            );
        } else {
            self.fine(
                "memory",
                &format!("{worst} in the worst case, of {here} in this machine"),
            );
        }
        for part in budget.parts.iter().filter(|part| part.count > 0) {
            let (bytes, each) = (output::size(part.bytes()), output::size(part.bytes_each));
            let times = match part.count {
                1 => String::new(),
                count => format!(" ({count} at {each})"),
            };
            self.detail(&format!("{bytes:>12}  {}{times}", part.what));
        }
    }

    /// RFC 6120 section 3.2.1 and XEP-0368 section 3.
    fn names(&self, settings: &Settings) {
        let domain = settings.domain.as_str();
        match (domain, 0).to_socket_addrs() {
            Ok(found) => {
                let mut found: Vec<String> = found.map(|found| found.ip().to_string()).collect();
                found.sort();
                found.dedup();
                self.fine("dns", &format!("{domain} is {}", found.join(", ")));
            }
            Err(_) => self.remark(
                "dns",
                &format!("{domain} has no address here; it needs an A or AAAA record"),
            ),
        }
        let boards = boards(settings);
        self.detail(match boards.len() {
            0 => "records that clients look for, if this machine is the domain's host:",
            _ => "records that clients look for, with both boards as the domain's hosts:",
        });
        let hosts = boards.iter().map(|(host, _)| format!("{host}.{domain}."));
        let mut hosts: Vec<String> = hosts.collect();
        if hosts.is_empty() {
            hosts.push(format!("{domain}."));
        }
        for (service, addresses) in [
            ("_xmpp-client", &settings.listen.c2s),
            ("_xmpps-client", &settings.listen.c2s_tls),
        ] {
            for port in ports(addresses) {
                for host in &hosts {
                    self.detail(&format!(
                        "{service}._tcp.{domain}. 3600 IN SRV 0 5 {port} {host}"
                    ));
                }
            }
        }
        self.web(settings);
        for (host, ips) in &boards {
            for ip in ips {
                let kind = if ip.is_ipv4() { "A" } else { "AAAA" };
                self.detail(&format!("{host}.{domain}. 300 IN {kind} {ip}"));
                self.detail(&format!("{domain}. 300 IN {kind} {ip}"));
            }
        }
        self.detail(&format!(
            "{} and {} need none: clients reach them through {domain}",
            settings.muc_host, settings.pubsub_host
        ));
    }

    /// XEP-0156: what browsers look for, which cannot ask for SRV records.
    fn web(&self, settings: &Settings) {
        let (listen, domain) = (&settings.listen, &settings.domain);
        if listen.http.is_empty() && listen.https.is_empty() {
            return;
        }
        let Some(url) = &settings.http_url else {
            return self.remark(
                "web",
                "set http.url, so that clients are told where the web door is",
            );
        };
        self.fine("web", "documents that web clients look for; this server has them, the host of the domain must too:");
        for document in ["host-meta", "host-meta.json"] {
            let place = format!("https://{domain}/.well-known/{document}");
            self.detail(&format!("{place} the same as {url}/.well-known/{document}"));
        }
        if let Some(root) = settings.web_root.as_ref().filter(|root| !root.is_dir()) {
            self.remark(
                "web",
                &format!("{} is no folder; change web.root", root.display()),
            );
        }
    }
}

/// Both boards of a pair, by names of their own, and where each is. None: there is no pair.
fn boards(settings: &Settings) -> Vec<(&'static str, Vec<IpAddr>)> {
    let Ok(Some(membership)) = file::read(&settings.data) else {
        return Vec::new();
    };
    let Some(peer) = membership.peer else {
        return Vec::new();
    };
    let everywhere = [SocketAddr::from(([0; 8], 0))];
    let own = routes::reachable(&everywhere).into_iter();
    let own: Vec<IpAddr> = own.map(|one| one.ip()).collect();
    let peer = peer.ips(&settings.mirror_peer);
    match membership.node {
        0 => vec![("a", own), ("b", peer)],
        _ => vec![("a", peer), ("b", own)],
    }
}

/// Each port once, without those that the system chooses.
fn ports(addresses: &[Address]) -> Vec<u16> {
    let mut ports: Vec<u16> = addresses.iter().map(Address::port).collect();
    ports.retain(|port| *port != 0);
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn date(moment: Timestamp) -> String {
    let mut text = moment.to_xep0082();
    text.truncate("2026-11-22".len());
    text
}

/// Of the machine, or what its container may use of it.
fn machine_memory_bytes() -> Option<u64> {
    let whole = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| mem_total_bytes(&text));
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    match (whole, container) {
        (Some(whole), Some(container)) => Some(whole.min(container)),
        (found, other) => found.or(other),
    }
}

fn mem_total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        let text = "MemTotal:         441356 kB\nMemFree:          12 kB\n";
        assert_eq!(mem_total_bytes(text), Some(441_356 * 1024));
        assert_eq!(mem_total_bytes("nothing"), None);
    }

    #[test]
    fn a_record_is_told_once_a_port() {
        let address = |text| Address::parse(text).unwrap();
        let addresses = ["[::]:5222", "127.0.0.1:5222", "127.0.0.1:0"].map(address);
        assert_eq!(ports(&addresses), [5222]);
    }
}
