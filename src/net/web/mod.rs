//! The web door: HTTP connections, who answers which request, and what becomes of upgrades.
//!
//! A request passes three hands. [`channel`] drives one connection: it reads for [`http::Machine`], writes, and
//! keeps the time. [`web::Route`](crate::web::Route) says who answers. A handler answers: an
//! asynchronous function of this shape, in a file of its own here.
//!
//! ```text
//! async fn handle<H: Hub>(web: &Web<H>, request: &Request, body: &mut Body<'_>) -> Result<Answer, Fail>
//! ```
//!
//! A WebSocket is the exception: after its handshake the connection leaves for [`drive`](crate::net::drive).
//!
//! To add one: a variant in `Route`, its path in `Route::find`, and an arm in [`serve::answer`]. The rules:
//!
//! - A body has no bytes until the handler allows some: `body.allow(bytes_max)?`, which refuses a larger one
//!   with 413. Then `body.next().await?` gives a piece at a time, None at the end, and asks a client that waits
//!   with `Expect: 100-continue` for it. An answer without reading costs the connection only.
//! - [`Answer`] is a [`Reply`](http::Reply), or one with a file behind it, of which a part may be sent. HEAD is like
//!   GET; its body is left out here. `Reply::for_every_origin` and `Reply::options` are for CORS.
//! - A [`Fail`] of the body is passed on with `?`: it is answered here, or the client is gone.
//! - Nothing blocks: files go through `smol::unblock`.
//!
//! [`http::Machine`]: crate::http::Machine
//! [`http::Reply`]: crate::http::Reply

mod body;
mod bosh;
mod channel;
mod files;
mod serve;
mod upgrade;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;

use smol::LocalExecutor;

use crate::http::Request;
use crate::net::admit::Seat;
use crate::net::hub::Hub;
use crate::net::pipe::Pipe;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;

pub(crate) use self::body::Answer;
pub(crate) use self::body::Body;
pub(crate) use self::body::Fail;
pub(crate) use self::files::give;

/// What will answer a request.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Fail>> + 'a>>;

/// Who answers where the door cannot: it has to know more of the server than [`Hub`] tells.
pub(crate) trait Handler {
    fn answer<'a>(&'a self, request: &'a Request, body: &'a mut Body<'_>) -> Answering<'a>;
}

/// What all web connections share.
pub(crate) struct Web<H: Hub> {
    pub(super) wires: Rc<Wires>,
    pub(super) hub: Rc<H>,
    executor: Rc<LocalExecutor<'static>>,
    /// By their identifiers.
    bosh: RefCell<BTreeMap<String, Rc<bosh::Entry>>>,
    /// Who has the files of users.
    pub(super) upload: Option<Rc<dyn Handler>>,
}

impl<H: Hub + 'static> Web<H> {
    pub(crate) fn new(
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        executor: &Rc<LocalExecutor<'static>>,
        upload: Option<Rc<dyn Handler>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            wires: Rc::clone(wires),
            hub: Rc::clone(hub),
            executor: Rc::clone(executor),
            bosh: RefCell::default(),
            upload,
        })
    }

    /// A connection that was let in. The future ends with the connection.
    pub(crate) fn open(
        self: &Rc<Self>,
        mut pipe: Pipe,
        (from, seat): (IpAddr, Seat),
        start: TlsStart,
    ) -> Result<impl Future<Output = ()> + use<H>, (Seat, rustls::Error)> {
        let settings = self.wires.tls().filter(|_| start == TlsStart::Https);
        if let Some(tls) = &settings {
            match tls.connection(start) {
                Ok(connection) => pipe.start_tls(connection),
                Err(error) => return Err((seat, error)),
            }
        }
        Ok(serve::serve(Rc::clone(self), pipe, (from, seat), settings))
    }
}
