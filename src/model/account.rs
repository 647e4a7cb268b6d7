//! An account: its rows, and who of it is online.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::model::codec::read_bytes;
use crate::model::codec::write_bytes;
use crate::model::contact::Contact;
use crate::model::copies::Copy;
use crate::model::epochs::Epochs;
use crate::model::frontier::Frontier;
use crate::model::op::Want;
use crate::model::position::Position;
use crate::model::pubsub::Interests;
use crate::model::row::Cell;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::stanza::outgoing::Outgoing;

/// That an account exists. A name used again gets a new incarnation, and so inherits nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AccountRow {
    pub(crate) incarnation: Incarnation,
    pub(crate) state: AccountState,
    pub(crate) admin: bool,
    pub(crate) created: Timestamp,
}

coded!(struct AccountRow { incarnation, state, admin, created });

impl AccountRow {
    pub(crate) fn administers(&self) -> bool {
        self.admin && self.state != AccountState::Deleted
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AccountState {
    Enabled,
    Disabled,
    /// Deleted, its rows perhaps not all swept yet.
    Deleted,
}

coded!(enum AccountState { 0 => Enabled, 1 => Disabled, 2 => Deleted });

/// What is stored of a password: one set of keys a hash, never the password (RFC 5802 section 3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Credentials {
    pub(crate) sha1: ScramKeys,
    pub(crate) sha256: ScramKeys,
}

coded!(struct Credentials { sha1, sha256 });

/// SCRAM's verifier for one hash. Keys are 20 bytes (SHA-1) or 32 (SHA-256).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ScramKeys {
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
    pub(crate) stored_key: Secret,
    pub(crate) server_key: Secret,
}

coded!(struct ScramKeys { salt, iterations, stored_key, server_key });

impl Code for Secret {
    fn encode(&self, out: &mut Vec<u8>) {
        write_bytes(out, self.expose());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        read_bytes(input).map(|bytes| Self::new(bytes.into()))
    }
}

/// A device's token (XEP-0484), and the one before it until the new one was used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    pub(crate) mechanism: Box<str>,
    pub(crate) secret: Secret,
    pub(crate) expires: Timestamp,
    pub(crate) previous: Option<Secret>,
}

coded!(struct Token { mechanism, secret, expires, previous });

/// When the user was last online, with the status left behind (XEP-0012 section 2.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LastSeen {
    pub(crate) at: Timestamp,
    pub(crate) status: Option<Box<str>>,
}

coded!(struct LastSeen { at, status });

/// Which conversations the user wants archived (XEP-0441).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Preferences {
    pub(crate) default: ArchiveDefault,
    pub(crate) always: BTreeSet<Jid>,
    pub(crate) never: BTreeSet<Jid>,
}

coded!(struct Preferences { default, always, never });

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum ArchiveDefault {
    #[default]
    Always,
    Never,
    Roster,
}

coded!(enum ArchiveDefault { 0 => Always, 1 => Never, 2 => Roster });

impl ArchiveDefault {
    /// The attribute `default` of `<prefs/>` (XEP-0441 section 2).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            "roster" => Some(Self::Roster),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Roster => "roster",
        }
    }
}

/// How far a stream with management was counted, so that the count survives a crash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StreamRow {
    /// Stanzas received up to the newest durable one.
    pub(crate) h: u32,
    /// The id of the last IQ set that was answered with a result.
    pub(crate) iq: Option<Box<str>>,
    pub(crate) at: Timestamp,
}

coded!(struct StreamRow { h, iq, at });

/// An account in memory: durable rows shared between the two states, and what is volatile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) rows: Arc<Rows>,
    /// Online sessions by resource: of all nodes, in every node's memory.
    pub(crate) online: BTreeMap<Box<str>, Online>,
    /// Messages for the user above the frontier: kept for whoever comes and takes them.
    pub(crate) untaken: Arc<BTreeSet<Position>>,
    /// Of these, what the archive does not hold.
    pub(crate) unarchived: Arc<BTreeSet<Position>>,
}

