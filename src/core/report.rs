//! How the sessions of this node stand, told to the other node of a pair again and again.
//!
//! An `h` that a client was told may not be forgotten when its node dies (XEP-0198 section 5: the client
//! has dropped those stanzas). Entries tell it of themselves; what made no entry is told here, before the client
//! hears of it. What clients have counted is told so that the other node need not send it again.

use std::collections::BTreeSet;

use crate::base::ids::SessionId;
use crate::base::jid::Jid;
use crate::base::mirror_limits::REPORT_MS;
use crate::base::mirror_limits::REPORT_REQUESTS_MAX;
use crate::base::mirror_limits::REPORT_SESSIONS_MAX;
use crate::base::mirror_limits::SHADOW_MARKS_MAX;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::order::Asked;
use crate::core::order::Open;
use crate::core::session::Session;
use crate::core::shadow;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::peer::Report;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::outgoing::Outgoing;

/// What is to be told, and what is on its way.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    due: BTreeSet<SessionId>,
    /// This node stops: they are exact, and nothing more is written that they would not tell.
    pub(super) are_last: bool,
    /// A client waits for one of them.
    is_urgent: bool,
    /// Not before.
    at: Monotonic,
    number: u64,
    /// One at a time: the counts that it tells, until the other node knows them.
    under_way: Option<Vec<(SessionId, u32)>>,
}

impl Reports {
    /// What was under way was told to nobody.
    pub(super) fn forget(&mut self) {
        self.under_way = None;
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.due.is_empty() && self.under_way.is_none()
    }

    fn is_ready(&self, now: Monotonic) -> bool {
        self.under_way.is_none() && !self.due.is_empty() && (self.is_urgent || self.at <= now)
    }
}

impl Session {
    fn report(&mut self) -> Report {
        let queue = &self.queue;
        let is_doubtful = self
            .inherited
            .as_ref()
            .is_some_and(|inherited| !inherited.doubts.is_empty());
        Report {
            session: self.id,
            h: self.received.handled,
            before: if is_doubtful {
                0
            } else {
                queue.written_before()
            },
            sent: queue.sent(),
            acked: queue.acknowledged(),
            asked: std::mem::take(&mut self.asked),
        }
    }

    /// What the report tells as one, for each entry that brought something of it.
    fn parts_of(&self, report: &Report) -> Vec<Report> {
        let marks = self.queue.marks().take(SHADOW_MARKS_MAX - 1);
        let marks = marks.take_while(|(before, _)| *before < report.before);
        let parts = marks.map(|(before, sent)| Report {
            before,
            sent,
            asked: Vec::new(),
            ..report.clone()
        });
        parts.collect()
    }
}

