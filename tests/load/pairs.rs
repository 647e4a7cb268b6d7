//! Fifty pairs: one side sends numbered messages, the other checks that each arrives once and in order.

use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use smol::Timer;
use smol::stream::StreamExt as _;

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
use crate::report::Report;

pub(crate) const PAIRS: usize = 50;

/// Messages a second of all pairs together, for latencies that are not made of queues.
pub(crate) const STEADY_RATE: u32 = 200;
pub(crate) const BODY_BYTES: usize = 250;

/// How a pair talks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Messages in one write, and unanswered at most.
    pub(crate) batch: usize,
    pub(crate) archived: bool,
}

/// A sender, its receiver, and the number of the next message between them.
pub(crate) struct Pair {
    sender: Client,
    pub(crate) receiver: Client,
    next: u64,
}

impl Pair {
    pub(crate) async fn login(
        bench: &Bench,
        ports: Ports,
        security: Security,
        users: impl Iterator<Item = (usize, usize)>,
    ) -> Outcome<Vec<Self>> {
        let at = |(from, to)| (from, ports, to, ports);
        Self::login_at(bench, security, users.map(at)).await
    }

    /// Each with a server of its own.
    pub(crate) async fn login_at(
        bench: &Bench,
        security: Security,
        users: impl Iterator<Item = (usize, Ports, usize, Ports)>,
    ) -> Outcome<Vec<Self>> {
        bench
            .all(users.map(|(from, near, to, far)| {
                let ground = Rc::clone(&bench.ground);
                async move {
                    let sender = ground.login(near, security, &user(from), "pair").await?;
                    let mut receiver = ground.login(far, security, &user(to), "pair").await?;
                    receiver.send("<presence/>");
                    // What an earlier scenario left comes before the answer.
                    let ping = "<iq type='get' id='there' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
                    receiver.request("there", ping).await?;
                    Ok(Self {
                        sender,
                        receiver,
                        next: 0,
                    })
                }
            }))
            .await
    }

    /// Sends one batch and waits until it has arrived and is acknowledged.
    pub(crate) async fn exchange(
        &mut self,
        manner: Manner,
        latencies: &mut Latencies,
    ) -> Outcome<()> {
        let begin = Instant::now();
        let first = self.next;
        for _ in 0..manner.batch {
            let message = message(&self.receiver.jid, self.next, manner.archived);
            self.sender.send(&message);
            self.next += 1;
        }
        self.sender.ask();
        self.sender.flush().await?;
        for expected in first..self.next {
            check(self.receive().await?, expected)?;
            latencies.add(begin.elapsed());
        }
        self.sender.settle().await
    }

    async fn receive(&mut self) -> Outcome<Option<u64>> {
        loop {
            let element = self.receiver.next().await?;
            if xml::is(element, "message") {
                return Ok(number(element));
            }
        }
    }

    /// Exchanges batches until a moment; gives the number of messages.
    async fn talk(mut self, manner: Manner, end: Instant) -> Outcome<(Self, u64, Latencies)> {
        let mut latencies = Latencies::default();
        let first = self.next;
        while Instant::now() < end {
            self.exchange(manner, &mut latencies).await?;
        }
        let count = self.next - first;
        Ok((self, count, latencies))
    }

    /// Sends a message at each tick until a moment.
    async fn pace(
        mut self,
        manner: Manner,
        mut ticks: Timer,
        end: Instant,
    ) -> Outcome<(Self, u64, Latencies)> {
        let mut latencies = Latencies::default();
        let first = self.next;
        while ticks.next().await.is_some_and(|now| now < end) {
            self.exchange(manner, &mut latencies).await?;
        }
        let count = self.next - first;
        Ok((self, count, latencies))
    }

    /// Nothing may come after the last message.
    pub(crate) async fn finish(mut self) -> Outcome<()> {
        ping(&mut self.receiver).await?;
        self.sender.close().await?;
        self.receiver.close().await
    }
}

/// A round trip to the server during which no message may arrive.
async fn ping(client: &mut Client) -> Outcome<()> {
    client.send("<iq type='get' id='quiet' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    loop {
        let element = client.next().await?;
        if xml::is(element, "message") && xml::contains(element, "<body>") {
            return unexpected(format!(
                "a message too many: {}",
                String::from_utf8_lossy(element)
            ));
        }
        if xml::is(element, "iq") && xml::attr(element, "id") == Some("quiet") {
            return Ok(());
        }
    }
}

