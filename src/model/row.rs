//! Rows: the durable state, one value at a time.
//!
//! A record (an account, a room, the node) is a set of rows; a row has a name within its record and a
//! value. Features say what a value means; the log, the tables, guards and copies treat all rows alike.

use std::sync::Arc;

use crate::base::ids::FileId;
use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::model::abuse::AbuseReport;
use crate::model::account::AccountRow;
use crate::model::account::Credentials;
use crate::model::account::LastSeen;
use crate::model::account::Preferences;
use crate::model::account::StreamRow;
use crate::model::account::Token;
use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::model::contact::Contact;
use crate::model::copies::Copy;
use crate::model::fields::Fields;
use crate::model::file::FileRow;
use crate::model::frontier::Frontier;
use crate::model::invite::Invite;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::pubsub::ItemRow;
use crate::model::pubsub::LeafKey;
use crate::model::pubsub::NodeRow;
use crate::model::pubsub::StandingRow;
use crate::model::pubsub::SubscriptionRow;
use crate::model::push::PushRow;
use crate::model::room::AffiliationRow;
use crate::model::room::ApplicantRow;
use crate::model::room::HatRow;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRow;
use crate::model::room::Subject;

pub(crate) use crate::model::rows::Rows;

/// What is loaded, kept in memory and evicted as one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum RecordKey {
    /// The server itself: secrets, epochs.
    Node,
    /// A user.
    Account { jid: BareJid },
    /// A room.
    Room { jid: BareJid },
    /// What is in a node of publish-subscribe.
    Leaf { leaf: LeafKey },
}

coded!(enum RecordKey {
    0 => Node,
    1 => Account { jid },
    2 => Room { jid },
    30 => Leaf { leaf },
});

/// Which row of a record.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum RowName {
    /// The account exists.
    Account,
    /// Salted keys of all mechanisms, changed as a unit.
    Credentials,
    /// When the user was last online (XEP-0012).
    LastSeen,
    /// What the user wants archived (XEP-0441).
    Preferences,
    /// vcard-temp (XEP-0054).
    VCard,
    /// What the user's devices have taken.
    Frontier,
    /// A contact in the roster (RFC 6121 section 2).
    Contact { jid: BareJid },
    /// A blocked address (XEP-0191).
    Blocked { jid: Jid },
    /// A token of one device (XEP-0484).
    Token { device: Box<str> },
    /// Private XML (XEP-0049), by namespace and name.
    Private { name: Box<str> },
    /// How far a stream with management was counted (XEP-0198).
    Stream { key: SmKey },
    /// The room exists.
    Room,
    /// The room's configuration form.
    RoomConfig,
    /// The room's subject.
    Subject,
    /// What a user is to the room (XEP-0045 section 5.2).
    Affiliation { jid: BareJid },
    /// A user who waits for membership of a room (XEP-0045 section 7.10).
    Applicant { jid: BareJid },
    /// A hat of a room (XEP-0317).
    Hat { uri: Box<str> },
    /// That a user wears a hat of the room.
    Worn { jid: BareJid, uri: Box<str> },
    /// A secret of the domain, by purpose.
    Secret { purpose: Box<str> },
    /// An open ad-hoc or server-wide text, by name (message of the day and the like), or what a
    /// feature notes about the record.
    Text { name: Box<str> },
    /// A room that the user has made, for counting.
    Created { room: BareJid },
    /// A value that another one has won over when two branches were merged (the conflict journal),
    /// by the position of the entry that wrote it.
    Lost { at: Position },
    /// Up to where the record was swept, where another branch may not know yet.
    Swept,
    /// A message of the record's archive that is a copy of another one, whose position this row holds: its
    /// id resolves, and no page has it.
    Alias { at: Position },
    /// A service that is told when something waits for the user (XEP-0357).
    Push { service: Box<str>, node: Box<str> },
    /// A node of publish-subscribe (XEP-0060) that the account, or the service, has.
    Leaf { node: Box<str> },
    /// An item of a node.
    Item { id: Box<str> },
    /// A subscription to a node.
    Subscription { jid: Jid },
    /// What a user is to a node (XEP-0060 section 4.1).
    Standing { jid: BareJid },
    /// A node that the user has subscribed to, for counting and listing.
    Subscribed { owner: BareJid, node: Box<str> },
    /// An invitation, by a digest of its word (XEP-0401).
    Invite { digest: Box<str> },
    /// A file that the user has uploaded (XEP-0363).
    File { id: FileId },
    /// What a user has reported about somebody (XEP-0377), by their addresses.
    AbuseReport { id: Box<str> },
    /// Up to where a device of the user has what was written beside what it has read.
    CaughtUp { device: Box<str> },
    /// A subscription of an address that has another one to the node (XEP-0060 section 6.1.6).
    FurtherSubscription { jid: Jid, id: Box<str> },
}

