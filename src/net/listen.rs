//! Listeners: from an address in the settings to connections that are driven.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use async_io::Async;
use async_io::Timer;
use smol::LocalExecutor;

use crate::base::limits::ACCEPT_WAIT_MS_MAX;
use crate::base::limits::ACCEPT_WAIT_MS_MIN;
use crate::net::address::Address;
use crate::net::drive::Connection;
use crate::net::hub::Hub;
use crate::net::pipe::Pipe;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event;

/// A socket that connections come to.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Async<TcpListener>,
    pub(crate) start: TlsStart,
    /// As bound, with the port that the system chose.
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// Connections wait in the system's queue from here on.
    pub(crate) fn bind(address: &Address, start: TlsStart) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        let socket = Async::new(socket)?;
        Ok(Self {
            socket,
            start,
            address,
        })
    }

    /// Takes connections for ever; each runs on the executor.
    #[expect(clippy::infinite_loop, reason = "it ends with the executor")]
    pub(crate) async fn run<H: Hub + 'static>(
        self,
        wires: Rc<Wires>,
        hub: Rc<H>,
        executor: Rc<LocalExecutor<'static>>,
    ) -> Infallible {
        let mut wait_ms = ACCEPT_WAIT_MS_MIN;
        loop {
            // The system's queue is the cheapest place to wait.
            while !wires.admission.borrow().has_seat_for_stranger() {
                Timer::after(Duration::from_millis(ACCEPT_WAIT_MS_MIN)).await;
            }
            match self.socket.accept().await {
                Ok((socket, from)) => {
                    wait_ms = ACCEPT_WAIT_MS_MIN;
                    if let Some(connection) = self.admit(&wires, &hub, socket, from.ip()) {
                        executor.spawn(connection).detach();
                    }
                }
                Err(error) if is_peers(&error) => {}
                Err(error) => {
                    // Out of file descriptors or memory: the connection stays in the queue, and trying again at
                    // once would do nothing but burn the processor.
                    let error = &error;
                    observe::emit(&Event::AcceptFailed { error, wait_ms });
                    Timer::after(Duration::from_millis(wait_ms)).await;
                    wait_ms = wait_ms.saturating_mul(2).min(ACCEPT_WAIT_MS_MAX);
                }
            }
        }
    }

    fn admit<H: Hub>(
        &self,
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        socket: Async<TcpStream>,
        from: IpAddr,
    ) -> Option<Connection<H>> {
        let from = from.to_canonical();
        let seat = match wires.admission.borrow_mut().handle_connection(from) {
            Ok(seat) => seat,
            Err(why) => {
                observe::emit(&Event::ConnectionRefused { from, why: &why });
                return None;
            }
        };
        observe::emit(&Event::ConnectionAccepted { from });
        // Answers are small and awaited. It fails on a socket that is already dead, which shows soon enough.
        drop(socket.get_ref().set_nodelay(true));
        match Connection::new(wires, hub, Pipe::new(socket), (from, seat), self.start) {
            Ok(connection) => Some(connection),
            Err((seat, error)) => {
                let (now, error) = (wires.clock.steady(), &error);
                wires.admission.borrow_mut().handle_end(seat, now);
                observe::emit(&Event::TlsFailed { from, error });
                None
            }
        }
    }
}

pub(super) fn bind(address: &Address) -> io::Result<TcpListener> {
    match TcpListener::bind((address.host(), address.port())) {
        // A kernel without IPv6: everywhere is everywhere.
        Err(_) if address.host() == "::" && !has_ipv6() => {
            TcpListener::bind(("0.0.0.0", address.port()))
        }
        bound => bound,
    }
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// The connection was gone before it was taken.
pub(super) fn is_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
