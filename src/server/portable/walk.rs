//! The outline of a file of accounts: hosts, users, and the parts of a user one by one.

use crate::base::jid::BareJid;
use crate::server::portable::OWN_NAMESPACE;
use crate::server::portable::complaint::ImportError;
use crate::server::portable::complaint::Mistake;
use crate::server::portable::complaint::Place;
use crate::server::portable::source::Next;
use crate::server::portable::source::Source;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;

/// What an element is to its user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Account,
    Keys,
    Contact,
    Request,
    Private,
    VCard,
    PrivacyLists,
    BlockList,
    Preferences,
    Archived,
    Waiting,
    /// How a node is configured, and who is what to it.
    NodeSetting,
    NodeItem,
}

/// A user's start tag.
pub(super) struct UserTag {
    pub(super) name: String,
    pub(super) password: Option<String>,
}

/// Who wants to know.
pub(super) trait Visitor {
    fn begin_user(&mut self, user: &UserTag, at: &Place) -> Result<(), ImportError>;

    /// Whether parts of this kind are looked at; the others are passed over.
    fn wants(&self, part: Part) -> bool;

    /// The items that follow are of this node.
    fn begin_node(&mut self, node: &str);

    fn part(&mut self, part: Part, element: &Element, at: &Place) -> Result<(), ImportError>;

    fn end_user(&mut self, at: &Place) -> Result<(), ImportError>;

    /// Something that this server does not keep.
    fn leave_out(&mut self, what: &str);

    /// So many bytes were read, of so many that are known of.
    fn tell(&mut self, read_bytes: u64, known_bytes: u64);
}

/// One reading of all files.
pub(super) struct Walk<'a> {
    pub(super) source: Source,
    pub(super) domain: &'a str,
    pub(super) visitor: &'a mut dyn Visitor,
}

/// Lists that are read item by item, and what an item is.
fn list_of(tag: Node<'_>) -> Option<Part> {
    Some(match (tag.name(), tag.ns()) {
        ("query", ns::ROSTER) => Part::Contact,
        ("query", ns::PRIVATE) => Part::Private,
        ("offline-messages", ns::PIE) => Part::Waiting,
        ("pubsub", ns::PUBSUB_OWNER) => Part::NodeSetting,
        // Others have archives of nodes here as well.
        ("archive", ns::PIE_MAM) if tag.attr("node").is_none() => Part::Archived,
        _ => return None,
    })
}

/// Elements that are read whole.
fn part_of(tag: Node<'_>) -> Option<Part> {
    Some(match (tag.name(), tag.ns()) {
        ("account", OWN_NAMESPACE) => Part::Account,
        ("scram-credentials", ns::PIE_SCRAM) => Part::Keys,
        ("presence", ns::CLIENT) => Part::Request,
        ("vCard", ns::VCARD) => Part::VCard,
        ("query", ns::PRIVACY) => Part::PrivacyLists,
        ("blocklist", ns::BLOCKING) => Part::BlockList,
        ("prefs", ns::MAM | ns::PIE_MAM) => Part::Preferences,
        _ => return None,
    })
}

/// For remarks.
fn spelled(tag: Node<'_>) -> String {
    format!("<{} xmlns='{}'>", tag.name(), tag.ns())
}