coded!(enum RowName {
    1 => Account,
    2 => Credentials,
    3 => LastSeen,
    4 => Preferences,
    5 => VCard,
    6 => Frontier,
    7 => Contact { jid },
    8 => Blocked { jid },
    9 => Token { device },
    10 => Private { name },
    11 => Stream { key },
    12 => Room,
    13 => RoomConfig,
    14 => Subject,
    15 => Affiliation { jid },
    16 => Secret { purpose },
    17 => Text { name },
    18 => Created { room },
    19 => Lost { at },
    20 => Swept,
    21 => Alias { at },
    50 => Push { service, node },
    30 => Leaf { node },
    31 => Item { id },
    32 => Subscription { jid },
    33 => Standing { jid },
    34 => Subscribed { owner, node },
    51 => Invite { digest }, 60 => File { id },
    40 => Applicant { jid },
    52 => AbuseReport { id },
    41 => Hat { uri },
    42 => Worn { jid, uri },
    90 => CaughtUp { device },
    240 => FurtherSubscription { jid, id },
});

/// What holds when two branches of the log changed one row (both were served alone).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Merge {
    /// The later stamp.
    Register,
    /// A value wins over its removal.
    AddWins,
    /// The more restrictive value, removal of a right included.
    RestrictWins,
    /// The larger value, element by element.
    Max,
    /// The first creation known to both; the other is renamed.
    Unique,
}

impl RowName {
    /// The merge rule of the row.
    pub(crate) fn merge(&self) -> Merge {
        match self {
            Self::Account | Self::Room => Merge::Unique,
            Self::Blocked { .. }
            | Self::Created { .. }
            | Self::Subscribed { .. }
            | Self::AbuseReport { .. } => Merge::AddWins,
            Self::Affiliation { .. }
            | Self::Standing { .. }
            | Self::Token { .. }
            | Self::Worn { .. }
            | Self::Invite { .. } => Merge::RestrictWins,
            Self::Frontier | Self::Stream { .. } => Merge::Max,
            Self::Credentials
            | Self::LastSeen
            | Self::Preferences
            | Self::VCard
            | Self::Contact { .. }
            | Self::Private { .. }
            | Self::RoomConfig
            | Self::Subject
            | Self::Secret { .. }
            | Self::Text { .. }
            | Self::Lost { .. }
            | Self::Alias { .. }
            | Self::Push { .. }
            | Self::Leaf { .. }
            | Self::Item { .. }
            | Self::Subscription { .. }
            | Self::FurtherSubscription { .. }
            | Self::File { .. }
            | Self::Applicant { .. }
            | Self::Hat { .. }
            | Self::CaughtUp { .. }
            | Self::Swept => Merge::Register,
        }
    }
}

