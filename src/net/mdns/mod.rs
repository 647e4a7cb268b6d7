//! How a server is found on a link without a name server: `NAME.local` and its services.

mod responder;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::time::Duration;

use async_io::Async;
use async_io::Timer;
use futures_lite::future;
use rustix::net::AddressFamily;
use rustix::net::SocketType;
use rustix::net::sockopt;
use smol::channel::Receiver;

use crate::net::clock::Clock;
use crate::net::mdns::responder::PORT;
pub(crate) use crate::net::mdns::responder::Places;
use crate::net::mdns::responder::Responder;
pub(crate) use crate::net::mdns::responder::Site;
use crate::observe;
use crate::observe::event::Event;

/// Where everybody on a link listens (RFC 6762 section 3).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// Fits into one frame of the link; what is longer is not read.
const DATAGRAM_BYTES_MAX: usize = 1_500;
/// Addresses of this machine change without telling.
const LOOK: Duration = Duration::from_mins(1);

/// The socket and what is told through it.
pub(crate) struct Announcer {
    socket: Async<UdpSocket>,
    responder: Responder,
    clock: Clock,
}

/// What makes the announcer look again.
enum Wake {
    Datagram(usize, SocketAddr),
    Changed,
    Due,
    Stop,
}

impl Announcer {
    /// Shares the port with any other responder of this machine.
    pub(crate) fn open(site: Site, clock: Clock) -> io::Result<Self> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        rustix::net::bind(&socket, &any)?;
        let socket = UdpSocket::from(socket);
        socket.set_multicast_ttl_v4(255)?;
        let name = site.name.clone();
        let responder = Responder::new(site, clock.steady());
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is no label"));
        Ok(Self {
            socket: Async::new(socket)?,
            responder: responder.ok_or_else(wrong)?,
            clock,
        })
    }

    /// Tells what `places` gives, asked anew for each word of `changed`, until that is closed.
    pub(crate) async fn run(mut self, places: impl Fn() -> Places, changed: Receiver<()>) {
        let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
        let mut wake = Wake::Changed;
        loop {
            let now = self.clock.steady();
            match wake {
                Wake::Stop => self.responder.stop(),
                Wake::Datagram(count, from) => {
                    let bytes = bytes.get(..count).unwrap_or_default();
                    self.responder.handle_datagram(now, from, bytes);
                }
                Wake::Changed | Wake::Due => {
                    let places = places();
                    self.join(&places);
                    self.responder.set_places(now, places);
                    self.responder.handle_due(now);
                }
            }
            if let Some(other) = self.responder.take_conflict() {
                observe::emit(&Event::NameTaken { by: other });
            }
            self.flush().await;
            if matches!(wake, Wake::Stop) {
                return;
            }
            wake = self.wait(&mut bytes, &changed).await;
        }
    }

    /// On each link that this machine has an address of. One that is not up yet is tried again later.
    fn join(&self, places: &Places) {
        for ip in &places.told {
            if let IpAddr::V4(ip) = ip {
                // Joined already, or not this board's.
                self.socket.get_ref().join_multicast_v4(&GROUP, ip).ok();
            }
        }
    }

    async fn flush(&mut self) {
        let group = SocketAddr::from((GROUP, PORT));
        while let Some(datagram) = self.responder.poll_output() {
            let to = datagram.to.unwrap_or(group);
            // A link that is down: it is told again when it is up, or asked.
            self.socket.send_to(&datagram.bytes, to).await.ok();
        }
    }

    async fn wait(&self, bytes: &mut [u8], changed: &Receiver<()>) -> Wake {
        let now = self.clock.steady();
        let due = self.responder.wake_at();
        let left = due.map_or(LOOK, |due| Duration::from_millis(due.since_ms(now)));
        let timer = async {
            Timer::after(left.min(LOOK)).await;
            Wake::Due
        };
        let change = async {
            match changed.recv().await {
                Ok(()) => Wake::Changed,
                Err(_) => Wake::Stop,
            }
        };
        let datagram = async {
            match self.socket.recv_from(bytes).await {
                Ok((count, from)) => Wake::Datagram(count, from),
                // Of an answer that nobody took; never many at a time.
                Err(_) => Wake::Due,
            }
        };
        future::or(change, future::or(datagram, timer)).await
    }
}