impl Core {
    /// This node stops: all that the other one has to know, to the last stanza.
    pub(super) fn begin_last_reports(&mut self) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        self.peer.reports.are_last = true;
        for id in ids {
            self.note_report(id);
        }
        self.peer.reports.is_urgent = true;
    }

    /// Something of the session has changed that the other node has to know.
    pub(super) fn note_report(&mut self, id: SessionId) {
        if !self.peer.is_there {
            return;
        }
        let reports = &mut self.peer.reports;
        reports.due.insert(id);
        reports.is_urgent |= self.sessions.get(&id).is_some_and(Session::waits_for_word);
    }

    /// What was asked without an entry that says so is known to this node alone.
    pub(super) fn note_request(&mut self, id: SessionId, open: &Open, is_entry: bool) {
        let Asked::Stanza { request } = &open.asked else {
            return;
        };
        // An entry names the set behind it.
        let is_lost = match request.stanza.kind {
            Kind::Iq(IqType::Get) => true,
            Kind::Iq(IqType::Set) => !is_entry,
            _ => false,
        };
        if !is_lost || !self.peer.is_there {
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if let Some(id) = &request.stanza.id
            && session.asked.len() < REPORT_REQUESTS_MAX
        {
            let to = request.stanza.to.clone();
            let by = to.unwrap_or_else(|| session.jid.bare().to_jid());
            session.asked.push((id.clone(), by));
        }
    }

    /// Tells what is due, if it is time.
    pub(super) fn report(&mut self) {
        if !self.peer.is_there || !self.peer.reports.is_ready(self.now.monotonic) {
            return;
        }
        let Some(epoch) = self.peer.epoch else {
            return;
        };
        let mut told = Vec::new();
        let mut all = Vec::new();
        while all.len() < REPORT_SESSIONS_MAX
            && let Some(id) = self.peer.reports.due.pop_first()
        {
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            session.queue.tag = self.peer.tag;
            let report = session.report();
            // Entries that brought it nothing, reports among them, are nothing to report.
            let before = session.reported.before;
            let is_same = session.reported
                == Report {
                    before,
                    ..report.clone()
                };
            let parts = if self.peer.reports.are_last {
                session.parts_of(&report)
            } else {
                Vec::new()
            };
            if is_same && session.is_sure() && parts.is_empty() {
                continue;
            }
            all.extend(parts);
            session.reported = Report {
                asked: Vec::new(),
                ..report.clone()
            };
            told.push((id, report.h));
            all.push(report);
        }
        let reports = &mut self.peer.reports;
        reports.is_urgent &= !reports.due.is_empty();
        reports.at = self.now.monotonic.plus_ms(REPORT_MS);
        if all.is_empty() {
            return;
        }
        reports.number = reports.number.saturating_add(1);
        reports.under_way = Some(told);
        let number = reports.number;
        let node = self.node;
        let reports = all;
        self.tell(Soft::Reports {
            node,
            number,
            epoch,
            reports,
        });
    }

    pub(super) fn report_timeout(&self) -> Option<Monotonic> {
        let reports = &self.peer.reports;
        let waits = self.peer.is_there && reports.under_way.is_none() && !reports.due.is_empty();
        waits.then_some(reports.at)
    }

    /// What stands in the line is known to whoever numbers, or to both.
    pub(super) fn follow_report(&mut self, op: &Soft) {
        match op {
            Soft::Reports {
                node,
                number,
                epoch,
                reports,
            } => {
                if *node != self.node {
                    if self.peer.epoch == Some(*epoch) {
                        self.take_reports(reports);
                    }
                    if !self.order.is_leading() {
                        let (node, number) = (*node, *number);
                        self.tell(Soft::Reported { node, number });
                    }
                } else if !self.order.is_leading() {
                    self.confirm_report(*number);
                }
            }
            Soft::Reported { node, number } if *node == self.node => self.confirm_report(*number),
            _ => {}
        }
    }

    fn confirm_report(&mut self, number: u64) {
        if number != self.peer.reports.number {
            return;
        }
        for (id, h) in self.peer.reports.under_way.take().unwrap_or_default() {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.make_sure(h);
                self.touched.insert(id);
                self.try_resume(id);
            }
        }
    }

    fn take_reports(&mut self, reports: &[Report]) {
        for report in reports {
            self.peer.shadows.handle_report(report);
            for (id, by) in &report.asked {
                let error = StanzaError::new(Condition::InternalServerError);
                let payload = error.with_type(ErrorType::Wait).to_payload();
                self.shade_answer(report.session, (id, by.clone()), IqType::Error, payload);
            }
        }
    }

    /// The answer may die with its node: then the client gets this one. A client that has an answer knows of
    /// no such request any more.
    pub(super) fn shade_answer(
        &mut self,
        session: SessionId,
        (id, by): (&str, Jid),
        kind: IqType,
        payload: Vec<u8>,
    ) {
        let answer = Outgoing {
            kind: Kind::Iq(kind),
            from: by,
            to: None,
            id: Some(id.into()),
            lang: None,
            payload: payload.into(),
        };
        let tag = self.peer.tag;
        self.peer.shadows.push(session, tag, shadow::stanza(answer));
    }

    /// There is no other node now: nobody has to know.
    pub(super) fn make_all_sure(&mut self) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids {
            if let Some(session) = self.sessions.get_mut(&id).filter(|one| !one.is_sure()) {
                session.make_sure(session.received.handled);
                self.touched.insert(id);
                self.try_resume(id);
            }
        }
    }

    pub(super) fn tell(&mut self, op: Soft) {
        let ops = vec![Op::soft(op)];
        self.open(Asked::Own { ops }, None, None);
    }
}
