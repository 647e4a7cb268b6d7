//! One BOSH session without its connections (XEP-0124, XEP-0206): which request is next, which one is answered
//! with what, and when it ends.
//!
//! A client keeps a request open, and what the server has for it is the answer. Requests are numbered (`rid`):
//! they are taken in that order whatever their connections do, and one that comes again gets the answer that
//! it got. To the stream behind it, all of this is text in one direction and elements in the other.

mod body;

use std::collections::BTreeMap;
use std::mem;

use crate::base::time::Monotonic;
use crate::base::web_limits::BOSH_ANSWER_BYTES;
use crate::base::web_limits::BOSH_HOLD_MAX;
use crate::base::web_limits::BOSH_INACTIVITY_SECONDS;
use crate::base::web_limits::BOSH_WAIT_SECONDS_MAX;
use crate::web::split::Splitter;

use self::body::Answer;
pub(crate) use self::body::Condition;
pub(crate) use self::body::Request;
pub(crate) use self::body::terminate;

/// One session. Requests come in, answers are fetched by their number.
#[derive(Debug)]
pub(crate) struct Session {
    sid: String,
    domain: String,
    /// The next request to be taken.
    next_rid: u64,
    hold: usize,
    wait_ms: u64,
    has_acks: bool,
    /// SHA-1 of the key that the next request has to have, if keys are used (section 15).
    key: Option<String>,
    /// Came before their turn.
    early: BTreeMap<u64, Request>,
    /// Taken and not answered yet; since when.
    held: BTreeMap<u64, Monotonic>,
    /// The last answers, for requests that come again.
    answers: BTreeMap<u64, Vec<u8>>,
    /// For the client.
    elements: Vec<Vec<u8>>,
    /// For the stream.
    input: Vec<u8>,
    splitter: Splitter,
    /// Of the stream, as its header says.
    stream_id: Option<String>,
    /// The answer to the first request has not gone out.
    is_new: bool,
    is_over: bool,
    /// Since when no request is open.
    idle_since: Option<Monotonic>,
}

impl Session {
    /// The first request asks for a session; `sid` cannot be guessed.
    pub(crate) fn new(request: &Request, sid: String, domain: &str, now: Monotonic) -> Self {
        let hold = request.hold.unwrap_or(1).min(BOSH_HOLD_MAX);
        let wait_seconds = request.wait_seconds.unwrap_or(BOSH_WAIT_SECONDS_MAX);
        let mut session = Self {
            sid,
            domain: domain.to_owned(),
            next_rid: request.rid,
            hold: usize::try_from(hold).unwrap_or(1),
            wait_ms: wait_seconds.min(BOSH_WAIT_SECONDS_MAX) * 1_000,
            has_acks: request.has_acks,
            key: None,
            early: BTreeMap::new(),
            held: BTreeMap::new(),
            answers: BTreeMap::new(),
            elements: Vec::new(),
            input: Vec::new(),
            splitter: Splitter::default(),
            stream_id: None,
            is_new: true,
            is_over: false,
            idle_since: None,
        };
        session.key.clone_from(&request.new_key);
        session.input = request.open();
        session.input.extend_from_slice(&request.payload);
        session.hold_open(request.rid, now);
        session
    }

    pub(crate) fn sid(&self) -> &str {
        &self.sid
    }

    /// So many may be open at one time (section 11).
    fn requests_max(&self) -> usize {
        self.hold + 1
    }

    /// Takes a request, or keeps it until its turn, or finds the answer that it had.
    pub(crate) fn handle_request(&mut self, request: Request, now: Monotonic) {
        let rid = request.rid;
        if self.answers.contains_key(&rid) || self.held.contains_key(&rid) || self.is_over() {
            return;
        }
        let window = u64::try_from(self.requests_max()).unwrap_or(1);
        // Section 14.2 and table 3.
        if rid < self.next_rid || rid >= self.next_rid.saturating_add(window) {
            return self.finish(Some(Condition::ItemNotFound), now);
        }
        self.early.insert(rid, request);
        while let Some(request) = self.early.remove(&self.next_rid) {
            self.take(&request, now);
        }
        self.settle(now);
    }

    fn take(&mut self, request: &Request, now: Monotonic) {
        if self.is_over() {
            return;
        }
        if !self.has_right_key(request) {
            return self.finish(Some(Condition::ItemNotFound), now);
        }
        self.hold_open(request.rid, now);
        if request.is_restart {
            self.input.append(&mut request.open());
        }
        self.input.extend_from_slice(&request.payload);
        if request.is_end {
            self.input.extend_from_slice(body::CLOSE);
            self.finish(None, now);
        }
    }

    /// Section 15: each key is the hash of the one after it.
    fn has_right_key(&mut self, request: &Request) -> bool {
        if let Some(wanted) = &self.key {
            let is_right = request
                .key
                .as_ref()
                .is_some_and(|key| body::sha1(key) == *wanted);
            if !is_right {
                return false;
            }
        }
        if self.key.is_some() {
            let next = request.new_key.as_ref().or(request.key.as_ref());
            self.key = next.cloned();
        }
        true
    }

    fn hold_open(&mut self, rid: u64, now: Monotonic) {
        self.next_rid = rid.saturating_add(1);
        self.held.insert(rid, now);
        self.idle_since = None;
    }

    /// What the client has to say to the stream.
    pub(crate) fn take_input(&mut self) -> Vec<u8> {
        mem::take(&mut self.input)
    }

