//! A relay of TCP connections that can stop or delay what goes one way, for machines without namespaces.

use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(5);

/// What is done to the bytes: to the one who is called, and back.
#[derive(Default)]
struct Faults {
    to: AtomicBool,
    back: AtomicBool,
    delay_ms: AtomicU64,
}

pub(crate) struct Relay {
    pub(crate) port: u16,
    faults: Arc<Faults>,
}

impl Relay {
    /// Threads that end with the test.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            faults: Arc::default(),
        };
        let faults = Arc::clone(&relay.faults);
        thread::spawn(move || {
            while let Ok((from, _)) = listener.accept() {
                let Ok(to) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    continue;
                };
                both_ways(&from, &to, &faults);
            }
        });
        relay
    }

    pub(crate) fn cut(&self, is_to: bool, is_cut: bool) {
        let side = if is_to {
            &self.faults.to
        } else {
            &self.faults.back
        };
        side.store(is_cut, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self, ms: u64) {
        self.faults.delay_ms.store(ms, Ordering::Relaxed);
    }
}

fn both_ways(from: &TcpStream, to: &TcpStream, faults: &Arc<Faults>) {
    for is_back in [false, true] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let faults = Arc::clone(faults);
        let (from, to) = if is_back { (to, from) } else { (from, to) };
        thread::spawn(move || carry(from, to, &faults, is_back));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, faults: &Faults, is_back: bool) {
    let cut = if is_back { &faults.back } else { &faults.to };
    let mut buffer = vec![0; 65_536];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        while cut.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        thread::sleep(Duration::from_millis(
            faults.delay_ms.load(Ordering::Relaxed),
        ));
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            drop(to.shutdown(std::net::Shutdown::Both));
            drop(from.shutdown(std::net::Shutdown::Both));
            return;
        }
    }
}
