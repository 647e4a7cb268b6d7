//! What a client is told, between crashes and after them, goes to the checker.

use crate::actor::Actor;
use crate::actor::CONTACTS;
use crate::actor::Change;
use crate::actor::PAGE;
use crate::actor::contact_address;
use crate::actor::pair_line;
use crate::actor::room;
use crate::generator::Outcome;
use crate::generator::client::tree;
use crate::generator::unexpected;
use crate::generator::xml;
use crate::generator::xml::Node;
use crate::history::Entry;

impl Actor {
    /// Compares own archive, roster, private element and item with what was promised.
    pub(crate) async fn audit(mut self, whole: bool) -> Outcome<Self> {
        let lines = [
            pair_line(&self.user, &self.peer),
            pair_line(&self.peer, &self.user),
        ];
        let name = self.user.clone();
        self.audit_archive(&name, None, &lines, whole).await?;

        let roster = self
            .ask(
                "roster",
                "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>",
            )
            .await?;
        for contact in 0..CONTACTS {
            let address = contact_address(contact);
            let items = roster.child("query").map(|query| query.children.as_slice());
            let shown = items
                .unwrap_or_default()
                .iter()
                .find(|item| item.attr("jid") == Some(&address))
                .and_then(|item| item.attr("name")?.strip_prefix('v')?.parse().ok());
            let register = self.contact_register(contact);
            self.history.borrow_mut().check_register(&register, shown);
        }

        let private = self
            .ask(
                "private",
                "<iq type='get' id='private'><query xmlns='jabber:iq:private'>\
                 <crash xmlns='crash:test'/></query></iq>",
            )
            .await?;
        let shown = private
            .at(&["query", "crash"])
            .and_then(|element| element.text.parse().ok());
        let register = self.private_register();
        self.history.borrow_mut().check_register(&register, shown);

        let shown = self.read_item().await?;
        let register = self.item_register();
        self.history.borrow_mut().check_register(&register, shown);
        Ok(self)
    }

    /// The item of the own node, if there is one already (XEP-0060 section 6.5).
    async fn read_item(&mut self) -> Outcome<Option<u64>> {
        let get = "<iq type='get' id='items'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                   <items node='crash:test'/></pubsub></iq>";
        self.send(get, Change::Volatile)?;
        loop {
            let answer = tree(self.client()?.next().await?)?;
            if answer.attr("id") == Some("items") {
                let element = answer.at(&["pubsub", "items", "item", "crash"]);
                return Ok(element.and_then(|element| element.text.parse().ok()));
            }
        }
    }

    /// Reads an archive (its new part, or all of it) and hands it to the checker.
    pub(crate) async fn audit_archive(
        &mut self,
        name: &str,
        to: Option<&str>,
        lines: &[String],
        whole: bool,
    ) -> Outcome<()> {
        let mut entries = if whole {
            Vec::new()
        } else {
            self.history.borrow().known(name).to_vec()
        };
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        loop {
            let after = entries.last().map_or_else(String::new, |entry| {
                format!("<after>{}</after>", xml::escaped(&entry.id))
            });
            let query = format!(
                "<iq type='set' id='page'{to}><query xmlns='urn:xmpp:mam:2' queryid='page'>\
                 <set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max>{after}</set></query></iq>"
            );
            self.send(&query, Change::Volatile)?;
            if self.read_page(&mut entries).await? {
                break;
            }
        }
        self.history
            .borrow_mut()
            .check_archive(name, lines, entries);
        Ok(())
    }

    /// Takes in whatever comes.
    pub(super) fn take(&mut self, element: &[u8]) -> Outcome<()> {
        if xml::is(element, "a") {
            let acked = self.client()?.management.as_ref().map_or(0, |it| it.acked);
            self.take_acknowledged(acked);
        } else if xml::is(element, "iq") {
            self.take_iq(element)?;
        } else if xml::is(element, "message") {
            self.take_message(&tree(element)?)?;
        }
        Ok(())
    }

    fn take_iq(&mut self, element: &[u8]) -> Outcome<()> {
        let id = xml::attr(element, "id").unwrap_or_default();
        match xml::attr(element, "type") {
            Some("result") => {
                self.take_result(id);
                Ok(())
            }
            // RFC 6121 section 2.1.6: a roster push wants an answer, which is a stanza like others.
            Some("set" | "get") => {
                let answer = format!("<iq type='result' id='{id}'/>");
                self.send(&answer, Change::Volatile)
            }
            _ => unexpected(String::from_utf8_lossy(element)),
        }
    }

    fn take_result(&self, id: &str) {
        let confirmed = self.pending.iter().find(|(_, change)| match change {
            Change::Contact { contact, place, .. } => id == format!("c{contact}.{place}"),
            Change::Private { place, .. } => id == format!("x{place}"),
            Change::Item { place, .. } => id == format!("e{place}"),
            _ => false,
        });
        if let Some((_, change)) = confirmed {
            self.promised(change);
        }
    }

    fn take_message(&mut self, message: &Node) -> Outcome<()> {
        if message.attr("type") == Some("error") {
            return unexpected(format!("{message:?}"));
        }
        let is_room = message.attr("type") == Some("groupchat");
        let archive_address = if is_room {
            room()
        } else {
            format!("{}@localhost", self.user)
        };
        let Some((line, number)) = message
            .child("body")
            .and_then(|body| parse_body(&body.text))
        else {
            return Ok(());
        };
        let stanza_id = message.children.iter().find(|child| {
            child.name == "stanza-id" && child.attr("by") == Some(archive_address.as_str())
        });
        let Some(id) = stanza_id.and_then(|element| element.attr("id")) else {
            return unexpected(format!("a message without the archive's id: {message:?}"));
        };
        let entry = Entry {
            id: id.to_owned(),
            line,
            number,
        };
        let view = if is_room {
            self.room_view()
        } else {
            self.user.clone()
        };
        self.history.borrow_mut().message_delivered(&view, entry);
        Ok(())
    }

    pub(super) async fn ask(&mut self, id: &str, iq: &str) -> Outcome<Node> {
        self.send(iq, Change::Volatile)?;
        loop {
            let element = tree(self.client()?.next().await?)?;
            if element.attr("id") != Some(id) {
                continue;
            }
            if element.attr("type") != Some("result") {
                return unexpected(format!("{element:?}"));
            }
            return Ok(element);
        }
    }

    /// Adds a page of messages; true if it was the last one.
    async fn read_page(&mut self, entries: &mut Vec<Entry>) -> Outcome<bool> {
        loop {
            let element = tree(self.client()?.next().await?)?;
            if element.name == "message" {
                entries.extend(archived(&element));
            } else if element.attr("id") == Some("page") {
                let Some(fin) = element.child("fin") else {
                    return unexpected(format!("{element:?}"));
                };
                return Ok(fin.attr("complete") == Some("true"));
            }
        }
    }
}

fn parse_body(body: &str) -> Option<(String, u64)> {
    let mut words = body.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// A message of an archive page (XEP-0313 section 4.2), if it has a body of ours.
fn archived(message: &Node) -> Option<Entry> {
    let result = message.child("result")?;
    let body = result.at(&["forwarded", "message", "body"])?;
    let (line, number) = parse_body(&body.text)?;
    Some(Entry {
        id: result.attr("id")?.to_owned(),
        line,
        number,
    })
}
