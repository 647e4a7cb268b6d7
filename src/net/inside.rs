//! A client within the process: a session without a socket, for what `meerkat dev` brings along.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use crate::base::jid::FullJid;
use crate::base::limits::OUTPUT_BYTES_MAX;
use crate::base::limits::STANZA_BYTES_MAX;
use crate::base::limits::XML_DEPTH_MAX;
use crate::c2s::BindRequest;
use crate::c2s::Output;
use crate::c2s::Resource;
use crate::core::session::LinkId;
use crate::net::hub::Event;
use crate::net::hub::Hub;
use crate::net::hub::Mailbox;
use crate::net::wires::Wires;
use crate::stanza::Stanza;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::Node;
use crate::xml::Writer;

/// What a framer wants to see before stanzas.
const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' \
                        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// What a server says may be longer than what a client may say: addresses and ids are added to it.
const LIMITS: FramerLimits = FramerLimits {
    bytes_max: 2 * STANZA_BYTES_MAX,
    depth_max: XML_DEPTH_MAX,
};

/// Nobody has asked it for a password. Dropped, its session ends as if the client had closed the stream.
pub(crate) struct Insider<H: Hub> {
    pub(crate) jid: FullJid,
    link: LinkId,
    hub: Rc<H>,
    wires: Rc<Wires>,
    mailbox: Rc<Mailbox>,
    framer: Framer,
    heard: VecDeque<Element>,
    next_id: u64,
}

/// Why an insider does not go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// The server has ended the session, or gives none.
    Ended,
    /// A request was answered with this error.
    Refused { condition: String },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended => out.write_str("the session has ended"),
            Self::Refused { condition } => out.write_str(condition),
        }
    }
}

impl<H: Hub> Insider<H> {
    /// A session with this address.
    pub(crate) async fn open(
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        jid: FullJid,
    ) -> Result<Self, Trouble> {
        let (link, mailbox) = wires.open_link();
        hub.handle_open(link, &mailbox);
        let mut framer = Framer::new(LIMITS);
        // It is a header that is known to be good.
        framer.next(&mut &*HEADER).ok();
        let mut insider = Self {
            jid,
            link,
            hub: Rc::clone(hub),
            wires: Rc::clone(wires),
            mailbox,
            framer,
            heard: VecDeque::new(),
            next_id: 0,
        };
        let bind = BindRequest {
            account: insider.jid.bare(),
            resource: Resource::Wanted(insider.jid.clone()),
            device: None,
            inline: None,
        };
        hub.handle_output(link, Output::Bind(bind));
        insider.jid = insider.until_bound().await?;
        Ok(insider)
    }

    async fn until_bound(&mut self) -> Result<FullJid, Trouble> {
        poll_fn(|cx| {
            self.mailbox.set_waker(cx.waker());
            match self.mailbox.take_event() {
                Some(Event::Bound(Ok(bound))) => Poll::Ready(Ok(bound.jid)),
                Some(_) => Poll::Ready(Err(Trouble::Ended)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Says a stanza, when the server takes it. What is no stanza is not said.
    pub(crate) async fn say(&mut self, stanza: &[u8]) {
        poll_fn(|cx| {
            self.mailbox.set_waker(cx.waker());
            if self.hub.wants_input(self.link) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let stanza = Element::parse(stanza).ok().map(Stanza::parse);
        if let Some(Ok(stanza)) = stanza {
            self.hub.handle_output(self.link, Output::Stanza(stanza));
        }
    }

    /// The next element that the server says; `None`: the session has ended.
    pub(crate) async fn next(&mut self) -> Option<Element> {
        poll_fn(|cx| {
            self.mailbox.set_waker(cx.waker());
            if self.mailbox.take_event().is_some() {
                return Poll::Ready(None);
            }
            if self.mailbox.take_output() {
                self.read();
            }
            match self.heard.pop_front() {
                Some(element) => Poll::Ready(Some(element)),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn read(&mut self) {
        let mut bytes = Vec::new();
        if self.hub.write(self.link, OUTPUT_BYTES_MAX, &mut bytes) {
            self.mailbox.tell_output();
        }
        let mut rest = bytes.as_slice();
        while let Ok(Some(frame)) = self.framer.next(&mut rest) {
            if let Frame::Element(element) = frame {
                self.heard.push_back(element);
            }
        }
    }

    /// Asks, and drops what comes before the answer. What was said before is done by then; if it was refused, that
    /// is what comes back.
    pub(crate) async fn ask(
        &mut self,
        to: Option<&str>,
        kind: &str,
        payload: &[u8],
    ) -> Result<(), Trouble> {
        self.next_id += 1;
        let id = format!("inside-{}", self.next_id);
        let mut writer = Writer::new();
        writer.start_ns("iq", ns::CLIENT);
        writer.attr("id", &id).attr("type", kind).attr_opt("to", to);
        writer.raw(payload);
        self.say(&writer.finish()).await;
        let mut trouble = None;
        loop {
            let heard = self.next().await.ok_or(Trouble::Ended)?;
            trouble = trouble.or_else(|| refusal(&heard));
            let root = heard.root();
            if root.name() == "iq" && root.attr("id").as_deref() == Some(&*id) {
                return trouble.map_or(Ok(()), Err);
            }
        }
    }

    /// Drops what comes before the element that is waited for.
    pub(crate) async fn until(
        &mut self,
        is_wanted: impl Fn(Node<'_>) -> bool,
    ) -> Result<Element, Trouble> {
        loop {
            let element = self.next().await.ok_or(Trouble::Ended)?;
            if is_wanted(element.root()) {
                return Ok(element);
            }
        }
    }
}

/// The condition, if it is an error.
pub(crate) fn refusal(answer: &Element) -> Option<Trouble> {
    let root = answer.root();
    if root.attr("type").as_deref() != Some("error") {
        return None;
    }
    let error = root.child("error", ns::CLIENT);
    let condition = error.and_then(|error| error.children().next());
    Some(Trouble::Refused {
        condition: condition.map_or_else(String::new, |one| one.name().to_owned()),
    })
}

impl<H: Hub> Drop for Insider<H> {
    fn drop(&mut self) {
        self.hub.handle_closed(self.link, true);
        self.wires.close_link(self.link, None);
    }
}