/// The value of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Row {
    Account {
        row: AccountRow,
    },
    Credentials {
        keys: Arc<Credentials>,
    },
    LastSeen {
        seen: Arc<LastSeen>,
    },
    Preferences {
        preferences: Arc<Preferences>,
    },
    Contact {
        contact: Arc<Contact>,
    },
    /// A contact of which these fields are written, the others being as the writer knew them.
    ContactPart {
        fields: Fields,
        contact: Arc<Contact>,
    },
    Blocked,
    Token {
        token: Arc<Token>,
    },
    Frontier {
        frontier: Arc<Frontier>,
    },
    Stream {
        stream: Arc<StreamRow>,
    },
    Room {
        row: RoomRow,
    },
    RoomConfig {
        config: Arc<RoomConfig>,
    },
    /// A configuration likewise.
    RoomConfigPart {
        fields: Fields,
        config: Arc<RoomConfig>,
    },
    Subject {
        subject: Arc<Subject>,
    },
    Affiliation {
        row: Arc<AffiliationRow>,
    },
    /// A vCard, a private element, a secret, a text.
    Bytes {
        bytes: Arc<[u8]>,
    },
    Push {
        push: Arc<PushRow>,
    },
    Leaf {
        row: Arc<NodeRow>,
    },
    Item {
        item: Arc<ItemRow>,
    },
    Subscription {
        row: Arc<SubscriptionRow>,
    },
    Standing {
        row: Arc<StandingRow>,
    },
    Invite {
        invite: Arc<Invite>,
    },
    File {
        file: Arc<FileRow>,
    },
    Applicant {
        row: Arc<ApplicantRow>,
    },
    AbuseReport {
        report: Arc<AbuseReport>,
    },
    Hat {
        hat: Arc<HatRow>,
    },
    /// The account that wears it: whoever has the name later does not.
    Worn {
        account: Incarnation,
    },
    /// The device has what is in the past of this epoch, or finds it.
    CaughtUp {
        epoch: Epoch,
    },
}

coded!(enum Row {
    1 => Account { row },
    2 => Credentials { keys },
    3 => LastSeen { seen },
    4 => Preferences { preferences },
    5 => Contact { contact },
    70 => ContactPart { fields, contact },
    6 => Blocked,
    7 => Token { token },
    8 => Frontier { frontier },
    9 => Stream { stream },
    10 => Room { row },
    11 => RoomConfig { config },
    71 => RoomConfigPart { fields, config },
    12 => Subject { subject },
    13 => Affiliation { row },
    14 => Bytes { bytes },
    50 => Push { push },
    30 => Leaf { row },
    31 => Item { item },
    32 => Subscription { row },
    33 => Standing { row },
    51 => Invite { invite }, 60 => File { file },
    40 => Applicant { row },
    52 => AbuseReport { report },
    41 => Hat { hat },
    42 => Worn { account },
    90 => CaughtUp { epoch },
});

/// A row as it stands in a record: its value (`None`: removed, kept so that a merge knows), and
/// when and by which entry it was written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Cell {
    pub(crate) at: Position,
    pub(crate) stamp: Hlc,
    pub(crate) row: Option<Row>,
    /// Where branches of the log have changed the row: the last value of each, in order of their
    /// positions. The cell is what they make together. Usually empty.
    pub(crate) beside: Vec<Write>,
}

coded!(struct Cell { at, stamp, row, beside });

impl Cell {
    pub(crate) fn new(at: Position, stamp: Hlc, row: Option<Row>) -> Self {
        let beside = Vec::new();
        Self {
            at,
            stamp,
            row,
            beside,
        }
    }
}

/// What one entry wrote into a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Write {
    pub(crate) at: Position,
    pub(crate) stamp: Hlc,
    pub(crate) row: Option<Row>,
}

coded!(struct Write { at, stamp, row });

/// What a row says of two messages.
pub(crate) fn alias(name: &RowName, row: Option<&Row>) -> Option<Copy> {
    let (RowName::Alias { at }, Some(Row::Bytes { bytes })) = (name, row) else {
        return None;
    };
    let entry = Position::from_bytes(bytes.first_chunk().copied()?);
    Some(Copy { entry, alias: *at })
}

/// A durable row anywhere.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RowKey {
    pub(crate) record: RecordKey,
    pub(crate) name: RowName,
}

impl Code for RowKey {
    fn encode(&self, out: &mut Vec<u8>) {
        self.record.encode(out);
        self.name.encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            record: RecordKey::decode(input)?,
            name: RowName::decode(input)?,
        })
    }
}