pub(crate) fn message(to: &str, number: u64, archived: bool) -> String {
    let hint = if archived {
        ""
    } else {
        "<no-store xmlns='urn:xmpp:hints'/>"
    };
    format!(
        "<message to='{to}' type='chat' id='m{number}'><body>{}</body>{hint}</message>",
        body(number)
    )
}

/// A number, padded to the size of a common message.
pub(crate) fn body(number: u64) -> String {
    format!("{:-<BODY_BYTES$}", format!("{number} "))
}

pub(crate) fn number(element: &[u8]) -> Option<u64> {
    xml::text(element, "body")?.split(' ').next()?.parse().ok()
}

pub(crate) fn check(found: Option<u64>, expected: u64) -> Outcome<()> {
    if found == Some(expected) {
        Ok(())
    } else {
        unexpected(format!("message {found:?} where {expected} should be"))
    }
}

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let members = (0..PAIRS).map(|index| (2 * index, 2 * index + 1));
    let mut pairs = bench.run(Pair::login(bench, server.ports, Security::Plain, members))?;
    let manners = [
        ("1:1, in tens", 10, true),
        ("1:1, one by one", 1, true),
        ("1:1, in tens, not archived", 10, false),
    ];
    for (name, batch, archived) in manners {
        let manner = Manner { batch, archived };
        (pairs, _, _) = talk(bench, pairs, manner, bench.warm_up())?;
        let meter = Meter::new(server.pid())?;
        let (after, count, mut latencies) = talk(bench, pairs, manner, bench.phase())?;
        let cost = meter.read()?;
        pairs = after;
        report.higher(name, "msg/s", cost.each_second(count));
        report.lower(
            &format!("{name}: server CPU a message"),
            "us",
            cost.microseconds_each(count),
        );
        if batch == 1 {
            latencies.report(name, report);
        }
    }

    let name = format!("1:1, {STEADY_RATE} a second");
    let meter = Meter::new(server.pid())?;
    let (pairs, count, mut latencies) = steady(bench, pairs)?;
    let cost = meter.read()?;
    report.lower(
        &format!("{name}: server CPU a message"),
        "us",
        cost.microseconds_each(count),
    );
    latencies.report(&name, report);
    bench.run(bench.all(pairs.into_iter().map(Pair::finish)))?;
    server.stop()
}

pub(crate) type Talk = (Vec<Pair>, u64, Latencies);

pub(crate) fn talk(
    bench: &Bench,
    pairs: Vec<Pair>,
    manner: Manner,
    length: Duration,
) -> Outcome<Talk> {
    let end = Instant::now() + length;
    let talks = pairs.into_iter().map(|pair| pair.talk(manner, end));
    Ok(gathered(bench.run(bench.all(talks))?))
}

fn gathered(talks: Vec<(Pair, u64, Latencies)>) -> Talk {
    let mut all = (Vec::new(), 0, Latencies::default());
    for (pair, count, latencies) in talks {
        all.0.push(pair);
        all.1 += count;
        all.2.merge(latencies);
    }
    all
}

/// All pairs together send at a steady rate that every server can follow.
pub(crate) fn steady(bench: &Bench, pairs: Vec<Pair>) -> Outcome<Talk> {
    let step = Duration::from_secs(1) / STEADY_RATE;
    let begin = Instant::now();
    let talks = pairs.into_iter().zip(0..).map(|(pair, index)| {
        let manner = Manner {
            batch: 1,
            archived: true,
        };
        let first = begin + step * index;
        pair.pace(
            manner,
            Timer::interval_at(first, step * u32::try_from(PAIRS).unwrap_or(1)),
            begin + bench.phase(),
        )
    });
    Ok(gathered(bench.run(bench.all(talks))?))
}

/// Archives at least this many messages, spread over all pairs.
pub(crate) fn fill(bench: &Bench, ports: Ports, messages: usize) -> Outcome<()> {
    let manner = Manner {
        batch: 20,
        archived: true,
    };
    let members = (0..PAIRS).map(|index| (2 * index, 2 * index + 1));
    let pairs = bench.run(Pair::login(bench, ports, Security::Plain, members))?;
    let rounds = messages.div_ceil(PAIRS * manner.batch);
    bench.run(bench.all(pairs.into_iter().map(|mut pair| async move {
        let mut ignored = Latencies::default();
        for _ in 0..rounds {
            pair.exchange(manner, &mut ignored).await?;
        }
        pair.finish().await
    })))?;
    Ok(())
}
