//! Memory of sessions that only stay connected: logged in, managed, present, silent.

use std::rc::Rc;
use std::time::Duration;

use crate::bench::Bench;
use crate::bench::user;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Security;
use crate::generator::process;
use crate::generator::server::Favour;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::report::Report;

/// Accounts that the sessions are spread over.
const ACCOUNTS: usize = 100;
/// Logins under way at a time.
const AT_ONCE: usize = 10;
/// A server may tidy up after a storm of logins.
const REST: Duration = Duration::from_secs(2);

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    for (security, name) in [(Security::Plain, "plain"), (Security::Tls, "TLS")] {
        target.favour(place, Favour::Memory)?;
        let server = bench.start(target, place)?;
        target.favour(place, Favour::Speed)?;
        let sessions = bench.pick(200, 1_000, 3_000);
        // One login of each kind loads the code that all of them share.
        let mut clients = vec![bench.run(idle(bench, server.ports, security, 0))?];
        let before = process::memory(server.pid())?;
        for first in (1..=sessions).step_by(AT_ONCE) {
            let logins = (first..first + AT_ONCE).map(|index| {
                let bench = bench.clone();
                let ports = server.ports;
                async move { idle(&bench, ports, security, index).await }
            });
            clients.extend(bench.run(bench.all(logins))?);
        }
        std::thread::sleep(REST);
        let after = process::memory(server.pid())?;
        let added = after
            .proportional_kib
            .saturating_sub(before.proportional_kib);
        report.lower(
            &format!("idle session, {name}: memory"),
            "KiB",
            added as f64 / (clients.len() - 1) as f64,
        );
        drop(clients);
    }
    Ok(())
}

async fn idle(
    bench: &Bench,
    ports: crate::generator::client::Ports,
    security: Security,
    index: usize,
) -> Outcome<Client> {
    let ground = Rc::clone(&bench.ground);
    let resource = format!("idle{index}");
    let mut client = ground
        .login(ports, security, &user(index % ACCOUNTS), &resource)
        .await?;
    let roster = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";
    client.request("roster", roster).await?;
    client.send("<presence/>");
    client.settle().await?;
    Ok(client)
}
