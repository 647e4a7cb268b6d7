//! Clients: people who write to each other and never give up, and many who only want to be there.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use smol::Timer;
use smol::future::FutureExt as _;

use crate::generator::Failure;
use crate::generator::Outcome;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Management;
use crate::generator::client::Ports;
use crate::generator::client::Resumption198;
use crate::generator::client::Security;
use crate::generator::client::tree;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::ledger::Ledger;
use crate::ledger::stanza_id;

/// From a message to its acknowledgement at most, before a client tries the other board.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two messages of one person.
const THINK: Duration = Duration::from_millis(25);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(100);
/// From the end of a fault to the last acknowledgement.
const DRAIN_MAX: Duration = Duration::from_secs(40);

/// One in so many is no message, but an item of a node (XEP-0163).
const ITEM_EVERY: u64 = 5;
const ITEM: &str = "item-";

/// What is written in the place of a message.
fn item_value(body: &str) -> Option<u64> {
    body.strip_prefix(ITEM)?.parse().ok()
}

pub(crate) type Shared = Rc<RefCell<Ledger>>;

pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    work.or(async {
        Timer::after(limit).await;
        Err(Failure::Lost(std::io::ErrorKind::TimedOut.into()))
    })
    .await
}

/// Somebody with a client that keeps its stream (XEP-0198) and sends again what was not acknowledged.
pub(crate) struct Person {
    pub(crate) name: String,
    to: String,
    home: usize,
    ledger: Shared,
    before: Option<Management>,
    /// Sent and not acknowledged, with the number in the stream.
    pending: VecDeque<(u32, String)>,
    unsent: VecDeque<String>,
    written: u64,
}

impl Person {
    pub(crate) fn new(name: &str, to: &str, home: usize, ledger: &Shared) -> Self {
        Self {
            name: name.to_owned(),
            to: to.to_owned(),
            home,
            ledger: Rc::clone(ledger),
            before: None,
            pending: VecDeque::new(),
            unsent: VecDeque::new(),
            written: 0,
        }
    }

    /// Writes until then, at whichever board takes it, and goes when everything is acknowledged.
    pub(crate) async fn talk(&mut self, ground: &Ground, boards: [Ports; 2], until: Instant) {
        let mut at = self.home;
        loop {
            let ended = match within(PATIENCE, self.arrive(ground, boards[at])).await {
                Ok(client) => self.converse(client, until).await,
                Err(failure) => Err(failure),
            };
            match ended {
                Ok(()) => return,
                Err(Failure::Lost(_)) => {}
                Err(failure) => eprintln!("{} at {at}: {failure}", self.name),
            }
            let late = Instant::now().saturating_duration_since(until);
            let waiting = self.pending.len() + self.unsent.len();
            assert!(
                late < DRAIN_MAX,
                "{}: {waiting} messages are not acknowledged {late:?} after the fault",
                self.name
            );
            at = 1 - at;
            Timer::after(PAUSE).await;
        }
    }

    async fn arrive(&mut self, ground: &Ground, ports: Ports) -> Outcome<Client> {
        let mut client = ground
            .authenticate(ports, Security::Plain, &self.name)
            .await?;
        if let Some(before) = self.before.clone() {
            match client.resume(&before).await? {
                Resumption198::Resumed { h } => {
                    self.take(h);
                    if let Some(management) = &mut client.management {
                        (management.sent, management.acked) = (h, h);
                    }
                    self.again();
                    return Ok(client);
                }
                Resumption198::Failed { h } => {
                    self.take(h.unwrap_or(0));
                    self.before = None;
                }
            }
        }
        self.again();
        client.bind("talker").await?;
        client.enable().await?;
        client.send("<presence/>");
        Ok(client)
    }

    /// What is not acknowledged is sent again, in the old order.
    fn again(&mut self) {
        while let Some((_, body)) = self.pending.pop_back() {
            if let Some(value) = item_value(&body) {
                self.ledger.borrow_mut().item_again(&self.name, value);
            }
            self.unsent.push_front(body);
        }
    }

    fn take(&mut self, acked: u32) {
        while let Some((number, _)) = self.pending.front()
            && *number <= acked
            && let Some((_, body)) = self.pending.pop_front()
        {
            // An item may be refused: its result says that it was not.
            if item_value(&body).is_none() {
                self.ledger
                    .borrow_mut()
                    .acknowledge(&body, &self.name, &self.to);
            }
        }
    }

