//! Memory of sessions that only stay connected: logged in, managed, present, silent.

use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use smol::Async;

use crate::bench::Bench;
use crate::bench::user;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::process;
use crate::generator::server::Favour;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::generator::web::Wrapped;
use crate::report::Report;

/// Accounts that the sessions are spread over.
const ACCOUNTS: usize = 100;
/// Logins under way at a time.
const AT_ONCE: usize = 10;
/// A server may tidy up after a storm of logins.
const REST: Duration = Duration::from_secs(2);

/// How a session is connected.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Stream(Security),
    WebSocket,
    /// It keeps a request open.
    Bosh,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Stream(Security::Plain), "plain"),
    (Kind::Stream(Security::Tls), "TLS"),
    (Kind::WebSocket, "WebSocket"),
    (Kind::Bosh, "BOSH"),
];

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    // Others are set up without what browsers need.
    let is_alone = target.name() != "meerkat";
    for (kind, name) in KINDS {
        if is_alone && !matches!(kind, Kind::Stream(_)) {
            continue;
        }
        target.favour(place, Favour::Memory)?;
        let server = bench.start(target, place)?;
        target.favour(place, Favour::Speed)?;
        let sessions = bench.pick(200, 1_000, 3_000);
        let (ports, http) = (server.ports, place.ports.http);
        let login = |index| idle(bench.clone(), kind, ports, http, index);
        // One login of each kind loads the code that all of them share.
        let mut clients = vec![bench.run(login(0))?];
        let before = process::memory(server.pid())?;
        for first in (1..=sessions).step_by(AT_ONCE) {
            clients.extend(bench.run(bench.all((first..first + AT_ONCE).map(login)))?);
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

async fn idle(bench: Bench, kind: Kind, ports: Ports, http: u16, index: usize) -> Outcome<Client> {
    let ground = Rc::clone(&bench.ground);
    let (user, resource) = (user(index % ACCOUNTS), format!("idle{index}"));
    let connect = || Async::<TcpStream>::connect((ports.ip, http));
    let mut client = match kind {
        Kind::Stream(security) => ground.login(ports, security, &user, &resource).await?,
        Kind::WebSocket => {
            let stream = Box::new(Wrapped::upgrade(connect().await?).await?);
            ground.login_over(stream, &user, &resource).await?
        }
        Kind::Bosh => {
            let stream = Box::new(Wrapped::begin(connect().await?));
            ground.login_over(stream, &user, &resource).await?
        }
    };
    let roster = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";
    client.request("roster", roster).await?;
    client.send("<presence/>");
    client.settle().await?;
    // Nothing is there to be read, but a request of BOSH is open from here on.
    while let Some(element) = smol::future::poll_once(client.next()).await {
        element?;
    }
    Ok(client)
}
