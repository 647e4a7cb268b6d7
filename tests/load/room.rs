//! A room of a hundred and one of a thousand: one speaks, all hear each numbered message once and in order.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::bench::Bench;
use crate::bench::Latencies;
use crate::bench::Meter;
use crate::bench::USERS;
use crate::bench::user;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::server::Place;
use crate::generator::server::ROOM_HOST;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::pairs::body;
use crate::pairs::check;
use crate::pairs::number;
use crate::report::Report;

/// After so many joins everybody takes what they brought, before it is more than a server keeps for one who does not.
const JOINS_AT_ONCE: usize = 50;
/// Messages in one write of the speaker.
const BATCH: u64 = 5;

struct Room {
    address: String,
    /// The first one speaks.
    occupants: Vec<Client>,
    next: u64,
}

impl Room {
    async fn gather(bench: &Bench, ports: Ports, count: usize) -> Outcome<Self> {
        let address = format!("load{count}@{ROOM_HOST}");
        let mut occupants: Vec<Client> = Vec::new();
        while occupants.len() < count {
            let first = occupants.len();
            let logins = bench.all((first..count.min(first + JOINS_AT_ONCE)).map(|index| {
                let ground = Rc::clone(&bench.ground);
                async move {
                    let (account, resource) = (user(index % USERS), format!("room{index}"));
                    ground
                        .login(ports, Security::Plain, &account, &resource)
                        .await
                }
            }));
            for (index, mut occupant) in (first..).zip(logins.await?) {
                join(&mut occupant, &address, &user(index)).await?;
                if index == 0 {
                    open(&mut occupant, &address).await?;
                }
                occupants.push(occupant);
            }
            for occupant in &mut occupants {
                let ping =
                    "<iq type='get' id='joined' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
                occupant.request("joined", ping).await?;
            }
        }
        Ok(Self {
            address,
            occupants,
            next: 0,
        })
    }

    async fn speak(&mut self, latencies: &mut Latencies) -> Outcome<()> {
        let begin = Instant::now();
        let numbers = self.next..self.next + BATCH;
        let Some(speaker) = self.occupants.first_mut() else {
            return unexpected("an empty room");
        };
        for number in numbers.clone() {
            speaker.send(&format!(
                "<message to='{}' type='groupchat' id='m{number}'><body>{}</body></message>",
                self.address,
                body(number)
            ));
        }
        speaker.ask();
        speaker.flush().await?;
        for occupant in &mut self.occupants {
            for number in numbers.clone() {
                check(hear(occupant).await?, number)?;
                latencies.add(begin.elapsed());
            }
        }
        if let Some(speaker) = self.occupants.first_mut() {
            speaker.settle().await?;
        }
        self.next = numbers.end;
        Ok(())
    }

    async fn speak_for(&mut self, length: Duration) -> Outcome<(u64, Latencies)> {
        let mut latencies = Latencies::default();
        let (first, count) = (self.next, self.occupants.len() as u64);
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.speak(&mut latencies).await?;
        }
        Ok(((self.next - first) * count, latencies))
    }
}

async fn join(occupant: &mut Client, address: &str, nick: &str) -> Outcome<()> {
    occupant.send(&format!(
        "<presence to='{address}/{nick}'><x xmlns='http://jabber.org/protocol/muc'>\
         <history maxchars='0'/></x></presence>"
    ));
    loop {
        let element = occupant.next().await?;
        if !xml::is(element, "presence") {
            continue;
        }
        if xml::attr(element, "type") == Some("error") {
            return unexpected(String::from_utf8_lossy(element));
        }
        // XEP-0045 section 7.2.2: the own presence comes last.
        if xml::has_status(element, "110") {
            return Ok(());
        }
    }
}

/// XEP-0045 section 10.1.2: takes the settings as they are.
async fn open(owner: &mut Client, address: &str) -> Outcome<()> {
    let answer = owner
        .request(
            "open",
            &format!(
                "<iq type='set' id='open' to='{address}'>\
                 <query xmlns='http://jabber.org/protocol/muc#owner'>\
                 <x xmlns='jabber:x:data' type='submit'/></query></iq>"
            ),
        )
        .await?;
    if answer.attr("type") == Some("result") {
        Ok(())
    } else {
        unexpected(format!("{answer:?}"))
    }
}

/// The number of the next message with a body; the room's subject has none.
async fn hear(occupant: &mut Client) -> Outcome<Option<u64>> {
    loop {
        let element = occupant.next().await?;
        if xml::is(element, "message") && xml::contains(element, "<body>") {
            return Ok(number(element));
        }
    }
}

pub(crate) fn hundred(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    measure(bench, (target, place), (100, "room of 100"), report)
}

pub(crate) fn thousand(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    measure(bench, (target, place), (1_000, "room of 1,000"), report)
}

fn measure(
    bench: &Bench,
    (target, place): (&dyn Target, &Place),
    (occupants, name): (usize, &str),
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let mut room = bench.run(Room::gather(bench, server.ports, occupants))?;
    bench.run(room.speak_for(bench.warm_up()))?;
    let meter = Meter::new(server.pid())?;
    let (count, mut latencies) = bench.run(room.speak_for(bench.phase()))?;
    let cost = meter.read()?;
    report.higher(name, "dlv/s", cost.each_second(count));
    report.lower(
        &format!("{name}: server CPU a delivery"),
        "us",
        cost.microseconds_each(count),
    );
    latencies.report(name, report);
    bench.run(bench.all(room.occupants.into_iter().map(Client::close)))?;
    server.stop()
}
