//! Answers the other board, and whoever else calls at the address that is meant for it.
//!
//! Its seats are counted apart from those of clients: neither can take the other's.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Async;
use async_io::Timer;
use futures_lite::AsyncWriteExt as _;
use futures_rustls::TlsAcceptor;
use smol::LocalExecutor;

use crate::base::limits::ACCEPT_WAIT_MS_MAX;
use crate::base::limits::ACCEPT_WAIT_MS_MIN;
use crate::base::mirror_limits::PEER_CONNECTIONS_MAX;
use crate::base::mirror_limits::PEER_CONNECTIONS_PER_ADDRESS_MAX;
use crate::base::mirror_limits::PEER_FREE_FAILURES;
use crate::base::mirror_limits::PEER_HANDSHAKE_MS;
use crate::base::mirror_limits::PEER_STRANGERS_MAX;
use crate::net::address::Address;
use crate::net::admit::Admission;
use crate::net::admit::AdmitSettings;
use crate::net::admit::Attempt;
use crate::net::admit::Seat;
use crate::net::clock::Clock;
use crate::net::listen;
use crate::net::peer::ADMITTED;
use crate::net::peer::Admitted;
use crate::net::peer::Purpose;
use crate::net::peer::identity::NodeIdentity;
use crate::net::peer::server_config;
use crate::net::peer::socket::Socket;
use crate::net::peer::stream::PeerStream;
use crate::net::peer::stream::Taken;
use crate::net::peer::within;
use crate::observe;
use crate::observe::event::Event;

/// Who is let in, and what becomes of them.
pub(crate) trait PeerHub {
    fn identity(&self) -> &NodeIdentity;

    /// Asked anew for each connection, before and after its handshake.
    fn admitted(&self) -> Admitted;

    /// A connection that has shown an admitted key.
    fn handle_stream(self: &Rc<Self>, purpose: Purpose, stream: PeerStream);
}

/// A socket that the other board calls at.
pub(crate) struct PeerListener {
    socket: Async<TcpListener>,
    /// As bound, with the port that the system chose.
    pub(crate) address: SocketAddr,
}

/// Shared by the listeners of one board.
pub(crate) struct PeerDoor {
    admission: Rc<RefCell<Admission>>,
    clock: Clock,
}

/// Why a connection was not let in. All are the caller's fault, or the network's.
#[derive(Debug)]
enum Refusal {
    Broken(io::Error),
    /// It is no board, or shows a key that is not admitted.
    Wrong(io::Error),
    Late,
    NotAdmitted,
}

impl PeerDoor {
    pub(crate) fn new(clock: Clock) -> Rc<Self> {
        let settings = AdmitSettings {
            connections_max: PEER_CONNECTIONS_MAX,
            connections_per_address_max: PEER_CONNECTIONS_PER_ADDRESS_MAX,
            strangers_max: PEER_STRANGERS_MAX,
            free_failures: PEER_FREE_FAILURES,
        };
        Rc::new(Self {
            admission: Rc::new(RefCell::new(Admission::new(settings))),
            clock,
        })
    }

    /// Nobody is served at once whose address has failed too often.
    fn admit(&self, from: SocketAddr) -> Option<Taken> {
        let from = from.ip().to_canonical();
        let now = self.clock.steady();
        let mut admission = self.admission.borrow_mut();
        let seat = match admission.handle_connection(from) {
            Ok(seat) => seat,
            Err(why) => {
                observe::emit(&Event::ConnectionRefused { from, why: &why });
                return None;
            }
        };
        if admission.handle_attempt(&seat, now) != (Attempt::After { ms: 0 }) {
            admission.handle_end(seat, now);
            return None;
        }
        Some(self.taken(seat))
    }

    fn taken(&self, seat: Seat) -> Taken {
        Taken {
            admission: Rc::clone(&self.admission),
            clock: self.clock,
            seat: Some(seat),
        }
    }

    /// What came of a handshake is counted for the address. A connection that broke says nothing of who
    /// it was: the other board's must not wait for having a bad network.
    fn settle<T>(&self, taken: &mut Taken, greeted: &Result<T, Refusal>) {
        let mut admission = self.admission.borrow_mut();
        match (&mut taken.seat, greeted) {
            (Some(seat), Ok(_)) => admission.handle_login(seat),
            (Some(seat), Err(Refusal::Wrong(_) | Refusal::NotAdmitted)) => {
                admission.handle_failure(seat, self.clock.steady());
            }
            _ => {}
        }
    }
}

