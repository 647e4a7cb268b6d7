//! A board that follows a model of another node, and what is left when all is over.

use std::collections::BTreeMap;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::core::Input;
use crate::core::Record;
use crate::core::boot::Boot;
use crate::effect::query::Kept;
use crate::model::account::Account;
use crate::model::message::Owner;
use crate::model::position::Index;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::store::disk::log::LogFiles;
use crate::testing::sim::machine::DOMAIN;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::machine::ROOM;
use crate::testing::sim::machine::ROOMS_HOST;
use crate::testing::sim::sequencer::Deed;
use crate::testing::sim::sequencer::Down;
use crate::testing::sim::sequencer::Peer;
use crate::testing::sim::work::bodies;

/// A message as it is found at the end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Archived {
    pub position: u128,
    pub from: String,
    pub to: String,
    pub body: String,
    /// It was said in the room.
    pub is_room: bool,
    /// Whose archives hold it.
    pub places: usize,
    /// When it was numbered.
    pub at_ms: u64,
    /// Nothing is left of what was said (XEP-0424).
    pub is_tombstone: bool,
    /// The room's own word that something was taken back (XEP-0425).
    pub is_notice: bool,
}

impl Archived {
    /// Not counted yet.
    pub(super) fn of(owner: &Owner, kept: &Kept) -> Self {
        let message = &kept.message;
        let body = bodies(&message.payload).pop().unwrap_or_default();
        let is_tombstone = message.is_tombstone();
        Self {
            position: kept.position.to_u128(),
            from: message.from.as_str().to_owned(),
            to: message.to.as_str().to_owned(),
            is_tombstone,
            is_notice: body.is_empty() && !is_tombstone,
            body,
            is_room: matches!(owner, Owner::Room { .. }),
            places: 0,
            at_ms: kept.at.unix_ms(),
        }
    }
}

/// What somebody on the other node does.
#[derive(Clone, Debug)]
pub enum Foreign {
    Message {
        from: String,
        to: String,
        body: String,
    },
    Touch {
        account: String,
    },
    SetEnabled {
        account: String,
        is_enabled: bool,
    },
    Take {
        jid: String,
    },
}

impl Machine {
    pub(super) fn work_peer(&mut self, index: usize) {
        let now = self.now();
        let down = self.peer.as_mut().and_then(|peer| peer.work(index, now));
        match down {
            Some(Down::Numbered { entry, ticket }) => {
                self.step(Input::Numbered { entry, ticket });
            }
            Some(Down::Rejected { ticket, generation }) => {
                self.step(Input::Rejected { ticket, generation });
            }
            Some(Down::Durable { upto }) => {
                if let Some(running) = &mut self.running {
                    running.member.engine.handle_peer_durable(now, upto);
                }
                self.settle();
            }
            None => {}
        }
    }

    /// Something happens on the other node, if there is one.
    pub fn foreign(&mut self, what: &Foreign) {
        let now = self.now();
        let bare = |text: &str| BareJid::parse(text).ok();
        let deed = match what {
            Foreign::Message { from, to, body } => {
                bare(from).zip(bare(to)).map(|(from, to)| Deed::Message {
                    from,
                    to,
                    body: body.clone(),
                })
            }
            Foreign::Touch { account } => bare(account).map(|account| Deed::Touch { account }),
            Foreign::SetEnabled {
                account,
                is_enabled,
            } => bare(account).map(|account| Deed::SetEnabled {
                account,
                is_enabled: *is_enabled,
            }),
            Foreign::Take { jid } => FullJid::parse(jid).ok().map(|jid| Deed::Take { jid }),
        };
        if let (Some(peer), Some(deed)) = (&mut self.peer, deed) {
            peer.act(now, deed);
        }
    }

    /// What the tables hold of an account, after [`Machine::archive`].
    pub(super) fn account(&self, account: &str) -> Option<Account> {
        let jid = BareJid::parse(account).ok()?;
        match self.shelf.load(&RecordKey::Account { jid }).ok()? {
            Record::Account { account } => Some(account),
            _ => None,
        }
    }

