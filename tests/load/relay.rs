//! The machine's own limit: a relay that copies bytes from one connection to the other and does nothing else.
//!
//! It is this program started again, on the server's core, with the same runtime. What a message costs
//! beyond it is parsing, routing, the log and acknowledgements.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Child;
use std::process::ExitCode;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use smol::Async;
use smol::LocalExecutor;
use smol::io::AsyncReadExt as _;
use smol::io::AsyncWriteExt as _;

use crate::bench::Bench;
use crate::bench::Latencies;
use crate::bench::Meter;
use crate::generator::Outcome;
use crate::generator::process;
use crate::generator::unexpected;
use crate::pairs::PAIRS;
use crate::pairs::message;
use crate::report::Report;

/// First argument of the program when it is the relay.
pub(crate) const ARGUMENT: &str = "--be-a-relay";
const COPY_BYTES: usize = 16_384;

/// The relay's side: connections are paired in the order of their arrival.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let Some(Ok(port)) = arguments.first().map(|port| port.parse::<u16>()) else {
        return ExitCode::from(2);
    };
    match smol::block_on(relay(port)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn relay(port: u16) -> Outcome<()> {
    let executor = Rc::new(LocalExecutor::new());
    let listener = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, port))?;
    let accept = async {
        loop {
            let (left, _) = listener.accept().await?;
            let (right, _) = listener.accept().await?;
            left.get_ref().set_nodelay(true)?;
            right.get_ref().set_nodelay(true)?;
            let (left, right) = (Rc::new(left), Rc::new(right));
            executor
                .spawn(copy(Rc::clone(&left), Rc::clone(&right)))
                .detach();
            executor.spawn(copy(right, left)).detach();
        }
    };
    executor.run(accept).await
}

async fn copy(from: Rc<Async<TcpStream>>, to: Rc<Async<TcpStream>>) -> Outcome<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let (mut from, mut to) = (&*from, &*to);
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}

struct Relay(Child);

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The same messages as in `pairs`, between raw sockets.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Outcome<()> {
    eprintln!("relay: pairs");
    report.column("bare relay", "");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let child = process::pinned(std::env::current_exe()?, bench.core)
        .arg(ARGUMENT)
        .arg(port.to_string())
        .stdin(Stdio::null())
        .spawn()?;
    let relay = Relay(child);
    let pairs = connect(port)?;
    for (name, batch) in [("1:1, in tens", 10), ("1:1, one by one", 1)] {
        talk(bench, &pairs, batch, bench.warm_up())?;
        let meter = Meter::new(relay.0.id())?;
        let (count, mut latencies) = talk(bench, &pairs, batch, bench.phase())?;
        let cost = meter.read()?;
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
    Ok(())
}

type Sockets = Rc<(Async<TcpStream>, Async<TcpStream>)>;

fn connect(port: u16) -> Outcome<Vec<Sockets>> {
    let begin = Instant::now();
    let open = || -> Outcome<Async<TcpStream>> {
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    return Ok(Async::new(socket)?);
                }
                Err(error) if begin.elapsed() > Duration::from_secs(5) => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    };
    (0..PAIRS)
        .map(|_| Ok(Rc::new((open()?, open()?))))
        .collect()
}

fn talk(
    bench: &Bench,
    pairs: &[Sockets],
    batch: usize,
    length: Duration,
) -> Outcome<(u64, Latencies)> {
    let end = Instant::now() + length;
    let all = Rc::new(RefCell::new(Latencies::default()));
    let text = message("user000@localhost/pair", 123_456, true).repeat(batch);
    let talks = pairs.iter().map(|pair| {
        let (pair, text, all) = (Rc::clone(pair), text.clone(), Rc::clone(&all));
        async move {
            let (mut sender, mut receiver) = (&pair.0, &pair.1);
            let mut buffer = vec![0; text.len()];
            let mut count = 0;
            while Instant::now() < end {
                let begin = Instant::now();
                sender.write_all(text.as_bytes()).await?;
                receiver.read_exact(&mut buffer).await?;
                if buffer != text.as_bytes() {
                    return unexpected("the relay changes bytes");
                }
                count += batch as u64;
                for _ in 0..batch {
                    all.borrow_mut().add(begin.elapsed());
                }
            }
            Ok(count)
        }
    });
    let count = bench.run(bench.all(talks))?.into_iter().sum();
    Ok((count, all.take()))
}
