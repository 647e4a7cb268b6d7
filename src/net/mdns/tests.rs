//! Scenarios of the responder in model time: names, answers, the boards of a pair, and others who want the name.

use simple_dns::CLASS;
use simple_dns::Name;
use simple_dns::Packet;
use simple_dns::PacketFlag;
use simple_dns::QTYPE;
use simple_dns::Question;
use simple_dns::TYPE;
use simple_dns::rdata::RData;

use super::*;
use crate::base::random::Rng;
use crate::base::time::Monotonic;
use crate::net::mdns::responder::Datagram;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 10));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 11));
const CLIENT: &str = "192.168.1.99:5353";
const PLAIN_CLIENT: &str = "192.168.1.99:40000";

struct Link {
    now: Monotonic,
    responder: Responder,
}

impl Link {
    fn new() -> Self {
        let site = Site {
            name: "chat".to_owned(),
            services: vec![("_xmpp-client", 5222), ("_xmpps-client", 5223)],
        };
        let now = Monotonic(0);
        Self {
            now,
            responder: Responder::new(site, now).unwrap(),
        }
    }

    /// A server that is known under its name.
    fn told(told: &[IpAddr], known: &[IpAddr]) -> Self {
        let mut link = Self::new();
        link.set(told, known);
        link.pass(5_000);
        link
    }

    fn set(&mut self, told: &[IpAddr], known: &[IpAddr]) {
        let places = Places {
            told: told.iter().copied().collect(),
            known: known.iter().copied().collect(),
        };
        self.responder.set_places(self.now, places);
    }

    /// All that is sent meanwhile.
    fn pass(&mut self, ms: u64) -> Vec<Datagram> {
        let end = self.now.plus_ms(ms);
        while let Some(due) = self.responder.wake_at().filter(|due| *due <= end) {
            self.now = due;
            self.responder.handle_due(due);
        }
        self.now = end;
        self.sent()
    }

    fn sent(&mut self) -> Vec<Datagram> {
        std::iter::from_fn(|| self.responder.poll_output()).collect()
    }

    fn ask(&mut self, from: &str, packet: &Packet<'_>) -> Vec<Datagram> {
        let bytes = packet.build_bytes_vec().unwrap();
        let from = from.parse().unwrap();
        self.responder.handle_datagram(self.now, from, &bytes);
        self.sent()
    }

    fn ask_for(&mut self, from: &str, name: &str, kind: TYPE) -> Vec<Datagram> {
        self.ask(from, &query(name, kind))
    }
}

fn query(name: &str, kind: TYPE) -> Packet<'_> {
    let mut packet = Packet::new_query(7);
    let question = Question::new(
        Name::new(name).unwrap(),
        QTYPE::TYPE(kind),
        CLASS::IN.into(),
        false,
    );
    packet.questions.push(question);
    packet
}

/// Answers as text, and after them what was added.
fn texts(datagram: &Datagram) -> Vec<String> {
    let packet = Packet::parse(&datagram.bytes).unwrap();
    let records = packet.answers.iter().chain(&packet.additional_records);
    let text = |one: &simple_dns::ResourceRecord<'_>| {
        let what = match &one.rdata {
            RData::A(a) => Ipv4Addr::from(a.address).to_string(),
            RData::PTR(ptr) => ptr.0.to_string(),
            RData::SRV(srv) => format!("{}:{}", srv.target, srv.port),
            RData::TXT(_) => "text".to_owned(),
            other => format!("{other:?}"),
        };
        format!("{} {} {what}", one.name, one.ttl)
    };
    records.map(text).collect()
}

#[test]
fn a_name_is_asked_for_before_it_is_told() {
    let mut link = Link::new();
    link.set(&[A], &[]);
    let probes = link.pass(700);
    assert_eq!(probes.len(), 3);
    for probe in &probes {
        let packet = Packet::parse(&probe.bytes).unwrap();
        assert!(!packet.has_flags(PacketFlag::RESPONSE));
        assert_eq!(packet.questions[0].qname.to_string(), "chat.local");
        assert_eq!(packet.name_servers.len(), 1);
    }
    assert_eq!(link.ask_for(CLIENT, "chat.local", TYPE::A), []);
    let announcements = link.pass(3_000);
    assert_eq!(announcements.len(), 2);
    assert_eq!(texts(&announcements[0])[0], "chat.local 120 192.168.1.10");
    assert_eq!(link.responder.wake_at(), None);
}

