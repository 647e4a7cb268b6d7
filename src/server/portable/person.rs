//! One user as the files tell, part by part; rows in the end.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::account::private;
use crate::archive::preferences::ADDRESSES_MAX;
use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::REQUESTS_MAX;
use crate::base::limits::ROSTER_BYTES_MAX;
use crate::base::limits::STANZA_BYTES_MAX;
use crate::base::time::Timestamp;
use crate::effect::settings::Limits;
use crate::model::account::AccountState;
use crate::model::account::Credentials;
use crate::model::account::Preferences;
use crate::model::account::ScramKeys;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub;
use crate::pubsub::Drafts;
use crate::roster::item;
use crate::sasl::Hash;
use crate::server::portable::complaint::Mistake;
use crate::server::portable::parse;
use crate::server::portable::walk::Part;
use crate::xml::Node;

/// What is known of a user so far.
pub(super) struct Person {
    pub(super) jid: BareJid,
    pub(super) state: AccountState,
    pub(super) created: Option<Timestamp>,
    /// As it was written, if that is all there is.
    pub(super) password: Option<String>,
    keys: BTreeMap<Hash, ScramKeys>,
    contacts: BTreeMap<BareJid, Contact>,
    roster_bytes: usize,
    requests: usize,
    blocked: BTreeSet<Jid>,
    stored: BTreeMap<RowName, Vec<u8>>,
    stored_bytes: usize,
    preferences: Option<Preferences>,
    nodes: Drafts,
    /// Whose items come.
    node: Box<str>,
}

/// What could not be taken over; the user has the rest.
pub(super) type LeftOut = Option<&'static str>;

impl Person {
    pub(super) fn new(jid: BareJid, password: Option<&str>) -> Self {
        let password = password.filter(|password| !password.is_empty());
        let keys = password.and_then(parse::keys_in_password);
        Self {
            jid,
            state: AccountState::Enabled,
            created: None,
            password: password.filter(|_| keys.is_none()).map(str::to_owned),
            keys: keys.into_iter().collect(),
            contacts: BTreeMap::new(),
            roster_bytes: 0,
            requests: 0,
            blocked: BTreeSet::new(),
            stored: BTreeMap::new(),
            stored_bytes: 0,
            preferences: None,
            nodes: Drafts::default(),
            node: Box::default(),
        }
    }

    /// Takes a part that is no message.
    pub(super) fn add(
        &mut self,
        part: Part,
        element: Node<'_>,
        limits: &Limits,
    ) -> Result<LeftOut, Mistake> {
        match part {
            Part::Account => return Ok(self.add_state(element)),
            Part::Keys => return self.add_keys(element),
            Part::Contact => self.add_contact(element, limits)?,
            Part::Request => return self.add_request(element),
            Part::Private => {
                return self.add_stored(private::name_of(element), element, limits);
            }
            Part::VCard => return self.add_stored(RowName::VCard, element, limits),
            Part::PrivacyLists => {
                let (jids, is_more) = parse::denied(element)?;
                self.add_blocked(jids, limits)?;
                return Ok(is_more.then_some("privacy lists beyond a list of blocked addresses"));
            }
            Part::BlockList => self.add_blocked(parse::blocked(element)?, limits)?,
            Part::Preferences => {
                let preferences = parse::preferences(element)?;
                let lists = [&preferences.always, &preferences.never];
                if lists.into_iter().map(BTreeSet::len).sum::<usize>() > ADDRESSES_MAX {
                    let max = ADDRESSES_MAX;
                    return Err(Mistake::TooManyPreferences { max });
                }
                self.preferences = Some(preferences);
            }
            Part::NodeSetting => return Ok(self.nodes.add_setting(element)),
            Part::NodeItem => return self.add_item(element, limits),
            Part::Archived | Part::Waiting => {}
        }
        Ok(None)
    }

    fn add_state(&mut self, element: Node<'_>) -> LeftOut {
        if element.attr("state").as_deref() == Some("disabled") {
            self.state = AccountState::Disabled;
        }
        let created = element.attr("created");
        self.created = created.and_then(|text| Timestamp::parse_xep0082(&text).ok());
        // Whoever wrote the file must not choose who governs here.
        let is_admin = element.attr("admin").as_deref() == Some("true");
        is_admin.then_some("the rights of an administrator: meerkat user admin NAME")
    }

    fn add_keys(&mut self, element: Node<'_>) -> Result<LeftOut, Mistake> {
        let mechanism = element.attr("mechanism").unwrap_or_default();
        let Some(hash) = parse::hash_of(&mechanism) else {
            return Ok(Some(
                "keys for mechanisms other than SCRAM-SHA-1 and SCRAM-SHA-256",
            ));
        };
        if self
            .keys
            .insert(hash, parse::keys(hash, element)?)
            .is_some()
        {
            return Err(Mistake::TwoKeys {
                mechanism: mechanism.into_owned(),
            });
        }
        Ok(None)
    }

