//! A client that looks for one message in its archive by a word, whatever number of pages it takes (XEP-0431).

use std::time::Instant;

use crate::bench::Bench;
use crate::bench::Latencies;
use crate::bench::Meter;
use crate::bench::USERS;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Security;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::pairs::Manner;
use crate::pairs::Pair;
use crate::pairs::check;
use crate::pairs::number;
use crate::report::Report;

/// What is looked for: a number that no other one contains.
const WANTED: u64 = 1_234;

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let messages = bench.pick(2_000, 9_990, 9_990);
    let manner = Manner {
        batch: 10,
        archived: true,
    };
    let pairs = bench.run(Pair::login(
        bench,
        server.ports,
        Security::Plain,
        std::iter::once((USERS - 2, USERS - 1)),
    ))?;
    let Some(mut pair) = pairs.into_iter().next() else {
        return unexpected("no pair".to_owned());
    };
    let mut reader = bench.run(async move {
        let mut ignored = Latencies::default();
        for _ in 0..messages / manner.batch {
            pair.exchange(manner, &mut ignored).await?;
        }
        Ok(pair.receiver)
    })?;

    let searches = bench.pick(5, 50, 200);
    let meter = Meter::new(server.pid())?;
    let mut latencies = Latencies::default();
    for _ in 0..searches {
        let begin = Instant::now();
        let (back, is_answered) = bench.run(async move {
            let is_answered = search(&mut reader).await?;
            Ok((reader, is_answered))
        })?;
        reader = back;
        if !is_answered {
            report.note(&format!("{} searches no archives.", target.name()));
            return server.stop();
        }
        latencies.add(begin.elapsed());
    }
    let looked_at = searches * messages as u64;
    report.lower(
        "archive search: server CPU a message looked at",
        "us",
        meter.read()?.microseconds_each(looked_at),
    );
    latencies.report(&format!("archive search in {messages} messages"), report);
    bench.run(reader.close())?;
    server.stop()
}

/// From the newest message to the oldest; `false`: the server cannot.
async fn search(reader: &mut Client) -> Outcome<bool> {
    let (mut before, mut seen) = (String::new(), 0);
    loop {
        reader.send(&format!(
            "<iq type='set' id='search'><query xmlns='urn:xmpp:mam:2' queryid='search'>\
             <x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>\
             <field var='{{urn:xmpp:fulltext:0}}fulltext'><value>{WANTED}</value></field></x>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>50</max><before>{before}</before></set>\
             </query></iq>"
        ));
        let fin = loop {
            let element = reader.next().await?;
            if xml::is(element, "message") {
                check(number(element), WANTED)?;
                seen += 1;
            } else if xml::is(element, "iq") && xml::attr(element, "id") == Some("search") {
                break element.to_vec();
            }
        };
        if xml::attr(&fin, "type") != Some("result") {
            return Ok(false);
        }
        if xml::contains(&fin, "complete='true'") || xml::contains(&fin, "complete=\"true\"") {
            break;
        }
        xml::text(&fin, "first")
            .unwrap_or_default()
            .clone_into(&mut before);
    }
    if seen == 1 {
        Ok(true)
    } else {
        unexpected(format!("message {WANTED} was found {seen} times"))
    }
}
