//! Multicast DNS (RFC 6762) and its service discovery (RFC 6763): what is said about this server on its link.
//!
//! A machine without sockets: datagrams and time in, datagrams out. One name, and the services that
//! clients look for. Both boards of a pair say the same, which section 6.6 of RFC 6762 has room for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::net::SocketAddr;

use simple_dns::CLASS;
use simple_dns::Name;
use simple_dns::Packet;
use simple_dns::PacketFlag;
use simple_dns::QTYPE;
use simple_dns::Question;
use simple_dns::ResourceRecord;
use simple_dns::SimpleDnsError;
use simple_dns::TYPE;
use simple_dns::rdata::PTR;
use simple_dns::rdata::RData;
use simple_dns::rdata::SRV;
use simple_dns::rdata::TXT;

use crate::base::time::Monotonic;

/// The port of multicast DNS: who asks from another is a plain resolver (RFC 6762 section 6.7).
pub(super) const PORT: u16 = 5353;

/// Of a record with a host's name in it, in seconds (RFC 6762 section 10).
const HOST_TTL: u32 = 120;
const OTHER_TTL: u32 = 4_500;
/// For a resolver that knows nothing of changes (RFC 6762 section 6.7).
const LEGACY_TTL_MAX: u32 = 10;

/// RFC 6762 section 8.1.
const PROBES: u8 = 3;
const PROBE_MS: u64 = 250;
/// RFC 6762 section 8.3.
const ANNOUNCEMENTS: u8 = 2;
const ANNOUNCE_MS: u64 = 1_000;
/// No record goes to everybody more often (RFC 6762 section 6).
const REPEAT_MS: u64 = 1_000;
/// How long a name is left alone that somebody else has.
const YIELD_MS: u64 = 60_000;

/// What is told: the name below `local`, and the ports of services.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    /// `_xmpp-client` (RFC 6120 section 3.2.1) and `_xmpps-client` (XEP-0368).
    pub(crate) services: Vec<(&'static str, u16)>,
}

/// Where the server is reached now, and where else its other board may be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Places {
    /// Empty: this board serves nobody, and says nothing.
    pub(crate) told: BTreeSet<IpAddr>,
    /// Nobody who says these has taken the name from us.
    pub(crate) known: BTreeSet<IpAddr>,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Datagram {
    /// `None`: to everybody.
    pub(super) to: Option<SocketAddr>,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nothing is told.
    Silent,
    /// Asks whether somebody has the name, so many times more.
    Probing(u8),
    /// Tells unasked, so many times more.
    Announcing(u8),
    /// Answers.
    Live,
    /// Somebody else has the name.
    Yielding,
}

#[derive(Debug)]
pub(super) struct Responder {
    host: Name<'static>,
    site: Site,
    places: Places,
    phase: Phase,
    due: Monotonic,
    /// When each record was last told to everybody.
    told_at: BTreeMap<(String, u16), Monotonic>,
    outputs: VecDeque<Datagram>,
    conflict: Option<IpAddr>,
}

type Record = ResourceRecord<'static>;

impl Responder {
    /// `None`: the name is no label (RFC 1035 section 2.3.4).
    pub(super) fn new(site: Site, now: Monotonic) -> Option<Self> {
        Some(Self {
            host: name(&format!("{}.local", site.name)).ok()?,
            site,
            places: Places::default(),
            phase: Phase::Silent,
            due: now,
            told_at: BTreeMap::new(),
            outputs: VecDeque::new(),
            conflict: None,
        })
    }

    pub(super) fn poll_output(&mut self) -> Option<Datagram> {
        self.outputs.pop_front()
    }

    /// Who else has the name, once.
    pub(super) fn take_conflict(&mut self) -> Option<IpAddr> {
        self.conflict.take()
    }

    pub(super) fn wake_at(&self) -> Option<Monotonic> {
        match self.phase {
            Phase::Silent | Phase::Live => None,
            Phase::Probing(_) | Phase::Announcing(_) | Phase::Yielding => Some(self.due),
        }
    }

    /// Where the server is reached from now on. What is no longer so is taken back
    /// (RFC 6762 sections 8.4 and 10.1).
    pub(super) fn set_places(&mut self, now: Monotonic, places: Places) {
        if places == self.places {
            return;
        }
        let was_told = !self.places.told.is_empty();
        let gone: Vec<IpAddr> = self.places.told.difference(&places.told).copied().collect();
        let is_known = matches!(self.phase, Phase::Announcing(_) | Phase::Live);
        self.places = places;
        if is_known && !gone.is_empty() {
            let records = gone.iter().map(|ip| self.address(*ip, 0)).collect();
            self.tell(records);
            self.told_at.clear();
        }
        self.due = now;
        self.phase = match self.phase {
            _ if self.places.told.is_empty() => Phase::Silent,
            Phase::Yielding => return,
            Phase::Silent | Phase::Probing(_) if !was_told => Phase::Probing(PROBES),
            Phase::Probing(left) => Phase::Probing(left),
            Phase::Silent | Phase::Announcing(_) | Phase::Live => Phase::Announcing(ANNOUNCEMENTS),
        };
        self.handle_due(now);
    }

