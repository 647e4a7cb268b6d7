//! The life of a web connection: request, answer, and again.

use std::io::Read as _;
use std::net::IpAddr;
use std::rc::Rc;

use crate::account::landing::POLICY as PAGE_POLICY;
use crate::base::allowance::Allowance;
use crate::base::web_limits::HTTP_FILE_PIECE_BYTES;
use crate::base::web_limits::HTTP_HEAD_MS;
use crate::base::web_limits::HTTP_IDLE_MS;
use crate::base::web_limits::HTTP_UNREAD_BYTES_MAX;
use crate::http::Event;
use crate::http::Fault;
use crate::http::Method;
use crate::http::Reply;
use crate::http::Request;
use crate::http::Status;
use crate::net::admit::Seat;
use crate::net::clock::Clock;
use crate::net::hub::Hub;
use crate::net::pipe::Pipe;
use crate::net::tls::TlsSettings;
use crate::net::web::Answer;
use crate::net::web::Body;
use crate::net::web::Fail;
use crate::net::web::Web;
use crate::net::web::body::Part;
use crate::net::web::bosh;
use crate::net::web::channel::Channel;
use crate::net::web::files;
use crate::net::web::upgrade;
use crate::observe;
use crate::observe::event::Event as Told;
use crate::web::Route;
use crate::web::host_meta;

pub(super) async fn serve<H: Hub + 'static>(
    web: Rc<Web<H>>,
    pipe: Pipe,
    (from, seat): (IpAddr, Seat),
    tls: Option<TlsSettings>,
) {
    let mut channel = Channel::new(&web.wires, pipe, (from, seat));
    let mut requests_allowed = Allowance::default();
    let mut is_first = true;
    loop {
        let request = match next_request(&mut channel, is_first).await {
            Ok(Some(request)) => request,
            Ok(None) | Err(Fail::Gone) => return,
            Err(Fail::Fault(fault)) => return refuse(&mut channel, fault).await,
        };
        is_first = false;
        let now = channel.now();
        let rate = web.wires.settings.borrow().stanzas_per_second;
        requests_allowed.take(1, rate, now);
        if requests_allowed.wait_until(now).is_some() {
            let reply = Reply::of(Status::TOO_MANY_REQUESTS);
            if send(&mut channel, &request, reply.into(), false)
                .await
                .is_ok()
            {
                channel.close().await;
            }
            return;
        }
        if Route::find(&request.target) == Route::WebSocket {
            return upgrade::handle(&web, channel, &request, tls.as_ref()).await;
        }
        match handle(&web, &mut channel, &request, tls.is_some()).await {
            Ok(true) => channel.machine.handle_answered(),
            Ok(false) => return channel.close().await,
            Err(Fail::Fault(fault)) => return refuse(&mut channel, fault).await,
            Err(Fail::Gone) => return,
        }
    }
}

/// None: there is none, and nobody waits for an answer.
async fn next_request(channel: &mut Channel, is_first: bool) -> Result<Option<Box<Request>>, Fail> {
    let now = channel.now();
    let mut until = now.plus_ms(if is_first { HTTP_HEAD_MS } else { HTTP_IDLE_MS });
    let mut has_begun = is_first;
    loop {
        match channel.machine.poll_event()? {
            Some(Event::Request(request)) => return Ok(Some(request)),
            Some(_) => return Err(Fault::Syntax.into()),
            None => {}
        }
        if channel.machine.has_begun() && !has_begun {
            has_begun = true;
            until = channel.now().plus_ms(HTTP_HEAD_MS);
        }
        if !channel.read(until).await? {
            let has_begun = channel.machine.has_begun();
            return if has_begun {
                Err(Fault::Late.into())
            } else {
                Ok(None)
            };
        }
    }
}

/// Answers one request. True: the connection can be used again.
async fn handle<H: Hub + 'static>(
    web: &Rc<Web<H>>,
    channel: &mut Channel,
    request: &Request,
    is_secure: bool,
) -> Result<bool, Fail> {
    let mut body = Body::new(channel, request.expects_continue);
    let answer = answer(web, request, &mut body, is_secure).await?;
    let is_usable = request.keeps_open && body.drain(HTTP_UNREAD_BYTES_MAX).await;
    send(body.channel(), request, answer, is_usable).await?;
    Ok(is_usable)
}