    fn add_contact(&mut self, element: Node<'_>, limits: &Limits) -> Result<(), Mistake> {
        let (jid, mut contact) = parse::contact(element)?;
        if jid == self.jid {
            return Ok(());
        }
        let bytes = item::size_bytes(&jid, &contact);
        self.roster_bytes = self.roster_bytes.saturating_add(bytes);
        if self.roster_bytes > ROSTER_BYTES_MAX {
            return Err(Mistake::RosterTooLarge);
        }
        if let Some(known) = self.contacts.remove(&jid)
            && contact.inward == Inward::Without
        {
            contact.inward = known.inward;
        }
        self.contacts.insert(jid, contact);
        let listed = self.contacts.values().filter(|one| one.listed).count();
        if listed > limits.roster_items_max {
            let max = limits.roster_items_max;
            return Err(Mistake::TooManyContacts { max });
        }
        Ok(())
    }

    fn add_request(&mut self, element: Node<'_>) -> Result<LeftOut, Mistake> {
        if element.attr("type").as_deref() != Some("subscribe") {
            return Ok(Some("presence other than subscription requests"));
        }
        let jid = parse::address(element.attr("from"))?.to_bare();
        self.requests = self.requests.saturating_add(1);
        if self.requests > REQUESTS_MAX {
            return Err(Mistake::TooManyRequests);
        }
        let payload = parse::request_payload(element);
        let contact = self.contacts.entry(jid).or_default();
        if contact.inward == Inward::Without {
            contact.inward = Inward::Asked { payload };
        }
        Ok(None)
    }

    fn add_stored(
        &mut self,
        name: RowName,
        element: Node<'_>,
        limits: &Limits,
    ) -> Result<LeftOut, Mistake> {
        let bytes = element.outer().into_owned();
        if bytes.len() > STANZA_BYTES_MAX {
            return Ok(Some(
                "vCards and private data larger than a client may send",
            ));
        }
        let max = limits.private_bytes_max;
        self.stored_bytes = self.stored_bytes.saturating_add(bytes.len());
        let replaced = self.stored.insert(name, bytes);
        self.stored_bytes -= replaced.map_or(0, |bytes| bytes.len());
        if self.stored_bytes > max {
            return Err(Mistake::PrivateTooLarge { max });
        }
        Ok(None)
    }

    pub(super) fn begin_node(&mut self, node: &str) {
        self.node = node.into();
    }

    fn add_item(&mut self, item: Node<'_>, limits: &Limits) -> Result<LeftOut, Mistake> {
        let Some(storage) = pubsub::old_bookmarks(&self.node, item) else {
            return Ok(self.nodes.add_item(&self.jid, &self.node, item));
        };
        let name = private::name_of(storage);
        if self.stored.contains_key(&name) {
            return Ok(None);
        }
        self.add_stored(name, storage, limits)
    }

    /// What can be looked at only when everything is known.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Mistake> {
        if self.nodes.is_crowded {
            return Err(Mistake::TooManyNodes);
        }
        let max = limits.published_bytes_max;
        if self.nodes.bytes() > max {
            return Err(Mistake::PublishedTooLarge { max });
        }
        Ok(())
    }

    fn add_blocked(&mut self, jids: Vec<Jid>, limits: &Limits) -> Result<(), Mistake> {
        self.blocked.extend(jids);
        if self.blocked.len() > limits.blocked_max {
            let max = limits.blocked_max;
            return Err(Mistake::TooManyBlocked { max });
        }
        Ok(())
    }

    /// Whether the plain password is needed: keys are better, and they are there.
    pub(super) fn wants_password(&self) -> Option<&str> {
        self.password.as_deref().filter(|_| self.keys.is_empty())
    }

    /// Whether the user can log in.
    pub(super) fn has_password(&self) -> bool {
        self.password.is_some() || !self.keys.is_empty()
    }

    /// All rows but the account's own. `derived`: the keys of [`Person::wants_password`]; `life`: of the new account.
    pub(super) fn into_rows(
        mut self,
        derived: Option<Arc<Credentials>>,
        life: (Incarnation, Timestamp),
    ) -> impl Iterator<Item = (RecordKey, RowName, Row)> {
        let record = RecordKey::Account {
            jid: self.jid.clone(),
        };
        let nodes = self.nodes.into_rows(&self.jid, life);
        let known = (!self.keys.is_empty()).then(|| {
            let mut keys = |hash| self.keys.remove(&hash).unwrap_or_else(parse::no_keys);
            Arc::new(Credentials {
                sha1: keys(Hash::Sha1),
                sha256: keys(Hash::Sha256),
            })
        });
        let keys = known.or(derived);
        let keys = keys.map(|keys| (RowName::Credentials, Row::Credentials { keys }));
        let preferences = self.preferences.map(|preferences| {
            let preferences = Arc::new(preferences);
            (RowName::Preferences, Row::Preferences { preferences })
        });
        let contacts = self.contacts.into_iter().map(|(jid, contact)| {
            let contact = Arc::new(contact);
            (RowName::Contact { jid }, Row::Contact { contact })
        });
        let blocked = self.blocked.into_iter();
        let blocked = blocked.map(|jid| (RowName::Blocked { jid }, Row::Blocked));
        let stored = self.stored.into_iter().map(|(name, bytes)| {
            let bytes = bytes.into();
            (name, Row::Bytes { bytes })
        });
        keys.into_iter()
            .chain(preferences)
            .chain(contacts)
            .chain(blocked)
            .chain(stored)
            .map(move |(name, row)| (record.clone(), name, row))
            .chain(nodes)
    }
}