#[test]
fn a_client_finds_the_service_with_one_question() {
    let mut link = Link::told(&[A], &[]);
    let answers = link.ask_for(CLIENT, "_xmpp-client._tcp.local", TYPE::PTR);
    expect_test::expect![[r#"
        [
            "_xmpp-client._tcp.local 4500 chat._xmpp-client._tcp.local",
            "chat.local 120 192.168.1.10",
            "chat._xmpp-client._tcp.local 120 chat.local:5222",
            "chat._xmpp-client._tcp.local 4500 text",
            "chat._xmpps-client._tcp.local 120 chat.local:5223",
            "chat._xmpps-client._tcp.local 4500 text",
        ]
    "#]]
    .assert_debug_eq(&texts(&answers[0]));
    assert_eq!((answers.len(), answers[0].to), (1, None));
}

#[test]
fn what_was_just_told_to_everybody_is_not_told_again() {
    let mut link = Link::told(&[A], &[]);
    assert_eq!(link.ask_for(CLIENT, "CHAT.local", TYPE::A).len(), 1);
    assert_eq!(link.ask_for(CLIENT, "chat.local", TYPE::A), []);
    link.pass(1_000);
    assert_eq!(link.ask_for(CLIENT, "chat.local", TYPE::A).len(), 1);
    link.pass(1_000);
    let mut packet = query("chat.local", TYPE::A);
    let known = link.ask_for(PLAIN_CLIENT, "chat.local", TYPE::A);
    let known = Packet::parse(&known[0].bytes).unwrap();
    let mut known = known.answers[0].clone();
    known.ttl = 60;
    packet.answers.push(known);
    assert_eq!(link.ask(CLIENT, &packet), []);
}

#[test]
fn a_plain_resolver_gets_its_own_answer_for_a_moment() {
    let mut link = Link::told(&[A, B], &[B]);
    let answers = link.ask_for(PLAIN_CLIENT, "chat.local", TYPE::A);
    assert_eq!(answers[0].to, Some(PLAIN_CLIENT.parse().unwrap()));
    let packet = Packet::parse(&answers[0].bytes).unwrap();
    assert_eq!((packet.id(), packet.questions.len()), (7, 1));
    let told = ["chat.local 10 192.168.1.10", "chat.local 10 192.168.1.11"];
    assert_eq!(texts(&answers[0]), told);
}

#[test]
fn a_board_that_goes_takes_its_address_and_leaves_the_rest() {
    let mut link = Link::told(&[A, B], &[B]);
    link.set(&[A], &[B]);
    let told = link.pass(5_000);
    assert_eq!(texts(&told[0]), ["chat.local 0 192.168.1.11"]);
    assert_eq!(texts(&told[1])[0], "chat.local 120 192.168.1.10");

    link.set(&[A, B], &[B]);
    link.pass(5_000);
    link.responder.stop();
    let told = link.sent();
    assert_eq!(texts(&told[0]), ["chat.local 0 192.168.1.10"]);
    assert_eq!(link.ask_for(CLIENT, "chat.local", TYPE::A), []);
}

#[test]
fn a_server_alone_takes_back_everything_when_it_stops() {
    let mut link = Link::told(&[A], &[]);
    link.responder.stop();
    let told = link.sent();
    assert_eq!(texts(&told[0]).len(), 9);
    assert!(texts(&told[0]).iter().all(|text| text.contains(" 0 ")));
}

#[test]
fn a_name_that_another_has_is_left_to_it() {
    let mut other = Link::told(&[B], &[]);
    let claim = other.ask_for(PLAIN_CLIENT, "chat.local", TYPE::A);
    let claim = Packet::parse(&claim[0].bytes).unwrap();

    // The other board of the pair may say so
    let mut link = Link::told(&[A], &[B]);
    link.ask(CLIENT, &claim);
    assert_eq!(link.responder.take_conflict(), None);

    // Anybody else has it
    let mut link = Link::told(&[A], &[]);
    link.ask(CLIENT, &claim);
    assert_eq!(link.responder.take_conflict(), Some(B));
    assert_eq!(link.ask_for(CLIENT, "chat.local", TYPE::A), []);
    // And is asked again after a while
    assert_eq!(link.pass(59_000), []);
    assert_eq!(link.pass(1_600).len(), 3);
}

#[test]
fn who_is_elsewhere_is_neither_answered_nor_believed() {
    let mut link = Link::told(&[A], &[]);
    assert_eq!(link.ask_for("203.0.113.5:5353", "chat.local", TYPE::A), []);
    assert_eq!(link.ask_for("203.0.113.5:53", "chat.local", TYPE::A), []);
}

#[test]
fn datagrams_of_any_kind_do_no_harm() {
    let mut rng = Rng::from_number(6_762);
    let mut link = Link::told(&[A], &[]);
    let whole = query("_xmpp-client._tcp.local", TYPE::PTR);
    let whole = whole.build_bytes_vec().unwrap();
    let mut answered = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=rng.below(3) {
            let at = usize::try_from(rng.next()).unwrap() % bytes.len();
            bytes[at] = rng.next().to_be_bytes()[0];
        }
        bytes.truncate(usize::try_from(rng.next()).unwrap() % (2 * bytes.len()) + 1);
        let from = CLIENT.parse().unwrap();
        link.responder.handle_datagram(link.now, from, &bytes);
        link.now = link.now.plus_ms(1_000);
        let sent = link.sent();
        assert!(sent.len() <= 1, "{sent:?}");
        assert!(sent.iter().all(|one| one.bytes.len() < DATAGRAM_BYTES_MAX));
        answered += sent.len();
    }
    assert!(answered > 100, "{answered}");
}