    async fn converse(&mut self, mut client: Client, until: Instant) -> Outcome<()> {
        loop {
            let goes = Instant::now() >= until;
            if !goes {
                self.written += 1;
                let fault = self.ledger.borrow().fault;
                let body = if self.written.is_multiple_of(ITEM_EVERY) {
                    format!("{ITEM}{}", self.written)
                } else {
                    format!("{}-{} {fault}", self.name, self.written)
                };
                self.unsent.push_back(body);
            }
            while let Some(body) = self.unsent.pop_front() {
                let number = client.send(&self.stanza(&body));
                self.pending.push_back((number, body));
            }
            let begin = Instant::now();
            let settled = within(PATIENCE, self.settle(&mut client)).await;
            self.before.clone_from(&client.management);
            let acked = client
                .management
                .as_ref()
                .map_or(0, |management| management.acked);
            self.take(acked);
            settled?;
            if goes {
                self.before = None;
                // Whether the end is heard is nothing to the messages.
                drop(within(PATIENCE, client.close()).await);
                return Ok(());
            }
            self.ledger.borrow_mut().note(begin.elapsed());
            Timer::after(THINK).await;
        }
    }

    /// A message, or an item of a node of one's own.
    fn stanza(&self, body: &str) -> String {
        if let Some(value) = item_value(body) {
            return format!(
                "<iq type='set' id='{body}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                 <publish node='pair:test'><item id='current'><value xmlns='pair:test'>{value}</value></item>\
                 </publish></pubsub></iq>"
            );
        }
        format!(
            "<message to='{}@localhost' type='chat' id='{body}'><body>{body}</body>\
             <origin-id xmlns='urn:xmpp:sid:0' id='{body}'/></message>",
            self.to
        )
    }

    /// Until everything is acknowledged; what comes meanwhile is looked at.
    async fn settle(&mut self, client: &mut Client) -> Outcome<()> {
        client.ask();
        loop {
            let management = client.management.as_ref();
            if management.is_some_and(|management| management.acked == management.sent) {
                return Ok(());
            }
            let element = client.next().await?;
            if xml::is(element, "iq") && xml::attr(element, "type") == Some("result") {
                let value = xml::attr(element, "id").and_then(item_value);
                if let Some(value) = value {
                    self.ledger.borrow_mut().acknowledge_item(&self.name, value);
                }
            }
            if !xml::is(element, "message") {
                continue;
            }
            let message = tree(element)?;
            let Some(body) = message.child("body").map(|body| body.text.clone()) else {
                continue;
            };
            if message.attr("type") == Some("error") {
                self.ledger
                    .borrow_mut()
                    .refuse(message.attr("id").unwrap_or(&body));
                continue;
            }
            let Some(id) = stanza_id(&message, &self.name) else {
                return unexpected(format!("a message without the archive's id: {message:?}"));
            };
            self.ledger.borrow_mut().show(&self.name, &body, id);
        }
    }
}

/// One who is there and does nothing. When its board goes it is at the other one as soon as that lets it in.
pub(crate) struct Light {
    user: String,
    resource: String,
    client: Client,
}

impl Light {
    pub(crate) async fn arrive(
        ground: &Ground,
        ports: Ports,
        user: &str,
        n: usize,
    ) -> Outcome<Self> {
        let resource = format!("light{n}");
        let mut client = ground
            .login(ports, Security::Plain, user, &resource)
            .await?;
        client.send("<presence/>");
        client.settle().await?;
        Ok(Self {
            user: user.to_owned(),
            resource,
            client,
        })
    }

    /// When it has noticed that its board is gone, and when it was at the other one.
    pub(crate) async fn survive(
        mut self,
        ground: &Ground,
        other: Ports,
        until: Instant,
    ) -> Option<(Instant, Instant)> {
        while self.client.next().await.is_ok() {}
        let noticed = Instant::now();
        let before = self.client.management.clone()?;
        // Many machines let a process have 1,024 open files.
        drop(self.client);
        while Instant::now() < until {
            let back = async {
                let mut client = ground
                    .authenticate(other, Security::Plain, &self.user)
                    .await?;
                if let Resumption198::Failed { .. } = client.resume(&before).await? {
                    client.bind(&self.resource).await?;
                    client.enable().await?;
                    client.send("<presence/>");
                }
                client.settle().await?;
                Ok(client)
            };
            if let Ok(client) = within(PATIENCE, back).await {
                let back = Instant::now();
                drop(within(PATIENCE, client.close()).await);
                return Some((noticed, back));
            }
            Timer::after(PAUSE).await;
        }
        None
    }
}
