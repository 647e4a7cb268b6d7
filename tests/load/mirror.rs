//! What a second board costs: the same conversations on one board and on two that are a pair.
//!
//! In the pair every message goes from a client of one board to a client of the other, and is acknowledged when it
//! is on both disks. Both boards run on one core and write to one disk here, so only what each of them spends is
//! compared; how long it takes on boards of their own is another matter.

use std::fs;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::bench;
use crate::bench::Bench;
use crate::bench::Meter;
use crate::disk;
use crate::disk::Trace;
use crate::generator::Outcome;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::server::Place;
use crate::generator::server::Server;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::pairs;
use crate::pairs::Manner;
use crate::pairs::PAIRS;
use crate::pairs::Pair;
use crate::pairs::STEADY_RATE;
use crate::report::Report;

const BINARY: &str = env!("CARGO_BIN_EXE_meerkat");
/// Longest wait until both boards serve.
const MEET_MAX: Duration = Duration::from_secs(30);

/// What a board spent, in microseconds of processor time a message: as fast as it goes, and at a steady rate.
type Spent = [f64; 2];

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    if target.name() != "meerkat" {
        return Ok(());
    }
    let one = Place::new(&place.folder.join("one"))?;
    target.prepare(&one, &bench::users())?;
    let mut alone = bench.start(target, &one)?;
    let single = converse(bench, &[&alone], "one board", report)?;
    alone.stop()?;

    let two = Place::new(&place.folder.join("two"))?;
    target.prepare(&two, &[])?;
    let (mut a, mut b, link) = meet(bench, target, (&one, &two))?;
    let begin = link.bytes();
    let pair = converse(bench, &[&a, &b], "pair", report)?;
    let count = pair.count;
    let what = "pair: bytes on the link a message";
    report.lower(what, "bytes", (link.bytes() - begin) as f64 / count as f64);
    for (board, spent) in ["board 0", "board 1"].into_iter().zip(&pair.spent) {
        for (manner, (with, without)) in ["in tens", "steady"]
            .into_iter()
            .zip(spent.iter().zip(&single.spent[0]))
        {
            let what = format!("pair, {manner}: CPU of {board} against one board alone");
            report.lower(&what, "times", with / without);
        }
    }
    write(bench, [(&a, &one), (&b, &two)], report)?;
    b.stop()?;
    a.stop()
}

struct Conversed {
    /// Of each board.
    spent: Vec<Spent>,
    count: u64,
}

/// The boards take turns in having the sender and the receiver.
fn converse(
    bench: &Bench,
    boards: &[&Server],
    name: &str,
    report: &mut Report,
) -> Outcome<Conversed> {
    let ports: Vec<Ports> = boards.iter().map(|one| one.ports).collect();
    let at = |index: usize| ports[index % ports.len()];
    let members = (0..PAIRS).map(|index| (2 * index, at(index), 2 * index + 1, at(index + 1)));
    let talkers = bench.run(Pair::login_at(bench, Security::Plain, members))?;
    let manner = Manner {
        batch: 10,
        archived: true,
    };
    let (talkers, warm, _) = pairs::talk(bench, talkers, manner, bench.warm_up())?;
    let meters = meters(boards)?;
    let (talkers, fast, _) = pairs::talk(bench, talkers, manner, bench.phase())?;
    let in_tens = spent(&meters, fast)?;
    // What the tables take of the fast messages is not the slow ones' to pay.
    for board in boards {
        disk::rest(board.pid())?;
    }
    let meters = self::meters(boards)?;
    let (talkers, slow, mut latencies) = pairs::steady(bench, talkers)?;
    let steady = spent(&meters, slow)?;
    latencies.report(&format!("{name}, {STEADY_RATE} a second"), report);
    bench.run(bench.all(talkers.into_iter().map(Pair::finish)))?;
    let spent: Vec<Spent> = in_tens.into_iter().zip(steady).map(Into::into).collect();
    for (board, [fast, slow]) in spent.iter().enumerate() {
        report.lower(
            &format!("{name}, in tens: CPU of board {board} a message"),
            "us",
            *fast,
        );
        report.lower(
            &format!("{name}, steady: CPU of board {board} a message"),
            "us",
            *slow,
        );
    }
    Ok(Conversed {
        spent,
        count: warm + fast + slow,
    })
}