/// One session of an account, as contacts and the delivery rules see it.
#[derive(Clone, Debug)]
pub(crate) struct Online {
    pub(crate) session: SessionId,
    /// The node that has the socket.
    pub(crate) node: u8,
    /// The installation of the client, if it named itself (XEP-0388).
    pub(crate) device: Option<Box<str>>,
    pub(crate) jid: FullJid,
    /// Set while the resource is available (RFC 6121 section 4).
    pub(crate) presence: Option<Present>,
    pub(crate) carbons: bool,
    /// Asked for the roster: gets roster pushes (RFC 6121 section 2.1.6).
    pub(crate) interested: bool,
    /// Asked for the block list: gets its pushes (XEP-0191 section 3).
    pub(crate) watches_blocks: bool,
    /// Whom it sent directed presence to (RFC 6121 section 4.6).
    pub(crate) directed: BTreeSet<Jid>,
    /// Nodes that it wants to hear of, once it has said which (XEP-0163 section 4.3.2).
    pub(crate) interests: Option<Interests>,
    /// Rooms it is in, so that they learn when it ends.
    pub(crate) rooms: BTreeSet<BareJid>,
    pub(crate) since: Timestamp,
    /// When it last became available or changed its presence: "most recent" in RFC 6121 8.5.
    pub(crate) order: Position,
}

impl Online {
    /// What delivery looks at, as the session asked for it.
    pub(crate) fn switch(&mut self, want: Want) -> &mut bool {
        match want {
            Want::Carbons => &mut self.carbons,
            Want::Roster => &mut self.interested,
            Want::Blocks => &mut self.watches_blocks,
        }
    }
}

/// An available resource's presence.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) priority: i8,
    pub(crate) stanza: Arc<Outgoing>,
}

coded!(struct Present { priority, stanza });

impl Account {
    /// The account's state row, if it was ever made.
    pub(crate) fn row(&self) -> Option<AccountRow> {
        match self.rows.row(&RowName::Account) {
            Some(Row::Account { row }) => Some(*row),
            _ => None,
        }
    }

    /// Whether stanzas are for somebody: the account exists and was not deleted.
    pub(crate) fn exists(&self) -> bool {
        self.row()
            .is_some_and(|row| row.state != AccountState::Deleted)
    }

    pub(crate) fn incarnation(&self) -> Option<Incarnation> {
        self.row().map(|row| row.incarnation)
    }

    /// Whether what is for this incarnation is for nobody: it was deleted, perhaps on another branch
    /// of the log than the one that still wrote to it.
    pub(crate) fn is_over(&self, incarnation: Incarnation) -> bool {
        self.row()
            .is_some_and(|row| row.incarnation != incarnation || row.state == AccountState::Deleted)
    }

    /// The incarnation, unless the account was deleted.
    pub(crate) fn live(&self) -> Option<Incarnation> {
        self.incarnation().filter(|_| self.exists())
    }

    pub(crate) fn contact(&self, jid: &BareJid) -> Option<&Contact> {
        match self.rows.row(&RowName::Contact { jid: jid.clone() }) {
            Some(Row::Contact { contact }) => Some(contact),
            _ => None,
        }
    }