impl PeerListener {
    pub(crate) fn bind(address: &Address) -> io::Result<Self> {
        let socket = listen::bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket: Async::new(socket)?,
            address,
        })
    }

    /// Takes connections for ever.
    #[expect(clippy::infinite_loop, reason = "it ends with the executor")]
    pub(crate) async fn run<H: PeerHub + 'static>(
        self,
        door: Rc<PeerDoor>,
        hub: Rc<H>,
        executor: Rc<LocalExecutor<'static>>,
    ) -> Infallible {
        let mut wait_ms = ACCEPT_WAIT_MS_MIN;
        loop {
            while !door.admission.borrow().has_seat_for_stranger() {
                Timer::after(Duration::from_millis(ACCEPT_WAIT_MS_MIN)).await;
            }
            match self.socket.accept().await {
                Ok((socket, from)) => {
                    wait_ms = ACCEPT_WAIT_MS_MIN;
                    if let Some(taken) = door.admit(from) {
                        let (door, hub) = (Rc::clone(&door), Rc::clone(&hub));
                        let greeting = greet_or_tell(door, hub, socket, from, taken);
                        executor.spawn(greeting).detach();
                    }
                }
                Err(error) if listen::is_peers(&error) => {}
                Err(error) => {
                    let error = &error;
                    observe::emit(&Event::AcceptFailed { error, wait_ms });
                    Timer::after(Duration::from_millis(wait_ms)).await;
                    wait_ms = wait_ms.saturating_mul(2).min(ACCEPT_WAIT_MS_MAX);
                }
            }
        }
    }
}

async fn greet_or_tell<H: PeerHub>(
    door: Rc<PeerDoor>,
    hub: Rc<H>,
    socket: Async<TcpStream>,
    from: SocketAddr,
    mut taken: Taken,
) {
    let greeting = greet(hub.as_ref(), socket);
    let greeted = within(PEER_HANDSHAKE_MS, greeting).await;
    let greeted = greeted.unwrap_or(Err(Refusal::Late));
    door.settle(&mut taken, &greeted);
    let refusal = match greeted {
        Ok((purpose, tls)) => match PeerStream::new(tls.into(), from, Some(taken)) {
            Some(stream) => return hub.handle_stream(purpose, stream),
            None => Refusal::NotAdmitted,
        },
        Err(refusal) => refusal,
    };
    let from = from.ip().to_canonical();
    let event = match &refusal {
        why @ (Refusal::Wrong(_) | Refusal::NotAdmitted) => Event::PeerRefused { from, why },
        error => Event::TlsFailed { from, error },
    };
    observe::emit(&event);
}

type Tls = futures_rustls::server::TlsStream<Socket>;

async fn greet(hub: &impl PeerHub, socket: Async<TcpStream>) -> Result<(Purpose, Tls), Refusal> {
    let config = server_config(hub.identity(), hub.admitted())
        .map_err(|error| Refusal::Broken(io::Error::other(error)))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut tls = acceptor
        .accept(Socket::new(socket))
        .await
        .map_err(Refusal::of)?;
    let (_, connection) = tls.get_ref();
    let purpose = Purpose::of(connection.alpn_protocol());
    let pin = connection
        .peer_certificates()
        .and_then(|keys| keys.first())
        .map(|key| super::Pin::of(key));
    let (Some(purpose), Some(pin)) = (purpose, pin) else {
        return Err(Refusal::NotAdmitted);
    };
    // What holds now counts, not what held when the handshake began.
    if !hub.admitted().admits(pin, purpose) {
        return Err(Refusal::NotAdmitted);
    }
    tls.write_all(&[ADMITTED]).await.map_err(Refusal::of)?;
    tls.flush().await.map_err(Refusal::of)?;
    Ok((purpose, tls))
}

impl Refusal {
    fn of(error: io::Error) -> Self {
        let is_wrong = |inner: &(dyn std::error::Error + 'static)| inner.is::<rustls::Error>();
        match error.get_ref() {
            Some(inner) if is_wrong(inner) => Self::Wrong(error),
            _ => Self::Broken(error),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) | Self::Wrong(error) => error.fmt(f),
            Self::Late => f.write_str("the handshake took too long"),
            Self::NotAdmitted => f.write_str("the key is not the other board's"),
        }
    }
}