    /// The server ends. The other board, if there is one, goes on telling the rest.
    pub(super) fn stop(&mut self) {
        if matches!(self.phase, Phase::Announcing(_) | Phase::Live) {
            let Places { told, known } = &self.places;
            let own = told.difference(known).map(|ip| self.address(*ip, 0));
            let mut records: Vec<Record> = own.collect();
            if known.is_empty() {
                let rest = self.services().into_iter();
                records.extend(rest.map(|record| Record { ttl: 0, ..record }));
            }
            self.tell(records);
        }
        self.phase = Phase::Silent;
        self.places = Places::default();
    }

    pub(super) fn handle_due(&mut self, now: Monotonic) {
        if self.wake_at().is_none_or(|due| due > now) {
            return;
        }
        match self.phase {
            Phase::Probing(0) | Phase::Announcing(0) => {
                self.phase = match self.phase {
                    Phase::Probing(_) => Phase::Announcing(ANNOUNCEMENTS),
                    _ => Phase::Live,
                };
                self.handle_due(now);
            }
            Phase::Probing(left) => {
                self.probe();
                self.phase = Phase::Probing(left - 1);
                self.due = now.plus_ms(PROBE_MS);
            }
            Phase::Announcing(left) => {
                let records = self.records();
                self.note_told(&records, now);
                self.tell(records);
                self.phase = Phase::Announcing(left - 1);
                self.due = now.plus_ms(ANNOUNCE_MS);
            }
            Phase::Yielding => {
                self.phase = Phase::Probing(PROBES);
                self.handle_due(now);
            }
            Phase::Silent | Phase::Live => {}
        }
    }

    /// Anybody on the link may have sent it. What cannot be read is nothing.
    pub(super) fn handle_datagram(&mut self, now: Monotonic, from: SocketAddr, bytes: &[u8]) {
        // RFC 6762 section 11: who is elsewhere is neither believed nor answered.
        if !is_near(from.ip()) {
            return;
        }
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        if packet.has_flags(PacketFlag::RESPONSE) {
            self.handle_response(now, &packet);
        } else if matches!(self.phase, Phase::Announcing(_) | Phase::Live) {
            self.handle_query(now, from, &packet);
        }
    }

    /// RFC 6762 section 9.
    fn handle_response(&mut self, now: Monotonic, packet: &Packet<'_>) {
        if matches!(self.phase, Phase::Silent | Phase::Yielding) {
            return;
        }
        let records = packet.answers.iter().filter(|one| one.ttl > 0);
        let others = records.filter(|one| is_same(&one.name, &self.host));
        let mut others = others.filter_map(|one| match &one.rdata {
            RData::A(a) => Some(IpAddr::from(std::net::Ipv4Addr::from(a.address))),
            RData::AAAA(aaaa) => Some(IpAddr::from(std::net::Ipv6Addr::from(aaaa.address))),
            _ => None,
        });
        let is_ours = |ip: &IpAddr| self.places.told.contains(ip) || self.places.known.contains(ip);
        if let Some(other) = others.find(|ip| !is_ours(ip)) {
            self.conflict = Some(other);
            self.phase = Phase::Yielding;
            self.due = now.plus_ms(YIELD_MS);
        }
    }

    fn handle_query(&mut self, now: Monotonic, from: SocketAddr, query: &Packet<'_>) {
        let is_asked = |record: &Record| {
            let mut questions = query.questions.iter();
            questions.any(|question| {
                is_same(&question.qname, &record.name)
                    && record.match_qtype(question.qtype)
                    && record.match_qclass(question.qclass)
            })
        };
        // RFC 6762 section 7.1: who asks says what it knows already.
        let is_known = |record: &Record| {
            query.answers.iter().any(|known| {
                is_same(&known.name, &record.name)
                    && known.rdata == record.rdata
                    && known.ttl >= record.ttl / 2
            })
        };
        let records = self.records();
        let mut answers: Vec<Record> = records
            .iter()
            .filter(|record| is_asked(record) && !is_known(record))
            .cloned()
            .collect();
        let is_plain = from.port() != PORT;
        let wants_unicast = query.questions.iter().all(|one| one.unicast_response);
        if !is_plain && !wants_unicast {
            answers.retain(|record| self.may_repeat(record, now));
            self.note_told(&answers, now);
        }
        if answers.is_empty() {
            return;
        }
        let mut reply = Packet::new_reply(if is_plain { query.id() } else { 0 });
        reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        // RFC 6763 section 12: where the service is, together with that there is one.
        if answers.iter().any(|one| matches!(one.rdata, RData::PTR(_))) {
            let is_more = |record: &&Record| {
                !matches!(record.rdata, RData::PTR(_)) && !answers.contains(*record)
            };
            reply.additional_records = records.iter().filter(is_more).cloned().collect();
        }
        reply.answers = answers;
        if is_plain {
            reply.questions.clone_from(&query.questions);
            for record in reply
                .answers
                .iter_mut()
                .chain(&mut reply.additional_records)
            {
                record.ttl = record.ttl.min(LEGACY_TTL_MAX);
                record.cache_flush = false;
            }
        }
        let to = (is_plain || wants_unicast).then_some(from);
        self.send(to, &reply);
    }