    /// All contacts, listed in the roster or not, in order of address.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = (&BareJid, &Contact, Position)> {
        self.contact_cells()
            .filter_map(|(jid, cell)| match &cell.row {
                Some(Row::Contact { contact }) => Some((jid, contact.as_ref(), cell.at)),
                _ => None,
            })
    }

    /// The same with those that were removed.
    pub(crate) fn contact_cells(&self) -> impl Iterator<Item = (&BareJid, &Cell)> {
        self.rows
            .from(&RowName::Frontier)
            .skip_while(|(name, _)| **name == RowName::Frontier)
            .map_while(|(name, cell)| match name {
                RowName::Contact { jid } => Some((jid, cell)),
                _ => None,
            })
    }

    pub(crate) fn blocked(&self) -> impl Iterator<Item = &Jid> {
        let next = RowName::Token {
            device: Box::default(),
        };
        self.rows
            .before(next)
            .rev()
            .map_while(|(name, cell)| match name {
                RowName::Blocked { jid } => Some((jid, cell)),
                _ => None,
            })
            .filter_map(|(jid, cell)| cell.row.is_some().then_some(jid))
    }

    /// Whether a block list entry matches `jid` (XEP-0191 section 6): full, bare, domain/resource, domain.
    pub(crate) fn blocks(&self, jid: &Jid) -> bool {
        self.blocked().any(|blocked| {
            blocked.domain() == jid.domain()
                && (blocked.local().is_none() || blocked.local() == jid.local())
                && (blocked.resource().is_none() || blocked.resource() == jid.resource())
        })
    }

    pub(crate) fn credentials(&self) -> Option<&Arc<Credentials>> {
        match self.rows.row(&RowName::Credentials) {
            Some(Row::Credentials { keys }) => Some(keys),
            _ => None,
        }
    }

    /// The tokens of the account's devices.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (&RowName, &Token)> {
        let rows = self.rows.iter();
        rows.filter_map(|(name, cell)| match (name, &cell.row) {
            (RowName::Token { .. }, Some(Row::Token { token })) => Some((name, token.as_ref())),
            _ => None,
        })
    }

    /// The token of one device.
    pub(crate) fn token(&self, device: &str) -> Option<&Token> {
        let name = RowName::Token {
            device: device.into(),
        };
        match self.rows.row(&name) {
            Some(Row::Token { token }) => Some(token),
            _ => None,
        }
    }

    pub(crate) fn preferences(&self) -> Option<&Preferences> {
        match self.rows.row(&RowName::Preferences) {
            Some(Row::Preferences { preferences }) => Some(preferences),
            _ => None,
        }
    }

    /// The bytes of a vCard, a private element.
    pub(crate) fn bytes(&self, name: &RowName) -> Option<&Arc<[u8]>> {
        match self.rows.row(name) {
            Some(Row::Bytes { bytes }) => Some(bytes),
            _ => None,
        }
    }

    /// This waits for the user's devices.
    pub(crate) fn add_untaken(&mut self, position: Position, is_archived: bool) {
        Arc::make_mut(&mut self.untaken).insert(position);
        if !is_archived {
            Arc::make_mut(&mut self.unarchived).insert(position);
        }
    }

    /// Devices have taken what the frontier covers, under whichever of its ids.
    pub(crate) fn take(&mut self, frontier: &Frontier, epochs: &Epochs) {
        let covers = |at| frontier.covers(at, |a, b| epochs.follows(a, b));
        let copies = self.rows.aliases().filter(|copy| covers(copy.alias));
        let copied = copies.map(|copy| self.rows.entry_of(copy.alias));
        let copied: BTreeSet<Position> = copied.collect();
        self.keep_untaken(|at| !copied.contains(&at) && !covers(at));
    }

    /// A message is known to be a copy: it waits for nobody, and a device that has taken it has the other.
    pub(crate) fn take_copy(&mut self, copy: Copy, epochs: &Epochs) {
        let mut copies = self.rows.copies_of(copy.entry);
        copies.push(copy.alias);
        let is_taken = match self.rows.row(&RowName::Frontier) {
            Some(Row::Frontier { frontier }) => {
                let mut copies = copies.into_iter();
                copies.any(|at| frontier.covers(at, |a, b| epochs.follows(a, b)))
            }
            _ => false,
        };
        let entry = self.rows.entry_of(copy.entry);
        self.keep_untaken(|at| at != copy.alias && !(is_taken && at == entry));
    }

    /// What does not wait for the user's devices any more is forgotten.
    pub(crate) fn keep_untaken(&mut self, is_kept: impl Fn(Position) -> bool) {
        for set in [&mut self.untaken, &mut self.unarchived] {
            if set.iter().any(|position| !is_kept(*position)) {
                Arc::make_mut(set).retain(|position| is_kept(*position));
            }
        }
    }

    /// Available resources, in no order that matters.
    pub(crate) fn available(&self) -> impl Iterator<Item = (&Online, &Present)> {
        self.online
            .values()
            .filter_map(|online| online.presence.as_ref().map(|here| (online, here)))
    }
}