fn meters(boards: &[&Server]) -> Outcome<Vec<Meter>> {
    boards.iter().map(|one| Meter::new(one.pid())).collect()
}

fn spent(meters: &[Meter], count: u64) -> Outcome<Vec<f64>> {
    let each = |meter: &Meter| Ok(meter.read()?.microseconds_each(count));
    meters.iter().map(each).collect()
}

/// What each board writes for messages that come slowly.
fn write(bench: &Bench, boards: [(&Server, &Place); 2], report: &mut Report) -> Outcome<()> {
    let users = [(0, boards[0].0.ports, 1, boards[1].0.ports)].into_iter();
    let mut pairs = bench.run(Pair::login_at(bench, Security::Plain, users))?;
    let Some(mut pair) = pairs.pop() else {
        return unexpected("no pair");
    };
    bench.run(disk::pace(&mut pair, 10, 5))?;
    let count = 100 * bench.pick(2, 10, 150);
    for (name, (board, place)) in ["board 0", "board 1"].into_iter().zip(boards) {
        disk::rest(board.pid())?;
        let Some(trace) = Trace::start(board.pid(), &place.folder) else {
            break;
        };
        bench.run(disk::pace(&mut pair, 100, count))?;
        let written = trace.read()?;
        let what = format!("pair, 100 messages a second: {name} writes a message");
        report.lower(&what, "bytes", written.bytes as f64 / count as f64);
        let what = format!("pair, 100 messages a second: syncs of {name} a message");
        report.lower(&what, "", written.syncs as f64 / count as f64);
    }
    bench.run(pair.finish())
}

/// Makes a pair of a board with users and of a blank one, the way an operator does.
fn meet(
    bench: &Bench,
    target: &dyn Target,
    (one, two): (&Place, &Place),
) -> Outcome<(Server, Server, Wire)> {
    let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let file = one.folder.join("meerkat.toml");
    let settings = fs::read_to_string(&file)?;
    let listen = format!("listen.mirror = [\"127.0.0.1:{far}\"]");
    fs::write(&file, format!("{settings}\n{listen}\n"))?;
    let wire = Wire::lay(far)?;
    let a = bench.start(target, one)?;
    let near = format!("127.0.0.1:{}", wire.port);
    let line = command(one, &["pair", "invite", "--address", &near])?;
    command(two, &["pair", "join", line.trim(), "--wipe"])?;
    // It refuses clients until it has met the other one.
    let b = Server::spawn(target, two, bench.core)?;
    let begin = Instant::now();
    let is_met = || command(one, &["pair", "status", "--json"]);
    let is_open = || TcpStream::connect((Ipv4Addr::LOCALHOST, two.ports.tls)).is_ok();
    while !(is_met()?.contains("\"state\":\"sync\"") && is_open()) {
        if begin.elapsed() > MEET_MAX {
            return unexpected("the boards do not meet");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((a, b, wire))
}

fn command(place: &Place, words: &[&str]) -> Outcome<String> {
    let mut command = Command::new(BINARY);
    command
        .args(words)
        .arg("--config")
        .arg(place.folder.join("meerkat.toml"));
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return unexpected(format!("{words:?}: {said}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Between the boards, counting what goes over it. It runs where the clients run.
struct Wire {
    port: u16,
    bytes: Arc<AtomicU64>,
}

impl Wire {
    fn lay(far: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Whoever finds nobody calls again.
                drop(join(near, far, &counted));
            }
        });
        Ok(Self { port, bytes })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn join(near: TcpStream, far: u16, counted: &Arc<AtomicU64>) -> io::Result<()> {
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, far))?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
        let counted = Arc::clone(counted);
        thread::spawn(move || carry(from, to, &counted));
    }
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream, counted: &AtomicU64) {
    let mut piece = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        counted.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    // The other end may be gone already.
    drop(to.shutdown(Shutdown::Write));
}
