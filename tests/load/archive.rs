//! Clients that read their archives from the first message to the last, page by page (XEP-0313).

use std::time::Duration;
use std::time::Instant;

use crate::bench::Bench;
use crate::bench::Latencies;
use crate::bench::Meter;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Security;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::pairs::Manner;
use crate::pairs::PAIRS;
use crate::pairs::Pair;
use crate::pairs::check;
use crate::pairs::number;
use crate::report::Report;

/// Readers, each with an archive of its own that nothing else wrote to.
const READERS: usize = 5;
const PAGE: u64 = 50;

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let messages = bench.pick(200, 1_000, 5_000);
    let manner = Manner {
        batch: 10,
        archived: true,
    };
    let members = (0..READERS)
        .map(|index| 2 * (PAIRS + index))
        .map(|user| (user, user + 1));
    let pairs = bench.run(Pair::login(bench, server.ports, Security::Plain, members))?;
    let mut pairs = bench.run(bench.all(pairs.into_iter().map(|mut pair| async move {
        let mut ignored = Latencies::default();
        for _ in 0..messages / manner.batch {
            pair.exchange(manner, &mut ignored).await?;
        }
        Ok(pair)
    })))?;

    let messages = messages as u64;
    let mut readers = Vec::new();
    for pair in pairs.drain(..) {
        readers.push(pair.receiver);
    }
    let (readers, _) = read(bench, readers, messages, Duration::ZERO)?;
    let meter = Meter::new(server.pid())?;
    let (readers, pages) = read(bench, readers, messages, bench.phase())?;
    let cost = meter.read()?;
    report.higher("archive, 50 a page", "pages/s", cost.each_second(pages));
    report.lower(
        "archive: server CPU a message read",
        "us",
        cost.microseconds_each(pages * PAGE),
    );
    bench.run(bench.all(readers.into_iter().map(Client::close)))?;
    server.stop()
}

/// Every reader reads its whole archive, at least once and until the time is over.
fn read(
    bench: &Bench,
    readers: Vec<Client>,
    messages: u64,
    length: Duration,
) -> Outcome<(Vec<Client>, u64)> {
    let end = Instant::now() + length;
    let readings = readers.into_iter().map(|mut reader| async move {
        let mut pages = 0;
        loop {
            pages += read_all(&mut reader, messages).await?;
            if Instant::now() >= end {
                return Ok((reader, pages));
            }
        }
    });
    let (readers, pages): (Vec<_>, Vec<_>) = bench.run(bench.all(readings))?.into_iter().unzip();
    Ok((readers, pages.into_iter().sum()))
}

async fn read_all(reader: &mut Client, messages: u64) -> Outcome<u64> {
    let mut after = String::new();
    let mut seen = 0;
    let mut pages = 0;
    loop {
        reader.send(&format!(
            "<iq type='set' id='page'><query xmlns='urn:xmpp:mam:2' queryid='page'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{after}</set></query></iq>"
        ));
        pages += 1;
        let (count, complete, last) = read_page(reader, seen).await?;
        seen += count;
        if complete {
            break;
        }
        if count != PAGE {
            return unexpected(format!("a page of {count} messages before the end"));
        }
        after = format!("<after>{last}</after>");
    }
    if seen == messages {
        Ok(pages)
    } else {
        unexpected(format!("{seen} of {messages} messages in the archive"))
    }
}

/// Checks the numbers of one page; gives their count, whether it was the last page, and the last id.
async fn read_page(reader: &mut Client, first: u64) -> Outcome<(u64, bool, String)> {
    let mut seen = 0;
    loop {
        let element = reader.next().await?;
        if xml::is(element, "message") {
            check(number(element), first + seen)?;
            seen += 1;
        } else if xml::is(element, "iq") && xml::attr(element, "id") == Some("page") {
            if xml::attr(element, "type") != Some("result") {
                return unexpected(String::from_utf8_lossy(element));
            }
            let complete = xml::contains(element, "complete='true'")
                || xml::contains(element, "complete=\"true\"");
            let last = xml::text(element, "last").unwrap_or_default().to_owned();
            return Ok((seen, complete, last));
        }
    }
}
