//! A node of an account that a hundred of its devices hear of (XEP-0163): one publishes, each gets every item once and
//! in order.

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
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::pairs::check;
use crate::report::Report;

const DEVICES: usize = 100;
/// Items in one write.
const BATCH: u64 = 5;
const NODE: &str = "urn:load:note";
const INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0115 section 5.1, of what [`tell`] tells.
const CAPS: &str = "tvRTurvdT4iuLLc+bMpbj93V3W4=";

struct Devices {
    all: Vec<Client>,
    next: u64,
}

impl Devices {
    async fn gather(bench: &Bench, ports: Ports) -> Outcome<Self> {
        let clients = bench.all((0..DEVICES).map(|index| {
            let ground = Rc::clone(&bench.ground);
            async move {
                let resource = format!("pep{index}");
                ground
                    .login(ports, Security::Plain, &user(0), &resource)
                    .await
            }
        }));
        let mut all = clients.await?;
        for device in &mut all {
            device.send(&format!(
                "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='load' ver='{CAPS}'/></presence>"
            ));
            device.flush().await?;
        }
        for device in &mut all {
            tell(device).await?;
        }
        Ok(Self { all, next: 1 })
    }

    async fn publish(&mut self, latencies: &mut Latencies) -> Outcome<()> {
        let begin = Instant::now();
        let numbers = self.next..self.next + BATCH;
        let Some(publisher) = self.all.first_mut() else {
            return unexpected("no devices");
        };
        for number in numbers.clone() {
            publisher.send(&format!(
                "<iq type='set' id='p{number}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{NODE}'>\
                 <item id='current'><note xmlns='{NODE}' n='{number}'>what is new</note></item></publish></pubsub></iq>"
            ));
        }
        publisher.flush().await?;
        for device in &mut self.all {
            for number in numbers.clone() {
                check(hear(device).await?, number)?;
                latencies.add(begin.elapsed());
            }
        }
        self.next = numbers.end;
        Ok(())
    }

    async fn publish_for(&mut self, length: Duration) -> Outcome<(u64, Latencies)> {
        let mut latencies = Latencies::default();
        let first = self.next;
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.publish(&mut latencies).await?;
        }
        Ok(((self.next - first) * DEVICES as u64, latencies))
    }
}

/// Says what it wants to hear of to whoever asks, until the server has answered what was sent behind that.
async fn tell(device: &mut Client) -> Outcome<()> {
    for round in ["first", "last"] {
        device.send(&format!(
            "<iq type='get' id='{round}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        loop {
            let element = device.next().await?;
            let id = xml::attr(element, "id").unwrap_or_default().to_owned();
            if xml::is(element, "iq") && xml::attr(element, "type") == Some("get") {
                let from = xml::attr(element, "from").unwrap_or_default().to_owned();
                device.send(&format!(
                    "<iq type='result' id='{id}' to='{from}'><query xmlns='{INFO}' node='load#{CAPS}'>\
                     <identity category='client' type='pc' name='load'/><feature var='{INFO}'/>\
                     <feature var='{NODE}+notify'/></query></iq>"
                ));
            } else if xml::is(element, "iq") && id == round {
                break;
            }
        }
    }
    Ok(())
}

/// The number of the next item.
async fn hear(device: &mut Client) -> Outcome<Option<u64>> {
    loop {
        let element = device.next().await?;
        if xml::is(element, "message") && xml::contains(element, " n=") {
            let text = String::from_utf8_lossy(element);
            let behind = text.split(" n=").nth(1).unwrap_or_default();
            let digits: String = behind
                .chars()
                .skip(1)
                .take_while(char::is_ascii_digit)
                .collect();
            return Ok(digits.parse().ok());
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
    let mut devices = bench.run(Devices::gather(bench, server.ports))?;
    bench.run(devices.publish_for(bench.warm_up()))?;
    let meter = Meter::new(server.pid())?;
    let (count, mut latencies) = bench.run(devices.publish_for(bench.phase()))?;
    let cost = meter.read()?;
    report.higher("PEP to 100 devices", "dlv/s", cost.each_second(count));
    let name = "PEP to 100 devices: server CPU a notification";
    report.lower(name, "us", cost.microseconds_each(count));
    latencies.report("PEP to 100 devices", report);
    bench.run(bench.all(devices.all.into_iter().map(Client::close)))?;
    server.stop()
}