/// Finds the handler.
async fn answer<H: Hub + 'static>(
    web: &Rc<Web<H>>,
    request: &Request,
    body: &mut Body<'_>,
    is_secure: bool,
) -> Result<Answer, Fail> {
    let settings = std::sync::Arc::clone(&web.wires.settings.borrow().web);
    if !settings.serves_host(&request.host) {
        return Ok(Status::MISDIRECTED.into());
    }
    let route = Route::find(&request.target);
    let base = || settings.base_url(is_secure, &request.authority);
    match (route, request.method) {
        (Route::Bosh, _) => {
            let is_encrypted =
                is_secure || settings.is_secure_proxy() && body.from().to_canonical().is_loopback();
            bosh::answer(web, request, body, is_encrypted).await
        }
        (Route::HostMeta, Method::Get | Method::Head) => Ok(host_meta::xml(&base()).into()),
        (Route::HostMetaJson, Method::Get | Method::Head) => Ok(host_meta::json(&base()).into()),
        (Route::Invitation, Method::Get | Method::Head) => Ok(invitation(web, request).await),
        (Route::Files, Method::Get | Method::Head) => files::answer(&settings, request).await,
        (Route::WebSocket, _) => Ok(Status::UPGRADE_REQUIRED.into()),
        (Route::Upload, _) => match &web.upload {
            Some(upload) => upload.answer(request, body).await,
            None => Ok(Status::NOT_FOUND.into()),
        },
        (_, Method::Options) => Ok(Reply::options("GET, HEAD, OPTIONS", "Content-Type").into()),
        _ => Ok(Reply::not_allowed("GET, HEAD, OPTIONS").into()),
    }
}

/// The page says what becomes of who has the word, and that nobody has it any more.
async fn invitation<H: Hub>(web: &Rc<Web<H>>, request: &Request) -> Answer {
    let parts = request.target.parts();
    let word = parts.last().copied().unwrap_or_default();
    let (is_good, page) = web.hub.invitation(word).await;
    let mut reply = Reply::whole("text/html; charset=utf-8", page.into_bytes());
    if !is_good {
        reply.status = Status::NOT_FOUND;
    }
    reply
        .with("Content-Security-Policy", PAGE_POLICY)
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "no-referrer")
        .into()
}

pub(super) async fn send(
    channel: &mut Channel,
    request: &Request,
    answer: Answer,
    keeps_open: bool,
) -> Result<(), Fail> {
    let Answer { reply, file } = answer;
    let bytes = match &file {
        Some(part) => part.bytes,
        None => u64::try_from(reply.body.len()).unwrap_or(u64::MAX),
    };
    let mut head = reply.write_head(Clock::of_the_day(), bytes, keeps_open);
    if request.method == Method::Head {
        return channel.write(head).await;
    }
    head.extend_from_slice(&reply.body);
    channel.write(head).await?;
    match file {
        Some(part) => send_file(channel, part).await,
        None => Ok(()),
    }
}

async fn send_file(channel: &mut Channel, part: Part) -> Result<(), Fail> {
    let Part { mut file, bytes } = part;
    let mut left = bytes;
    while left > 0 {
        channel.room().await;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX);
        let wanted = wanted.min(HTTP_FILE_PIECE_BYTES);
        let (back, piece) = smol::unblock(move || {
            let mut piece = vec![0; wanted];
            let read = file.read(&mut piece);
            let piece = read.map(|count| {
                piece.truncate(count);
                piece
            });
            (file, piece)
        })
        .await;
        file = back;
        let piece = piece.map_err(|_| Fail::Gone)?;
        if piece.is_empty() {
            // It has become shorter: only the end of the connection tells that.
            return Err(Fail::Gone);
        }
        left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        channel.write(piece).await?;
    }
    Ok(())
}

/// The last answer of a connection that nothing can be read from any more.
pub(super) async fn refuse(channel: &mut Channel, fault: Fault) {
    let (from, why) = (channel.from, &fault);
    observe::emit(&Told::RequestRefused { from, why });
    let reply = Reply::of(fault.status());
    let bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
    let mut text = reply.write_head(Clock::of_the_day(), bytes, false);
    text.extend_from_slice(&reply.body);
    if channel.write(text).await.is_ok() {
        channel.close().await;
    }
}