    /// The client may be sent more.
    pub(crate) fn wants_output(&self) -> bool {
        !self.held.is_empty() && !self.is_over()
    }

    /// What the stream says.
    pub(crate) fn handle_output(&mut self, text: &[u8], now: Monotonic) {
        for element in self.splitter.handle_text(text) {
            if element.starts_with(b"<open ") {
                self.stream_id = body::attribute(&element, "id");
            } else if element.starts_with(b"<close ") {
                let has_error = self
                    .elements
                    .iter()
                    .any(|one| one.starts_with(b"<stream:error"));
                return self.finish(has_error.then_some(Condition::RemoteStreamError), now);
            } else {
                self.elements.push(element);
            }
        }
        self.settle(now);
    }

    /// The stream is gone.
    pub(crate) fn handle_end(&mut self, now: Monotonic) {
        self.finish(Some(Condition::RemoteConnectionFailed), now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Monotonic) {
        let inactivity_ms = BOSH_INACTIVITY_SECONDS * 1_000;
        if self
            .idle_since
            .is_some_and(|since| now.since_ms(since) >= inactivity_ms)
        {
            return self.finish(Some(Condition::ItemNotFound), now);
        }
        self.settle(now);
    }

    /// When [`Session::handle_timeout`] is wanted.
    pub(crate) fn timeout(&self) -> Option<Monotonic> {
        let wait = self
            .held
            .values()
            .next()
            .map(|since| since.plus_ms(self.wait_ms));
        let idle = self.idle_since;
        let idle = idle.map(|since| since.plus_ms(BOSH_INACTIVITY_SECONDS * 1_000));
        wait.into_iter().chain(idle).min()
    }

    /// The answer to a request that was taken, once there is one.
    pub(crate) fn answer(&self, rid: u64) -> Option<&[u8]> {
        self.answers.get(&rid).map(Vec::as_slice)
    }

    /// It was answered, so long ago that the answer is not kept.
    pub(crate) fn is_past(&self, rid: u64) -> bool {
        let is_here = self.held.contains_key(&rid) || self.early.contains_key(&rid);
        rid < self.next_rid && !is_here
    }

    /// It has been said that this session is over.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn kept_bytes(&self) -> usize {
        let elements: usize = self.elements.iter().map(Vec::capacity).sum();
        let answers: usize = self.answers.values().map(Vec::capacity).sum();
        let early: usize = self.early.values().map(|one| one.payload.capacity()).sum();
        elements + answers + early + self.input.capacity() + self.splitter.kept_bytes()
    }

    /// Answers what has to be answered: the oldest request with what there is, those beyond `hold`, those
    /// that have waited.
    fn settle(&mut self, now: Monotonic) {
        while let Some((rid, since)) = self
            .held
            .first_key_value()
            .map(|(rid, since)| (*rid, *since))
        {
            let has_waited = now.since_ms(since) >= self.wait_ms;
            let is_needless = self.held.len() > self.hold && !self.is_new;
            if self.elements.is_empty() && !has_waited && !is_needless {
                break;
            }
            self.held.remove(&rid);
            let mut answer = self.begin_answer(rid);
            let mut bytes = 0;
            let mut rest = mem::take(&mut self.elements).into_iter().peekable();
            while let Some(element) = rest.next_if(|_| bytes < BOSH_ANSWER_BYTES) {
                bytes += element.len();
                answer.push(&element);
            }
            self.elements = rest.collect();
            self.keep(rid, answer.finish());
        }
        if self.held.is_empty() && !self.is_over() {
            self.idle_since.get_or_insert(now);
        }
    }

    fn begin_answer(&mut self, rid: u64) -> Answer {
        let mut answer = Answer::new();
        if mem::replace(&mut self.is_new, false) {
            answer.describe(&[
                ("sid", self.sid.clone()),
                ("wait", (self.wait_ms / 1_000).to_string()),
                ("hold", self.hold.to_string()),
                ("requests", self.requests_max().to_string()),
                ("inactivity", BOSH_INACTIVITY_SECONDS.to_string()),
                ("ver", "1.11".to_owned()),
                ("from", self.domain.clone()),
                ("authid", self.stream_id.clone().unwrap_or_default()),
                ("xmpp:version", "1.0".to_owned()),
                ("xmpp:restartlogic", "true".to_owned()),
            ]);
        }
        let last = self.next_rid.saturating_sub(1);
        // Section 9.1: not where it would say what the answer says by itself.
        if self.has_acks && (last != rid || answer.is_first()) {
            answer.describe(&[("ack", last.to_string())]);
        }
        answer
    }

    fn keep(&mut self, rid: u64, answer: Vec<u8>) {
        self.answers.insert(rid, answer);
        while self.answers.len() > self.requests_max() {
            self.answers.pop_first();
        }
    }

    /// Every request that is open is told.
    fn finish(&mut self, condition: Option<Condition>, now: Monotonic) {
        if self.is_over() {
            return;
        }
        self.is_over = true;
        self.idle_since = Some(now);
        let held = mem::take(&mut self.held).into_keys();
        let early = mem::take(&mut self.early).into_keys();
        let rids: Vec<u64> = held.chain(early).collect();
        for rid in rids {
            let mut answer = self.begin_answer(rid);
            answer.terminate(condition);
            for element in mem::take(&mut self.elements) {
                answer.push(&element);
            }
            self.answers.insert(rid, answer.finish());
        }
    }
}
