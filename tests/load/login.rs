//! A storm of logins: connect, authenticate, bind, enable stream management, leave.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use crate::bench::Bench;
use crate::bench::Meter;
use crate::bench::user;
use crate::generator::Outcome;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::report::Report;

/// Logins under way at a time.
const AT_ONCE: usize = 8;

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    for (security, name) in [(Security::Plain, "plain"), (Security::Tls, "TLS")] {
        // Also fills the generator's memory of hashed passwords.
        storm(bench, server.ports, security, bench.warm_up())?;
        let meter = Meter::new(server.pid())?;
        let count = storm(bench, server.ports, security, bench.phase())?;
        let cost = meter.read()?;
        report.higher(&format!("login, {name}"), "/s", cost.each_second(count));
        report.lower(
            &format!("login, {name}: server CPU"),
            "us",
            cost.microseconds_each(count),
        );
    }
    server.stop()
}

fn storm(bench: &Bench, ports: Ports, security: Security, length: Duration) -> Outcome<u64> {
    let count = Rc::new(Cell::new(0));
    let end = Instant::now() + length;
    bench.run(bench.all((0..AT_ONCE).map(|worker| {
        let ground = Rc::clone(&bench.ground);
        let count = Rc::clone(&count);
        async move {
            let name = user(worker);
            loop {
                login(&ground, ports, security, &name).await?;
                count.set(count.get() + 1);
                if Instant::now() >= end {
                    return Ok(());
                }
            }
        }
    })))?;
    Ok(count.get())
}

async fn login(ground: &Ground, ports: Ports, security: Security, name: &str) -> Outcome<()> {
    ground
        .login(ports, security, name, "storm")
        .await?
        .close()
        .await
}
