//! Sessions of BOSH: requests of many connections, and one stream behind them (XEP-0124, XEP-0206).
//!
//! What the session means is in [`web::bosh`](crate::web::bosh). Its stream is a connection like any other, with a
//! wire in memory ([`cord`](crate::net::cord)) and a place among all connections; so all their bounds hold.

use std::cell::RefCell;
use std::future::Future as _;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use async_io::Timer;
use base64ct::Base64UrlUnpadded;
use base64ct::Encoding as _;

use crate::base::time::Monotonic;
use crate::base::web_limits::BOSH_BODY_BYTES;
use crate::base::web_limits::BOSH_CORD_BYTES;
use crate::c2s::TlsFacts;
use crate::http::Method;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::net::cord;
use crate::net::cord::ClientEnd;
use crate::net::drive::Connection;
use crate::net::hub::Hub;
use crate::net::pipe::Pipe;
use crate::net::web::Answer;
use crate::net::web::Body;
use crate::net::web::Fail;
use crate::net::web::Web;
use crate::web::bosh;
use crate::web::bosh::Condition;

/// One session, shared by its requests and the task that keeps its time.
pub(super) struct Entry {
    session: RefCell<bosh::Session>,
    cord: RefCell<Option<ClientEnd>>,
    /// Of the task, and of the requests that wait for their answer.
    task: RefCell<Option<Waker>>,
    waiting: RefCell<Vec<Waker>>,
}

pub(super) async fn answer<H: Hub + 'static>(
    web: &Rc<Web<H>>,
    request: &Request,
    body: &mut Body<'_>,
    is_secure: bool,
) -> Result<Answer, Fail> {
    match request.method {
        Method::Post => {}
        Method::Options => return Ok(Reply::options("POST, OPTIONS", "Content-Type").into()),
        _ => {
            return Ok(Reply::not_allowed("POST, OPTIONS")
                .for_every_origin()
                .into());
        }
    }
    let stanza_bytes = web.wires.settings.borrow().stream.stanza_bytes_max;
    let bytes_max = stanza_bytes.saturating_add(BOSH_BODY_BYTES);
    let text = body
        .whole(u64::try_from(bytes_max).unwrap_or(u64::MAX))
        .await?;
    let Some(asked) = bosh::Request::parse(&text) else {
        return Ok(wrap(bosh::terminate(Condition::BadRequest)));
    };
    let rid = asked.rid;
    let entry = match &asked.sid {
        Some(sid) => {
            let Some(entry) = web.bosh.borrow().get(sid).cloned() else {
                return Ok(wrap(bosh::terminate(Condition::ItemNotFound)));
            };
            let now = web.wires.clock.steady();
            entry.session.borrow_mut().handle_request(asked, now);
            entry
        }
        None => match begin(web, &asked, body.from(), is_secure) {
            Some(entry) => entry,
            None => return Ok(Reply::of(Status::UNAVAILABLE).for_every_origin().into()),
        },
    };
    entry.poke();
    let answer = poll_fn(|cx| entry.poll_answer(rid, cx)).await;
    if entry.is_known() {
        body.note_login();
    }
    Ok(wrap(answer))
}

fn wrap(body: Vec<u8>) -> Answer {
    Reply::whole("text/xml; charset=utf-8", body)
        .for_every_origin()
        .into()
}

/// None: there is no place for one more.
fn begin<H: Hub + 'static>(
    web: &Rc<Web<H>>,
    asked: &bosh::Request,
    from: IpAddr,
    is_secure: bool,
) -> Option<Rc<Entry>> {
    let seat = web
        .wires
        .admission
        .borrow_mut()
        .handle_connection(from)
        .ok()?;
    let sid = Base64UrlUnpadded::encode_string(&web.wires.seed());
    let domain = web.wires.settings.borrow().web.domain.clone();
    let now = web.wires.clock.steady();
    // Many connections of TLS: a login can be bound to none of them.
    let tls = is_secure.then(TlsFacts::default);
    let (server, client) = cord::lay();
    let pipe = Pipe::to_cord(server);
    let stream = Connection::in_elements(&web.wires, &web.hub, pipe, (from, seat), tls);
    web.executor.spawn(stream).detach();
    let entry = Rc::new(Entry {
        session: RefCell::new(bosh::Session::new(asked, sid.clone(), &domain, now)),
        cord: RefCell::new(Some(client)),
        task: RefCell::default(),
        waiting: RefCell::default(),
    });
    web.bosh.borrow_mut().insert(sid, Rc::clone(&entry));
    let (shared, on) = (Rc::clone(&entry), Rc::clone(web));
    let task = async move {
        shared.run(&on).await;
        let sid = shared.session.borrow().sid().to_owned();
        on.bosh.borrow_mut().remove(&sid);
    };
    web.executor.spawn(task).detach();
    Some(entry)
}

impl Entry {
    /// The session has something to do.
    fn poke(&self) {
        if let Some(task) = self.task.borrow().as_ref() {
            task.wake_by_ref();
        }
    }

    fn is_known(&self) -> bool {
        self.cord.borrow().as_ref().is_some_and(ClientEnd::is_known)
    }

    fn poll_answer(&self, rid: u64, cx: &Context<'_>) -> Poll<Vec<u8>> {
        let session = self.session.borrow();
        if let Some(answer) = session.answer(rid) {
            return Poll::Ready(answer.to_vec());
        }
        if session.is_over() || session.is_past(rid) {
            return Poll::Ready(bosh::terminate(Condition::ItemNotFound));
        }
        self.waiting.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }

    /// Carries between the requests and the stream, until the session is over.
    async fn run<H: Hub>(&self, web: &Web<H>) {
        let mut timer: Option<(Monotonic, Timer)> = None;
        poll_fn(|cx| {
            *self.task.borrow_mut() = Some(cx.waker().clone());
            loop {
                let is_moving = self.carry(web.wires.clock.steady(), cx);
                for waiting in self.waiting.take() {
                    waiting.wake();
                }
                if self.session.borrow().is_over() {
                    return Poll::Ready(());
                }
                if is_moving {
                    continue;
                }
                let Some(next) = self.session.borrow().timeout() else {
                    return Poll::Pending;
                };
                if timer.as_ref().is_none_or(|(at, _)| *at != next) {
                    timer = Some((next, Timer::at(web.wires.clock.instant(next))));
                }
                let Some((_, wait)) = &mut timer else {
                    return Poll::Pending;
                };
                if Pin::new(wait).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                timer = None;
            }
        })
        .await;
        // The stream reads what is left, and then that nobody is there.
        self.cord.take();
    }

    /// True: there may be more at once.
    fn carry(&self, now: Monotonic, cx: &Context<'_>) -> bool {
        let mut session = self.session.borrow_mut();
        let cord = self.cord.borrow();
        let Some(cord) = cord.as_ref() else {
            session.handle_end(now);
            return false;
        };
        if session.timeout().is_some_and(|at| at <= now) {
            session.handle_timeout(now);
        }
        let mut is_moving = false;
        if session.wants_output() {
            match cord.poll_take(cx) {
                Poll::Ready(Some(text)) => {
                    session.handle_output(&text, now);
                    is_moving = true;
                }
                Poll::Ready(None) => session.handle_end(now),
                Poll::Pending => {}
            }
        }
        // More than this is not read from the client before the stream has had its turn.
        if cord.unread_bytes() < BOSH_CORD_BYTES || session.is_over() {
            cord.send(&session.take_input());
        }
        cord.note_kept(session.kept_bytes());
        is_moving
    }
}
