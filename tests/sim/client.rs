//! A model of a client: what it sends, what it keeps until it is acknowledged, what it sends again.
//!
//! Written after what clients do (Conversations, Gajim, Dino), not after what the server expects.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

/// Which habits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Resumes; after a failed resumption sends again what the server's count leaves.
    Conversations,
    /// The same, and what it sends again carries the time at which it was written.
    Gajim,
    /// At most ten stanzas that are not acknowledged.
    Dino,
    /// No stream management: what was under way is lost.
    Plain,
}

/// A stanza of the client.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The body of a message that is kept, and its id.
    pub(crate) body: Option<String>,
    pub(crate) text: String,
}

/// What goes to the server, in order.
#[derive(Clone, Debug)]
pub(crate) enum Up {
    Bind,
    Resume { id: String, h: u32 },
    Enable,
    Stanza { text: String },
    Ack { h: u32 },
    AskAck,
}

/// What comes from the server, in order.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    Bound {
        is_bound: bool,
    },
    Resumed {
        h: u32,
    },
    /// `is_paired`: said by one board of two that are one.
    Failed {
        h: Option<u32>,
        is_paired: bool,
    },
    Bytes(Vec<u8>),
    Ended,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Offline,
    /// Waiting for a resource or for a session to go on with.
    Opening,
    Online,
}

/// Stream management as the client sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// Names the session; set by `<enabled/>`.
    pub(crate) id: Option<String>,
    pub(crate) received: u32,
    pub(crate) sent: u32,
    pub(crate) unacked: VecDeque<(u32, Outgoing)>,
    /// The messages among what the server has counted: it keeps those that it does not refuse.
    pub(crate) counted: Vec<(u32, String)>,
    /// The largest count that the server has told.
    pub(crate) told: u32,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) account: String,
    pub(crate) resource: String,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) link: Option<u64>,
    pub(crate) stream: Option<Stream>,
    /// To be sent as soon as there is a session.
    pub(crate) outbox: VecDeque<Outgoing>,
    /// Counts the sessions of this device; one that is resumed stays the same.
    pub(crate) session: u64,
    /// Where it was bound or resumed last.
    pub(crate) board: Option<usize>,
    /// The start of that board; zero: another board is in its place.
    pub(crate) boot: u64,
    /// The number of the presence in this session, until it is acknowledged.
    pub(crate) presence: Option<u32>,
    /// The server knows that this session is available since before this operation.
    pub(crate) available_from: Option<u64>,
    pub(crate) owes_ack: bool,
    /// Talks in the room.
    pub(crate) is_talker: bool,
    /// The room has told this session, before this operation, that it is inside.
    pub(crate) inside_from: Option<u64>,
    /// The session began when one of the boards had the program of the version before.
    pub(crate) is_older: bool,
    /// Who is in the room, as this session was told.
    pub(crate) occupants: BTreeSet<String>,
    /// The last line in the room of this device, and of anybody: bodies and ids.
    pub(crate) own_line: Option<(String, String)>,
    pub(crate) last_line: Option<(String, String)>,
    /// Where files may go: the name of each, and the address.
    pub(crate) slots: Vec<(String, String)>,
    /// A page of the archive was asked for.
    pub(crate) is_paging: bool,
    /// The archive as far as it was read: ids and bodies.
    pub(crate) archive: Vec<(String, String)>,
    /// What came to it, in whatever way and session.
    pub(crate) known: BTreeSet<String>,
    /// What this session was told of nodes that have one item: what it is, `None`: taken back.
    pub(crate) told: BTreeMap<String, Option<String>>,
    /// What was asked for at the end, and found: ids and bodies.
    pub(crate) asked: usize,
    pub(crate) answers: BTreeMap<usize, Vec<(String, String)>>,
    /// The last page was the last one there was.
    pub(crate) is_caught_up: bool,
}

/// Nodes of which every client wants to hear.
pub(crate) const LISTS: [&str; 2] = ["sim:list:desk", "sim:list:phone"];

/// Says so; `ver` is the hash of [`Device::answer_disco`] (XEP-0115 section 5.1).
const AVAILABLE: &str = "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
    node='http://sim.example' ver='GAXfele1mGPy1n7iJFeK9yZLE6M='/></presence>";