impl Walk<'_> {
    pub(super) fn run(mut self) -> Result<Source, ImportError> {
        let Next::Start(tag) = self.source.next()? else {
            return self.source.wrong(Mistake::NotServerData {
                found: "nothing".to_owned(),
            });
        };
        if !tag.root().is("server-data", ns::PIE) {
            let found = spelled(tag.root());
            return self.source.wrong(Mistake::NotServerData { found });
        }
        let at = self.source.place();
        self.source.enter()?;
        let (mut is_found, mut other) = (false, None);
        while let Next::Start(tag) = self.source.next()? {
            let tag = tag.root();
            if tag.is("include", ns::XINCLUDE) {
                self.source.include(tag)?;
            } else if tag.is("host", ns::PIE) {
                let Some(jid) = tag.attr("jid") else {
                    return self.source.wrong(Mistake::HostWithoutJid);
                };
                let is_own = BareJid::parse(&jid).is_ok_and(|jid| jid.as_str() == self.domain);
                if is_own {
                    is_found = true;
                    self.host()?;
                } else {
                    self.visitor.leave_out(&format!("the host {jid:?}"));
                    other = Some(jid.into_owned());
                    self.source.skip()?;
                }
            } else {
                self.skip(tag)?;
            }
        }
        // The root is closed: nothing but the end may come.
        while !matches!(self.source.next()?, Next::Finished) {}
        if is_found {
            return Ok(self.source);
        }
        let domain = self.domain.to_owned();
        let mistake = Mistake::NoHost {
            found: other,
            domain,
        };
        Err(ImportError::Mistake { at, mistake })
    }

    fn skip(&mut self, tag: Node<'_>) -> Result<(), ImportError> {
        self.visitor.leave_out(&spelled(tag));
        self.source.skip()
    }

    fn host(&mut self) -> Result<(), ImportError> {
        self.source.enter()?;
        while let Next::Start(tag) = self.source.next()? {
            let tag = tag.root();
            if tag.is("include", ns::XINCLUDE) {
                self.source.include(tag)?;
            } else if tag.is("user", ns::PIE) {
                let Some(name) = tag.attr("name") else {
                    return self.source.wrong(Mistake::UserWithoutName);
                };
                let user = UserTag {
                    name: name.into_owned(),
                    password: tag.attr("password").map(std::borrow::Cow::into_owned),
                };
                self.visitor.begin_user(&user, &self.source.place())?;
                self.user()?;
                self.visitor.end_user(&self.source.place())?;
            } else {
                self.skip(tag)?;
            }
        }
        Ok(())
    }

    fn user(&mut self) -> Result<(), ImportError> {
        self.source.enter()?;
        while let Next::Start(tag) = self.source.next()? {
            let tag = tag.root();
            let (list, part) = (list_of(tag), part_of(tag));
            if tag.is("include", ns::XINCLUDE) {
                self.source.include(tag)?;
            } else if tag.is("pubsub", ns::PUBSUB) && self.visitor.wants(Part::NodeItem) {
                self.nodes()?;
            } else if let Some(part) = list.filter(|part| self.visitor.wants(*part)) {
                self.list(part)?;
            } else if let Some(part) = part.filter(|part| self.visitor.wants(*part)) {
                self.part(part)?;
            } else if list.is_some() || part.is_some() || tag.is("pubsub", ns::PUBSUB) {
                self.source.skip()?;
            } else {
                self.skip(tag)?;
            }
        }
        Ok(())
    }

    /// Items, node by node (section 4.10.2).
    fn nodes(&mut self) -> Result<(), ImportError> {
        self.source.enter()?;
        while let Next::Start(tag) = self.source.next()? {
            let tag = tag.root();
            match tag.attr("node").filter(|_| tag.is("items", ns::PUBSUB)) {
                Some(node) => {
                    self.visitor.begin_node(&node);
                    self.list(Part::NodeItem)?;
                }
                None => self.skip(tag)?,
            }
        }
        Ok(())
    }

    fn list(&mut self, part: Part) -> Result<(), ImportError> {
        self.source.enter()?;
        while let Next::Start(_) = self.source.next()? {
            self.part(part)?;
        }
        Ok(())
    }

    fn part(&mut self, part: Part) -> Result<(), ImportError> {
        let at = self.source.place();
        let element = self.source.take()?;
        self.visitor.part(part, &element, &at)?;
        let (read, known) = (self.source.read_bytes, self.source.known_bytes);
        self.visitor.tell(read, known);
        Ok(())
    }
}
