//! What a handler has of a request's body, and what it answers with.

use std::fs::File;
use std::net::IpAddr;

use crate::base::time::Monotonic;
use crate::base::web_limits::HTTP_BODY_BYTES_PER_SECOND_MIN;
use crate::base::web_limits::HTTP_BODY_MS;
use crate::http::Event;
use crate::http::Fault;
use crate::http::Reply;
use crate::http::Status;
use crate::net::web::channel::Channel;

/// Why a request is not answered by its handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fail {
    /// To be told, and then the connection ends.
    Fault(Fault),
    /// There is nobody to be told.
    Gone,
}

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// An answer, and where its bytes come from if they are not in it.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) file: Option<Part>,
}

/// The bytes of a file from where it stands.
pub(crate) struct Part {
    pub(crate) file: File,
    pub(crate) bytes: u64,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, file: None }
    }
}

impl From<Status> for Answer {
    fn from(status: Status) -> Self {
        Reply::of(status).into()
    }
}

/// The body of the request that is being answered.
pub(crate) struct Body<'a> {
    channel: &'a mut Channel,
    is_awaited: bool,
    is_whole: bool,
    since: Monotonic,
    taken_bytes: u64,
}

impl<'a> Body<'a> {
    /// `is_awaited`: the client sends nothing before it is asked to.
    pub(super) fn new(channel: &'a mut Channel, is_awaited: bool) -> Self {
        let since = channel.now();
        Self {
            channel,
            is_awaited,
            is_whole: false,
            since,
            taken_bytes: 0,
        }
    }

    /// So many bytes are welcome.
    pub(crate) fn allow(&mut self, bytes_max: u64) -> Result<(), Fail> {
        Ok(self.channel.machine.set_body_max(bytes_max)?)
    }

    /// The next bytes; None at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Fail> {
        while !self.is_whole {
            match self.channel.machine.poll_event()? {
                Some(Event::Piece(piece)) => {
                    let fresh = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    self.taken_bytes = self.taken_bytes.saturating_add(fresh);
                    return Ok(Some(piece));
                }
                Some(Event::End) => self.is_whole = true,
                Some(Event::Request(_)) => return Err(Fault::Syntax.into()),
                None => self.read().await?,
            }
        }
        Ok(None)
    }

    /// All of a body that is small.
    pub(crate) async fn whole(&mut self, bytes_max: u64) -> Result<Vec<u8>, Fail> {
        self.allow(bytes_max)?;
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
            self.channel.note_body(whole.capacity());
        }
        self.channel.note_body(0);
        Ok(whole)
    }

    /// Who asks.
    pub(crate) fn from(&self) -> IpAddr {
        self.channel.from
    }

    /// The connection is an account's from now on.
    pub(crate) fn note_login(&mut self) {
        self.channel.note_login();
    }

    async fn read(&mut self) -> Result<(), Fail> {
        if std::mem::take(&mut self.is_awaited) {
            self.channel.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let more_ms = self.taken_bytes.saturating_mul(1_000) / HTTP_BODY_BYTES_PER_SECOND_MIN;
        let until = self.since.plus_ms(HTTP_BODY_MS.saturating_add(more_ms));
        if !self.channel.read(until).await? {
            return Err(Fault::Late.into());
        }
        Ok(())
    }

    /// Reads on, up to so many bytes, so that the connection can be used again. False: it cannot.
    pub(super) async fn drain(&mut self, bytes_max: u64) -> bool {
        // Nobody asked for it, so it does not come.
        if self.is_awaited && self.channel.machine.unread_bytes() != Some(0) {
            return false;
        }
        if self.allow(bytes_max).is_err() {
            return false;
        }
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    pub(super) fn channel(&mut self) -> &mut Channel {
        self.channel
    }
}
