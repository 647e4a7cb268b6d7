//! A room of a hundred: one speaks, all hear each numbered message once and in order.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::bench::Bench;
use crate::bench::Latencies;
use crate::bench::Meter;
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

const OCCUPANTS: usize = 100;
/// Messages in one write of the speaker.
const BATCH: u64 = 5;

struct Room {
    address: String,
    /// The first one speaks.
    occupants: Vec<Client>,
    next: u64,
}

impl Room {
    async fn gather(bench: &Bench, ports: Ports) -> Outcome<Self> {
        let address = format!("load@{ROOM_HOST}");
        let clients = bench.all((0..OCCUPANTS).map(|index| {
            let ground = Rc::clone(&bench.ground);
            async move {
                ground
                    .login(ports, Security::Plain, &user(index), "room")
                    .await
            }
        }));
        let mut occupants = clients.await?;
        for (index, occupant) in occupants.iter_mut().enumerate() {
            join(occupant, &address, &user(index)).await?;
            if index == 0 {
                open(occupant, &address).await?;
            }
        }
        // What the joins sent to everybody is out of the way after this.
        for occupant in &mut occupants {
            let ping =
                "<iq type='get' id='joined' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
            occupant.request("joined", ping).await?;
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
        let first = self.next;
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.speak(&mut latencies).await?;
        }
        Ok(((self.next - first) * OCCUPANTS as u64, latencies))
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

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let mut room = bench.run(Room::gather(bench, server.ports))?;
    bench.run(room.speak_for(bench.warm_up()))?;
    let meter = Meter::new(server.pid())?;
    let (count, mut latencies) = bench.run(room.speak_for(bench.phase()))?;
    let cost = meter.read()?;
    report.higher("room of 100", "dlv/s", cost.each_second(count));
    report.lower(
        "room of 100: server CPU a delivery",
        "us",
        cost.microseconds_each(count),
    );
    latencies.report("room of 100", report);
    bench.run(bench.all(room.occupants.into_iter().map(Client::close)))?;
    server.stop()
}