/// The room of the simulated server.
pub(crate) const ROOM: &str = "hall@rooms.sim.example";

/// Most unacknowledged stanzas of Dino.
const WINDOW: usize = 10;

impl Device {
    pub(crate) fn new(account: &str, resource: &str, kind: Kind) -> Self {
        Self {
            account: account.to_owned(),
            resource: resource.to_owned(),
            kind,
            state: State::Offline,
            link: None,
            stream: None,
            outbox: VecDeque::new(),
            session: 0,
            board: None,
            boot: 0,
            presence: None,
            available_from: None,
            owes_ack: false,
            is_talker: false,
            inside_from: None,
            is_older: false,
            occupants: BTreeSet::new(),
            own_line: None,
            last_line: None,
            slots: Vec::new(),
            is_paging: false,
            archive: Vec::new(),
            known: BTreeSet::new(),
            told: BTreeMap::new(),
            asked: 0,
            answers: BTreeMap::new(),
            is_caught_up: false,
        }
    }

    pub(crate) fn jid(&self) -> String {
        format!("{}/{}", self.account, self.resource)
    }

    /// The first thing to say on a new connection.
    pub(crate) fn hello(&mut self) -> Up {
        self.state = State::Opening;
        match &self.stream {
            Some(Stream {
                id: Some(id),
                received,
                ..
            }) => Up::Resume {
                id: id.clone(),
                h: *received,
            },
            _ => Up::Bind,
        }
    }

    /// The connection is gone.
    pub(crate) fn handle_cut(&mut self) {
        self.state = State::Offline;
        self.link = None;
        self.owes_ack = false;
        let can_resume = self.stream.as_ref().is_some_and(|one| one.id.is_some());
        if !can_resume {
            self.forget_session();
        }
    }

    /// Whatever was the session's own is over. What it has not sent stays to be sent.
    pub(crate) fn forget_session(&mut self) {
        self.presence = None;
        self.available_from = None;
        self.is_paging = false;
        self.inside_from = None;
        if let Some(stream) = self.stream.take() {
            for (_, outgoing) in stream.unacked.into_iter().rev() {
                if outgoing.body.is_some() {
                    self.outbox.push_front(self.again(outgoing));
                }
            }
        }
    }

    /// A new session: enable, be available, send what waits.
    pub(crate) fn handle_bound(&mut self) -> Vec<Up> {
        self.state = State::Online;
        self.session += 1;
        self.told.clear();
        self.occupants.clear();
        self.asked = self.answers.len();
        self.inside_from = None;
        self.presence = None;
        self.available_from = None;
        let carbons = Outgoing {
            body: None,
            text: "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
                .to_owned(),
        };
        if self.kind == Kind::Plain {
            let text = AVAILABLE.to_owned();
            let mut up = vec![Up::Stanza { text: carbons.text }, Up::Stanza { text }];
            up.extend(self.enter());
            return up;
        }
        self.stream = Some(Stream::default());
        let mut up = vec![Up::Enable];
        up.extend(self.transmit(Outgoing {
            body: None,
            text: AVAILABLE.to_owned(),
        }));
        self.presence = Some(1);
        if self.kind != Kind::Dino {
            up.extend(self.transmit(carbons));
        }
        up.extend(self.enter());
        up
    }

    /// What the client is, and that it wants to hear of lists.
    pub(crate) fn answer_disco(id: &str, from: &str) -> String {
        let hears_of = [LISTS[0], LISTS[1], "urn:xmpp:bookmarks:1"];
        let hears_of = hears_of.map(|node| format!("<feature var='{node}+notify'/>"));
        let query = format!(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' type='pc' name='sim'/>\
             <feature var='http://jabber.org/protocol/caps'/>\
             <feature var='http://jabber.org/protocol/disco#info'/>{}</query>",
            hears_of.concat()
        );
        format!("<iq type='result' id='{id}' to='{from}'>{query}</iq>")
    }

    /// Another one in each session, so that one that is dead can be told from its successor.
    pub(crate) fn nick(&self) -> String {
        let session = self.session;
        format!("{ROOM}/{}-{session}", self.jid().replace('/', "-"))
    }

