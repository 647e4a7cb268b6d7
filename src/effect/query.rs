//! Questions that are answered off the core: long lists and archive pages.
//!
//! A query is asked at its place in the order: what was committed before is seen, and what is
//! delivered to the asking session afterwards stays behind the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::effect::people::Cards;
use crate::effect::people::PeopleSearch;
use crate::effect::people::Person;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::position::Position;
use crate::model::room::Nicks;
use crate::model::room::RoomConfig;
use crate::model::row::RecordKey;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::rsm::PageRequest;
use crate::stanza::words::Words;

/// What is asked, and by which request.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The id of the IQ (or empty for a page that nobody asked for by IQ).
    pub(crate) iq: Box<str>,
    /// Whom the answer is from.
    pub(crate) from: Jid,
    pub(crate) question: Question,
}

#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// A page of an archive (XEP-0313).
    Archive {
        query_id: Option<Box<str>>,
        page: ArchivePage,
        /// Whether results say who is behind a room's occupants.
        shows_senders: bool,
    },
    /// Messages of an archive with certain words (XEP-0431).
    Search {
        query_id: Option<Box<str>>,
        page: ArchivePage,
        shows_senders: bool,
        words: Arc<Words>,
    },
    /// What a device does not come by that reads on. The bounds of the page are nobody's words.
    PassedBy { page: ArchivePage },
    /// First and last entry of an archive (XEP-0313 section 6, extended).
    ArchiveEnds {
        owner: Owner,
        incarnation: Incarnation,
    },
    /// The newest messages of a room for one who joins (XEP-0045 section 7.2.13).
    RoomHistory {
        page: ArchivePage,
        since: Option<Timestamp>,
        bytes_max: Option<usize>,
        /// Whom the reader has blocked.
        silenced: Arc<Nicks>,
    },
    /// Accounts in order of address, after `after`.
    Accounts {
        after: Option<BareJid>,
        count_max: usize,
        disabled_only: bool,
        purpose: Purpose,
    },
    /// Rooms in order of address, after `after`.
    Rooms {
        after: Option<BareJid>,
        count_max: usize,
        /// Without those that their owners have hidden (XEP-0045 section 4.2), or that do not persist:
        /// these are in memory.
        public_only: bool,
    },
    /// Rooms that are no secret and have certain words (XEP-0433), of those that persist: the others are
    /// in memory.
    Channels { search: ChannelSearch },
    /// Users with certain words in their vCards (XEP-0055).
    People { search: PeopleSearch },
}

impl Question {
    /// Whether it takes its time.
    pub(crate) fn is_search(&self) -> bool {
        matches!(self, Self::Search { .. } | Self::People { .. })
    }
}

/// What is looked for in the texts of rooms, and how the answer looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelSearch {
    /// Whether what is looked for may be a room, rather than a channel of another kind.
    pub(crate) is_for_rooms: bool,
    /// All of them have to be there, in lower case; none: every room matches.
    pub(crate) words: Vec<Box<str>>,
    pub(crate) in_name: bool,
    pub(crate) in_description: bool,
    pub(crate) in_address: bool,
    /// The fullest first, rather than by address.
    pub(crate) by_occupants: bool,
    pub(crate) page: PageRequest,
}

impl ChannelSearch {
    pub(crate) fn matches(&self, jid: &BareJid, config: &RoomConfig) -> bool {
        let texts = [
            (self.in_name, &*config.name),
            (self.in_description, &*config.description),
            (self.in_address, jid.as_str()),
        ];
        let texts = texts.into_iter().filter(|(is_looked_at, _)| *is_looked_at);
        let texts: Vec<String> = texts.map(|(_, text)| text.to_lowercase()).collect();
        let mut words = self.words.iter();
        self.is_for_rooms && words.all(|word| texts.iter().any(|text| text.contains(&**word)))
    }
}

/// An account or room that the tail knows more of than the tables do; `None`: as in the tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listed {
    pub(crate) record: RecordKey,
    pub(crate) exists: Option<bool>,
    pub(crate) public: Option<bool>,
    pub(crate) disabled: Option<bool>,
}

/// What the tables cannot know when a question is asked: it stands in the tail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Horizon {
    /// Named items that are there, so that the tables need not have them.
    pub(crate) elsewhere: Vec<Position>,
    /// For lists.
    pub(crate) changed: Vec<Listed>,
    /// vCards, where people are searched for.
    pub(crate) cards: Cards,
    /// For searches: those that the words may be in.
    pub(crate) recent: Vec<Kept>,
}

impl Horizon {
    /// Without a tail: the tables alone.
    pub(crate) fn none() -> Self {
        Self::default()
    }
}

impl Query {
    /// What ends it.
    pub(crate) fn answer(&self, kind: IqType, payload: Vec<u8>) -> Outgoing {
        Outgoing {
            kind: Kind::Iq(kind),
            from: self.from.clone(),
            to: None,
            id: Some(self.iq.clone()),
            lang: None,
            payload: payload.into(),
        }
    }
}

