//! Files over HTTP (XEP-0363), each with a connection of its own: how fast they come and go, and what that costs.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;

use crate::bench::Bench;
use crate::bench::Cost;
use crate::bench::Meter;
use crate::bench::user;
use crate::generator::Outcome;
use crate::generator::client::Security;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::generator::upload::Slot;
use crate::generator::upload::slot;
use crate::report::Report;

const FILE_BYTES: usize = 8 << 20;
const PIECE_BYTES: usize = 65_536;

/// Asks for an address, and gives how many bytes the answer has beyond its head.
fn ask(method: &str, url: &str, fields: &str, body: &[u8]) -> Outcome<usize> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut socket = TcpStream::connect(host)?;
    let head =
        format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
    socket.write_all(head.as_bytes())?;
    socket.write_all(body)?;
    let (mut answer, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    let mut count = 0;
    loop {
        let read = socket.read(&mut piece)?;
        if read == 0 {
            break;
        }
        count += read;
        if answer.len() < PIECE_BYTES {
            answer.extend_from_slice(&piece[..read]);
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    if head
        .split(' ')
        .nth(1)
        .is_some_and(|status| status.starts_with('2'))
    {
        Ok(count.saturating_sub(head.len() + 4))
    } else {
        unexpected(format!("{method}: {head}"))
    }
}

fn tell(report: &mut Report, what: &str, cost: &Cost, files: usize) {
    let mebibytes = (files * FILE_BYTES) as f64 / f64::from(1 << 20);
    let seconds = cost.wall.as_secs_f64();
    report.higher(&format!("files: {what}"), "MiB/s", mebibytes / seconds);
    let milliseconds = cost.processor.as_secs_f64() * 1e3;
    let name = format!("files: {what}: server CPU a MiB");
    report.lower(&name, "ms", milliseconds / mebibytes);
}

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let files = bench.pick(4, 16, 40);
    let account = user(0);
    let login = bench
        .ground
        .login(server.ports, Security::Plain, &account, "files");
    let mut client = bench.run(login)?;
    let mut slots = Vec::new();
    for number in 0..=files {
        let name = format!("{number}.bin");
        slots.push(bench.run(slot(&mut client, &name, FILE_BYTES))?);
    }
    // Each file is another one: equal ones would be kept once.
    let body = |number: usize| {
        let mut body = vec![0xa5; FILE_BYTES];
        body[..8].copy_from_slice(&(number as u64).to_be_bytes());
        body
    };
    let put = |number: usize, slot: &Slot| {
        let fields = format!("Content-Length: {FILE_BYTES}\r\n{}", slot.fields);
        ask("PUT", &slot.put, &fields, &body(number))
    };
    put(files, &slots[files])?;
    let meter = Meter::new(server.pid())?;
    for (number, slot) in slots[..files].iter().enumerate() {
        put(number, slot)?;
    }
    tell(report, "up", &meter.read()?, files);
    let meter = Meter::new(server.pid())?;
    for slot in &slots[..files] {
        let count = ask("GET", &slot.get, "", &[])?;
        if count != FILE_BYTES {
            return unexpected(format!("{count} bytes of {FILE_BYTES}"));
        }
    }
    tell(report, "down", &meter.read()?, files);
    bench.run(client.close())?;
    server.stop()
}
