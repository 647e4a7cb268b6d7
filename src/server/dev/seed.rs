//! Brings in what `--data` has: by sessions of the users, so that all is as if they had done it themselves.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::jid::BareJid;
use crate::config::scene::Contact;
use crate::config::scene::Message;
use crate::config::scene::Receiver;
use crate::config::scene::Room;
use crate::config::scene::Scene;
use crate::net::inside::Insider;
use crate::net::inside::Trouble;
use crate::net::wires::Wires;
use crate::server::dev::room;
use crate::server::hub::Node;
use crate::stanza::ns;
use crate::xml::Writer;

const RESOURCE: &str = "data";

/// Why not all of the data is there.
#[derive(Debug)]
pub(crate) struct SeedError {
    /// What was being made.
    what: String,
    trouble: Trouble,
}

impl SeedError {
    pub(super) fn bot(trouble: Trouble) -> Self {
        failed("the account echo".to_owned(), trouble)
    }
}

impl std::fmt::Display for SeedError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, trouble } = self;
        write!(
            out,
            "the server refuses {what} ({trouble}): change the file of --data, or the setting that forbids it"
        )
    }
}

/// The hosts of users and rooms.
pub(super) struct Hosts<'a> {
    pub(super) domain: &'a str,
    pub(super) rooms: &'a str,
}

/// The accounts are there already.
pub(super) async fn bring_in(
    scene: &Scene,
    node: &Rc<Node>,
    wires: &Rc<Wires>,
    hosts: &Hosts<'_>,
) -> Result<(), SeedError> {
    let mut seed = Seed {
        node,
        wires,
        hosts,
        inside: BTreeMap::new(),
    };
    for one in &scene.contacts {
        let what = || format!("{} as a contact of {}", one.user, one.of);
        seed.meet(one)
            .await
            .map_err(|trouble| failed(what(), trouble))?;
    }
    for one in &scene.rooms {
        let what = || format!("the room {}", one.name);
        seed.found(one)
            .await
            .map_err(|trouble| failed(what(), trouble))?;
    }
    for one in &scene.messages {
        let what = || format!("the message {:?} of {}", one.body, one.from);
        seed.say(one)
            .await
            .map_err(|trouble| failed(what(), trouble))?;
    }
    Ok(())
}

fn failed(what: String, trouble: Trouble) -> SeedError {
    SeedError { what, trouble }
}

struct Seed<'a> {
    node: &'a Rc<Node>,
    wires: &'a Rc<Wires>,
    hosts: &'a Hosts<'a>,
    inside: BTreeMap<String, Insider<Node>>,
}

impl Seed<'_> {
    fn user(&self, name: &str) -> String {
        format!("{name}@{}", self.hosts.domain)
    }

    fn room(&self, name: &str) -> String {
        format!("{name}@{}", self.hosts.rooms)
    }

    async fn session(&mut self, name: &str) -> Result<&mut Insider<Node>, Trouble> {
        if !self.inside.contains_key(name) {
            let jid = BareJid::parse(&self.user(name)).ok();
            let jid = jid.and_then(|jid| jid.with_resource(RESOURCE).ok());
            let jid = jid.ok_or(Trouble::Ended)?;
            let inside = Insider::open(self.wires, self.node, jid).await?;
            self.inside.insert(name.to_owned(), inside);
        }
        self.inside.get_mut(name).ok_or(Trouble::Ended)
    }

    /// Each sees the other (RFC 6121 section 3.1).
    async fn meet(&mut self, contact: &Contact) -> Result<(), Trouble> {
        let (of, user) = (&contact.of, &contact.user);
        for (from, to) in [(of, user), (user, of)] {
            self.presence(from, to, "subscribe").await?;
            self.presence(to, from, "subscribed").await?;
        }
        if contact.name.is_none() && contact.groups.is_empty() {
            return Ok(());
        }
        let mut writer = Writer::new();
        writer
            .start_ns("query", ns::ROSTER)
            .start("item")
            .attr("jid", &self.user(user))
            .attr_opt("name", contact.name.as_deref());
        for group in &contact.groups {
            writer.leaf("group", group);
        }
        let query = writer.finish();
        self.session(of).await?.ask(None, "set", &query).await
    }

    async fn presence(&mut self, from: &str, to: &str, kind: &str) -> Result<(), Trouble> {
        let mut writer = Writer::new();
        writer
            .start_ns("presence", ns::CLIENT)
            .attr("to", &self.user(to))
            .attr("type", kind);
        let presence = writer.finish();
        self.do_all(from, &presence).await
    }

    /// It is done when the server has answered what follows.
    async fn do_all(&mut self, from: &str, stanza: &[u8]) -> Result<(), Trouble> {
        let domain = self.hosts.domain.to_owned();
        let inside = self.session(from).await?;
        inside.say(stanza).await;
        inside.ask(Some(&domain), "get", PING).await
    }

    async fn found(&mut self, one: &Room) -> Result<(), Trouble> {
        let address = self.room(&one.name);
        let members: Vec<String> = one.members.iter().map(|name| self.user(name)).collect();
        let title = one.title.as_ref().unwrap_or(&one.name);
        let inside = self.session(&one.owner).await?;
        room::enter(inside, &address, &one.owner).await?;
        room::configure(inside, &address, title, !members.is_empty()).await?;
        for member in &members {
            room::admit(inside, &address, member).await?;
        }
        Ok(())
    }

    async fn say(&mut self, one: &Message) -> Result<(), Trouble> {
        let (to, kind) = match &one.to {
            Receiver::User(name) => (self.user(name), "chat"),
            Receiver::Room(name) => (self.room(name), "groupchat"),
        };
        if kind == "groupchat" {
            let inside = self.session(&one.from).await?;
            room::enter(inside, &to, &one.from).await?;
        }
        let mut writer = Writer::new();
        writer
            .start_ns("message", ns::CLIENT)
            .attr("to", &to)
            .attr("type", kind)
            .leaf("body", &one.body);
        let message = writer.finish();
        self.do_all(&one.from, &message).await
    }
}

const PING: &[u8] = b"<ping xmlns='urn:xmpp:ping'/>";