/// What a list is for: the feature that asked finds its own request again.
#[derive(Clone, Debug)]
pub(crate) struct Purpose {
    pub(crate) name: Box<str>,
    /// Whatever the feature has to remember, as text.
    pub(crate) memo: Box<str>,
}

/// Which part of an archive, as XEP-0313 and XEP-0059 describe it.
#[derive(Clone, Debug)]
pub(crate) struct ArchivePage {
    pub(crate) owner: Owner,
    pub(crate) incarnation: Incarnation,
    pub(crate) with: Option<Jid>,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    /// Exclusive bounds.
    pub(crate) after: Option<Position>,
    pub(crate) before: Option<Position>,
    /// Only these (mam:2#extended); they all have to exist.
    pub(crate) ids: Vec<Position>,
    /// Take the last `count_max` of what matches rather than the first (`<before/>`).
    pub(crate) backwards: bool,
    pub(crate) count_max: usize,
    /// Answer the page newest first (mam:2#extended).
    pub(crate) flipped: bool,
}

impl ArchivePage {
    /// Whether a kept message is one of all that is asked for, on this page or another.
    pub(crate) fn matches(&self, position: Position, at: Timestamp, place: &Place) -> bool {
        place.archived
            && place.incarnation == self.incarnation
            && self.is_between(at)
            && (self.ids.is_empty() || self.ids.contains(&position))
            && self
                .with
                .as_ref()
                .is_none_or(|with| is_with(with, &place.with))
    }

    /// Whether a position is within the bounds of the page.
    pub(crate) fn reaches(&self, position: Position) -> bool {
        self.after.is_none_or(|after| position > after)
            && self.before.is_none_or(|before| position < before)
    }

    /// The last of some rows of the page, as it goes on.
    pub(crate) fn edge(&self, rows: &[Kept]) -> Option<Position> {
        let last = if self.backwards {
            rows.first()
        } else {
            rows.last()
        };
        last.map(|row| row.position)
    }

    /// Whether a position is not beyond the edge, where there is more that comes with the next page.
    pub(crate) fn is_near(&self, at: Position, edge: Option<Position>) -> bool {
        edge.is_none_or(|edge| {
            if self.backwards {
                at >= edge
            } else {
                at <= edge
            }
        })
    }

    pub(crate) fn is_between(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| at >= start) && self.end.is_none_or(|end| at <= end)
    }

    /// The items that the client names: all of them have to exist in the archive.
    pub(crate) fn named(&self) -> impl Iterator<Item = Position> {
        let bounds = self.after.into_iter().chain(self.before);
        bounds.chain(self.ids.iter().copied())
    }
}

/// XEP-0313 section 4.1.1: a bare address matches all of its resources, a full one itself alone.
pub(crate) fn is_with(asked: &Jid, other: &Jid) -> bool {
    if asked.is_bare() {
        asked.as_str() == other.bare_str()
    } else {
        asked == other
    }
}

/// A kept message as it is read back.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) position: Position,
    pub(crate) at: Timestamp,
    pub(crate) message: Arc<Message>,
}

/// The newest messages whose payloads fit (XEP-0045 section 7.2.14, `maxchars`).
pub(crate) fn fit_history(rows: &mut Vec<Kept>, bytes_max: Option<usize>) {
    let Some(bytes_max) = bytes_max else { return };
    let mut bytes: usize = 0;
    let fitting = rows.iter().rev().take_while(|row| {
        bytes = bytes.saturating_add(row.message.payload.len());
        bytes <= bytes_max
    });
    let surplus = rows.len().saturating_sub(fitting.count());
    rows.drain(..surplus);
}

/// What a search came by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Searched {
    pub(crate) rows: Vec<Kept>,
    /// Nothing that matches lies beyond the page.
    pub(crate) complete: bool,
    /// How far was looked, where that is beyond the rows.
    pub(crate) edge: Option<Position>,
    /// Messages of the tail that have the words.
    pub(crate) recent: BTreeSet<Position>,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// `complete`: nothing matching lies beyond the page. `total`: of what matches, on all pages.
    ///
    /// From the tables in order of the archive; united with the tail as the page is to be answered.
    Page {
        rows: Vec<Kept>,
        complete: bool,
        total: Option<u64>,
    },
    /// The same for a search, which may have ended before the page was full.
    Searched {
        found: Searched,
    },
    /// `after`, `before` or an id names nothing in this archive.
    NoSuchItem,
    Ends {
        first: Option<(Position, Timestamp)>,
        last: Option<(Position, Timestamp)>,
    },
    /// Rooms that match a search, with their configurations.
    Channels {
        rooms: Vec<(BareJid, Arc<RoomConfig>)>,
    },
    People {
        people: Vec<Person>,
    },
    /// Addresses, and how many there are in all.
    List {
        jids: Vec<BareJid>,
        total: u64,
    },
}