    /// What is stored of an account's private element, after [`Machine::archive`].
    pub fn private(&self, account: &str, name: &str) -> Option<String> {
        let account = self.account(account)?;
        bodies(account.bytes(&RowName::Private { name: name.into() })?).pop()
    }

    /// Nodes of services that are told when something waits (XEP-0357), and what each was enabled with, after
    /// [`Machine::archive`].
    pub fn pushes(&self, account: &str) -> Vec<(String, String)> {
        let Some(account) = self.account(account) else {
            return Vec::new();
        };
        let services = crate::push::services(&account);
        let services = services.filter_map(|(name, push)| match name {
            RowName::Push { node, .. } => Some((node.to_string(), bodies(&push.options).pop()?)),
            _ => None,
        });
        services.collect()
    }

    /// Where a message stands that the room gave this id.
    pub fn place_in_room(&self, id: &str) -> Option<u128> {
        let jid = BareJid::from_parts(Some(ROOM), ROOMS_HOST).ok()?;
        let ids = crate::model::stanza_id::StanzaIds::new([7; 16]);
        let position = ids.position(id, &jid)?;
        let record = self.shelf.load(&RecordKey::Room { jid }).ok()?;
        // Of two copies the archive has one.
        let entry = match record {
            Record::Room { room } => room.rows.entry_of(position),
            _ => position,
        };
        Some(entry.to_u128())
    }

    /// When accounts were disabled (`false`) and enabled by the other node.
    pub fn account_states(&self) -> Vec<(u128, String, bool)> {
        let states = self.peer.as_ref().map(Peer::states);
        let states = states.unwrap_or_default().into_iter();
        states
            .map(|(position, jid, is_enabled)| (position.to_u128(), jid, is_enabled))
            .collect()
    }

    /// The message that an account's archive has under an id, after [`Machine::archive`].
    pub fn resolve(&self, account: &str, id: &str) -> Option<String> {
        let jid = BareJid::parse(account).ok()?;
        let ids = crate::model::stanza_id::StanzaIds::new([7; 16]);
        let position = ids.position(id, &jid)?;
        let owner = Owner::Account { jid };
        let found = self.shelf.archive(&owner, vec![position]).ok()?;
        bodies(&found.first()?.message.payload).pop()
    }

    /// Everything that is kept, read from the disk by the recovery. The process has to be down.
    pub fn archive(&mut self) -> Result<Vec<Archived>, String> {
        self.model.kill();
        let wrong = |error| format!("tables: {error:?}");
        self.shelf.open(self.model.disk()).map_err(wrong)?;
        let mut files = LogFiles::new(self.model.disk());
        let applied_to = self.shelf.applied_to().map_err(wrong)?;
        let reach = self.shelf.reach().map_err(wrong)?;
        let mut boot = Boot::new(
            self.node(),
            &self.shelf.epochs().map_err(wrong)?,
            reach,
            (applied_to, self.shelf.stamp().map_err(wrong)?),
        );
        let mut unreadable = None;
        files
            .recover(applied_to.0, 1, &mut |record| {
                let read = boot.read(Index(record.position), record.kind, record.bytes);
                unreadable = unreadable.or_else(|| read.err());
            })
            .map_err(|error| format!("recover: {error:?}"))?;
        if let Some(error) = unreadable {
            return Err(format!("read: {error:?}"));
        }
        let mut found: BTreeMap<u128, Archived> = BTreeMap::new();
        self.shelf.catch_up(&boot).map_err(wrong)?;
        let names = self.options.accounts.clone();
        let jids = names
            .into_iter()
            .filter_map(|name| BareJid::from_parts(Some(&name), DOMAIN).ok());
        let owners = jids.map(|jid| Owner::Account { jid });
        let room = BareJid::from_parts(Some(ROOM), ROOMS_HOST).ok();
        let room = room.map(|jid| Owner::Room { jid });
        for owner in owners.chain(room) {
            for kept in self.shelf.archive(&owner, Vec::new()).map_err(wrong)? {
                let position = kept.position.to_u128();
                let archived = found.entry(position);
                let archived = archived.or_insert_with(|| Archived::of(&owner, &kept));
                archived.places += 1;
            }
        }
        Ok(found.into_values().collect())
    }
}
