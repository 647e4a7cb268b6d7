//! The account `echo`: it says again what it hears, approves who asks, keeps the room `lobby`, and has the
//! [commands](crate::server::dev::commands) for administrators.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::net::inside::Insider;
use crate::net::inside::Trouble;
use crate::net::wires::Wires;
use crate::server::dev::LOBBY;
use crate::server::dev::commands;
use crate::server::dev::commands::Deed;
use crate::server::dev::room;
use crate::server::hub::Node as Server;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Writer;

pub(crate) const NAME: &str = "echo";
const RESOURCE: &str = "dev";

/// What it answers to in rooms, where it is not the only one to be talked to.
const CALL: &str = "echo: ";

pub(super) struct Bot {
    server: Rc<Server>,
    inside: Insider<Server>,
    admins: BTreeSet<BareJid>,
    room: String,
}

impl Bot {
    /// It is there, and so is its room.
    pub(super) async fn begin(
        server: &Rc<Server>,
        wires: &Rc<Wires>,
        (account, rooms_host): (&BareJid, &str),
        admins: BTreeSet<BareJid>,
    ) -> Result<Self, Trouble> {
        let jid = account.with_resource(RESOURCE);
        let jid = jid.map_err(|_| Trouble::Ended)?;
        let mut bot = Self {
            server: Rc::clone(server),
            inside: Insider::open(wires, server, jid).await?,
            admins,
            room: format!("{LOBBY}@{rooms_host}"),
        };
        let mut presence = Writer::new();
        presence.start_ns("presence", ns::CLIENT);
        bot.inside.say(&presence.finish()).await;
        let entered = room::enter(&mut bot.inside, &bot.room, NAME).await;
        match entered {
            Ok(true) => room::configure(&mut bot.inside, &bot.room, "Lobby", false).await?,
            // Where only administrators make rooms there is none.
            Ok(false) | Err(Trouble::Refused { .. }) => {}
            Err(Trouble::Ended) => return Err(Trouble::Ended),
        }
        Ok(bot)
    }

    /// Until the server stops, or somebody ends its session.
    pub(super) async fn run(mut self) {
        while let Some(element) = self.inside.next().await {
            let Ok(stanza) = Stanza::parse(element) else {
                continue;
            };
            match stanza.kind {
                Kind::Iq(IqType::Get | IqType::Set) => self.answer(&stanza).await,
                Kind::Presence(PresenceType::Subscribe) => self.approve(&stanza).await,
                Kind::Message(MessageType::Chat | MessageType::Normal) => {
                    if let Some(body) = body(&stanza) {
                        self.write(&stanza, "chat", &body).await;
                    }
                }
                Kind::Message(MessageType::Groupchat) => self.answer_in_room(&stanza).await,
                _ => {}
            }
        }
    }

    async fn answer(&mut self, stanza: &Stanza) {
        let from = stanza.from.as_ref();
        let is_admin = from.is_some_and(|from| self.admins.contains(&from.to_bare()));
        let is_ping = stanza.query().is_some_and(|one| one.is("ping", ns::PING));
        let (answer, deed) = match commands::answer(stanza, is_admin) {
            Some(Ok(reply)) => (stanza.to_result(&reply.payload), reply.deed),
            Some(Err(error)) => (self.refuse(stanza, &error), None),
            None if is_ping => (stanza.to_result(&[]), None),
            // RFC 6120 section 8.4.
            None => {
                let error = StanzaError::new(Condition::ServiceUnavailable);
                (self.refuse(stanza, &error), None)
            }
        };
        let answer = answer.unwrap_or_default();
        match deed {
            // What comes after the cut waits for the resumption, so that it does not depend on luck whether the answer
            // comes before or after it.
            Some(Deed::Cut { jid }) => {
                self.server.cut(&jid);
                self.say(&answer).await;
            }
            Some(Deed::Restart { streams }) => {
                self.say(&answer).await;
                // The answer is on its way when the server has answered the next one.
                self.inside.ask(None, "get", PING).await.ok();
                self.server.mischief.restart(streams);
            }
            Some(Deed::Delay { delay_ms }) => {
                self.say(&answer).await;
                self.server.mischief.set_delay_ms(delay_ms);
            }
            Some(Deed::RefuseResumption) => {
                self.server.mischief.refuse_resumption();
                self.say(&answer).await;
            }
            None => self.say(&answer).await,
        }
    }

    fn refuse(&self, stanza: &Stanza, error: &StanzaError) -> Option<Vec<u8>> {
        let own = self.inside.jid.as_jid();
        let from = stanza.from.as_ref().unwrap_or(own);
        error.reply_to_element(&stanza.element, from)
    }

    /// What the server writes has no namespace of its own on it: it stands in a stream.
    async fn say(&mut self, stanza: &[u8]) {
        let mut writer = Writer::new();
        writer.start_ns("stream", ns::CLIENT).raw(stanza);
        if let Ok(element) = Element::parse(&writer.finish())
            && let Some(stanza) = element.root().children().next()
        {
            self.inside.say(&stanza.outer()).await;
        }
    }

    async fn approve(&mut self, stanza: &Stanza) {
        let Some(from) = &stanza.from else { return };
        let mut writer = Writer::new();
        writer
            .start_ns("presence", ns::CLIENT)
            .attr("to", from.bare_str())
            .attr("type", "subscribed");
        self.inside.say(&writer.finish()).await;
    }

    async fn answer_in_room(&mut self, stanza: &Stanza) {
        let nick = stanza.from.as_ref().and_then(Jid::resource);
        let body = body(stanza);
        let called = body.as_deref().and_then(|body| body.strip_prefix(CALL));
        let is_old = stanza.root().has_child("delay", ns::DELAY);
        if let Some(said) = called.filter(|_| nick.is_some_and(|nick| nick != NAME) && !is_old) {
            self.write(stanza, "groupchat", said).await;
        }
    }

    async fn write(&mut self, heard: &Stanza, kind: &str, body: &str) {
        let Some(from) = &heard.from else { return };
        let to = if kind == "groupchat" {
            from.bare_str()
        } else {
            from.as_str()
        };
        let mut writer = Writer::new();
        writer
            .start_ns("message", ns::CLIENT)
            .attr("to", to)
            .attr("type", kind)
            .leaf("body", body);
        self.inside.say(&writer.finish()).await;
    }
}

const PING: &[u8] = b"<ping xmlns='urn:xmpp:ping'/>";

/// What somebody else says, and not itself on another device.
fn body(stanza: &Stanza) -> Option<String> {
    let text = stanza.root().child_text("body", ns::CLIENT)?;
    (!text.is_empty()).then(|| text.into_owned())
}