    fn enter(&mut self) -> Vec<Up> {
        if !self.is_talker {
            return Vec::new();
        }
        let ask = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
        let text = format!("<presence to='{}'>{ask}</presence>", self.nick());
        self.transmit(Outgoing { body: None, text })
    }

    /// The session goes on: the rest is sent again under the same numbers.
    pub(crate) fn handle_resumed(&mut self) -> Vec<Up> {
        self.state = State::Online;
        let mut left = VecDeque::new();
        if let Some(stream) = &mut self.stream {
            let first = stream.unacked.front();
            stream.sent = first.map_or(stream.sent, |(number, _)| number - 1);
            left = std::mem::take(&mut stream.unacked);
        }
        let mut up = Vec::new();
        for (_, outgoing) in left {
            let again = self.again(outgoing);
            up.extend(self.transmit(again));
        }
        up
    }

    /// The next page of the archive, from where the last one ended.
    pub(crate) fn ask_page(&mut self, number: u64, count: u64) -> Vec<Up> {
        if !self.can_send() || self.is_paging {
            return Vec::new();
        }
        self.is_paging = true;
        self.is_caught_up = false;
        let last = self.archive.last();
        let after = last.map_or(String::new(), |(id, _)| format!("<after>{id}</after>"));
        let page =
            format!("<set xmlns='http://jabber.org/protocol/rsm'><max>{count}</max>{after}</set>");
        let text = format!(
            "<iq type='set' id='p{number}'><query xmlns='urn:xmpp:mam:2'>{page}</query></iq>"
        );
        self.transmit(Outgoing { body: None, text })
    }

    fn again(&self, outgoing: Outgoing) -> Outgoing {
        let delay = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/></message>";
        if self.kind == Kind::Gajim && outgoing.body.is_some() && !outgoing.text.contains("delay") {
            let text = outgoing.text.replace("</message>", delay);
            return Outgoing { text, ..outgoing };
        }
        outgoing
    }

    /// Sends one stanza on the session that is open.
    pub(crate) fn transmit(&mut self, outgoing: Outgoing) -> Vec<Up> {
        let text = outgoing.text.clone();
        if let Some(stream) = &mut self.stream {
            stream.sent += 1;
            stream.unacked.push_back((stream.sent, outgoing));
        }
        vec![Up::Stanza { text }]
    }

    /// Whether the session can take another stanza now.
    pub(crate) fn can_send(&self) -> bool {
        if self.state != State::Online {
            return false;
        }
        match (&self.stream, self.kind) {
            (None, kind) => kind == Kind::Plain,
            // Before `<enabled/>` nothing could be sorted out after a cut.
            (Some(stream), _) if stream.id.is_none() => false,
            (Some(stream), Kind::Dino) => stream.unacked.len() < WINDOW,
            (Some(_), _) => true,
        }
    }

    /// What waits is sent, as far as it may.
    pub(crate) fn flush(&mut self) -> Vec<Up> {
        let mut up = Vec::new();
        while self.can_send()
            && let Some(outgoing) = self.outbox.pop_front()
        {
            up.extend(self.transmit(outgoing));
        }
        up
    }

    /// The server's count: what it covers is the server's now. Returns the bodies among it, or what is
    /// wrong with the count.
    pub(crate) fn handle_count(
        &mut self,
        h: u32,
        may_go_back: bool,
    ) -> Result<Vec<String>, String> {
        let Some(stream) = &mut self.stream else {
            return Err("a count without stream management".to_owned());
        };
        if h > stream.sent {
            return Err(format!("h={h}, but only {} were sent", stream.sent));
        }
        if h < stream.told && !may_go_back {
            return Err(format!("h={h} after h={}", stream.told));
        }
        stream.told = stream.told.max(h);
        let mut bodies = Vec::new();
        while stream
            .unacked
            .front()
            .is_some_and(|(number, _)| *number <= h)
        {
            if let Some((number, outgoing)) = stream.unacked.pop_front() {
                let body = outgoing.body.as_ref();
                let message = body.filter(|body| body.starts_with('m'));
                stream
                    .counted
                    .extend(message.map(|body| (number, body.clone())));
                bodies.extend(outgoing.body);
            }
        }
        Ok(bodies)
    }
}