    fn may_repeat(&self, record: &Record, now: Monotonic) -> bool {
        let told_at = self.told_at.get(&key(record));
        told_at.is_none_or(|at| now.since_ms(*at) >= REPEAT_MS)
    }

    fn note_told(&mut self, records: &[Record], now: Monotonic) {
        self.told_at
            .extend(records.iter().map(|one| (key(one), now)));
    }

    /// RFC 6762 section 8.1: a question, and what the answer would be.
    fn probe(&mut self) {
        let mut packet = Packet::new_query(0);
        let class = CLASS::IN.into();
        let question = Question::new(self.host.clone(), QTYPE::ANY, class, true);
        packet.questions.push(question);
        let told = self.places.told.iter();
        packet.name_servers = told
            .map(|ip| Record {
                cache_flush: false,
                ..self.address(*ip, HOST_TTL)
            })
            .collect();
        self.send(None, &packet);
    }

    fn tell(&mut self, records: Vec<Record>) {
        let mut packet = Packet::new_reply(0);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        packet.answers = records;
        self.send(None, &packet);
    }

    fn send(&mut self, to: Option<SocketAddr>, packet: &Packet<'_>) {
        // Names and records are ours, and short.
        if let Ok(bytes) = packet.build_bytes_vec_compressed() {
            self.outputs.push_back(Datagram { to, bytes });
        }
    }

    fn address(&self, ip: IpAddr, ttl: u32) -> Record {
        let rdata = match ip {
            IpAddr::V4(ip) => RData::A(ip.into()),
            IpAddr::V6(ip) => RData::AAAA(ip.into()),
        };
        Record::new(self.host.clone(), CLASS::IN, ttl, rdata).with_cache_flush(true)
    }

    fn records(&self) -> Vec<Record> {
        let told = self.places.told.iter();
        let addresses = told.map(|ip| self.address(*ip, HOST_TTL));
        addresses.chain(self.services()).collect()
    }

    /// RFC 6763: of each service a pointer to this one, where it is, and the service as such.
    fn services(&self) -> Vec<Record> {
        let services = self.site.services.iter();
        services
            .filter_map(|(service, port)| self.service(service, *port).ok())
            .flatten()
            .collect()
    }

    fn service(&self, service: &str, port: u16) -> Result<[Record; 4], SimpleDnsError> {
        let kind = name(&format!("{service}._tcp.local"))?;
        let instance = name(&format!("{}.{service}._tcp.local", self.site.name))?;
        let every = name("_services._dns-sd._udp.local")?;
        let pointer = |at: Name<'static>, to: Name<'static>| {
            Record::new(at, CLASS::IN, OTHER_TTL, RData::PTR(PTR(to)))
        };
        let srv = SRV {
            priority: 0,
            weight: 0,
            port,
            target: self.host.clone(),
        };
        let unique = |ttl, rdata| {
            Record::new(instance.clone(), CLASS::IN, ttl, rdata).with_cache_flush(true)
        };
        Ok([
            pointer(kind.clone(), instance.clone()),
            unique(HOST_TTL, RData::SRV(srv)),
            // An empty text is one empty string (RFC 6763 section 6.1).
            unique(OTHER_TTL, RData::TXT(TXT::new().with_string("")?)),
            pointer(every, kind),
        ])
    }
}

fn name(text: &str) -> Result<Name<'static>, SimpleDnsError> {
    Ok(Name::new(text)?.into_owned())
}

/// Names differ neither by case nor by how they were packed.
fn is_same(one: &Name<'_>, other: &Name<'_>) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    one.map(<[u8]>::to_ascii_lowercase)
        .eq(other.map(<[u8]>::to_ascii_lowercase))
}

fn key(record: &Record) -> (String, u16) {
    let address = match &record.rdata {
        RData::A(a) => IpAddr::from(std::net::Ipv4Addr::from(a.address)).to_string(),
        RData::AAAA(aaaa) => IpAddr::from(std::net::Ipv6Addr::from(aaaa.address)).to_string(),
        _ => String::new(),
    };
    let kind: TYPE = record.rdata.type_code();
    (format!("{} {address}", record.name), kind.into())
}

/// On a link of this machine, as far as an address can tell.
fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unique_local() || ip.is_loopback(),
    }
}
