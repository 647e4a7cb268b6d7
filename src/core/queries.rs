//! Queries that sessions wait for: asked of the tables, answered into the place they hold in the queue.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::search_limits::SEARCHES_PER_SESSION_MAX;
use crate::core::Asking;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Output;
use crate::core::tail::Hold;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::sends::Item;
use crate::model::position::Index;
use crate::route;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::StanzaError;

impl Core {
    /// A query holds its place in the session's queue until it is answered.
    pub(super) fn ask(&mut self, session: SessionId, query: Query) {
        let number = self.next_query;
        let Some(asking) = self.sessions.get_mut(&session) else {
            return;
        };
        asking.queue.tag = self.peer.tag;
        if !asking.queue.push_page(number) {
            return self.end_session(session, EndReason::PolicyViolation);
        }
        if self.is_searching_much(session, &query) {
            self.next_query = number.saturating_add(1);
            let error = StanzaError::new(Condition::ResourceConstraint);
            let error = error.with_text("wait for the answers to the searches before");
            let stanza = Arc::new(query.answer(IqType::Error, error.to_payload()));
            self.fill(session, number, vec![Item::Stanza { stanza }], 0);
        } else {
            self.inquire(session, query, false);
        }
    }

    fn is_searching_much(&self, session: SessionId, query: &Query) -> bool {
        let others = self.queries.values();
        let others = others.filter(|one| one.session == session && one.query.question.is_search());
        query.question.is_search() && others.count() >= SEARCHES_PER_SESSION_MAX
    }

    /// Asks the tables for what is delivered by now; `is_bind`: the bind of the session waits for it.
    pub(super) fn inquire(&mut self, session: SessionId, query: Query, is_bind: bool) {
        let number = self.next_query;
        self.next_query = number.saturating_add(1);
        let query = Arc::new(query);
        if let Some(asking) = self.sessions.get_mut(&session) {
            asking.asking += 1;
        }
        let upto = self.tail.delivered();
        let horizon = self.tail.horizon(&query.question);
        self.tail.hold(Hold::Query(number));
        self.queries.insert(
            number,
            Asking {
                session,
                query: Arc::clone(&query),
                upto,
                is_bind,
            },
        );
        self.outputs.push_back(Output::Ask {
            query: number,
            asked: query,
            horizon,
        });
    }

    pub(super) fn handle_answered(&mut self, number: u64, found: Found, tables: Index) {
        let Some(asking) = self.queries.remove(&number) else {
            return;
        };
        let above = (tables, asking.upto);
        if let Some(session) = self.sessions.get_mut(&asking.session) {
            session.asking = session.asking.saturating_sub(1);
        }
        let found = self.tail.unite(&asking.query.question, found, above);
        let rows = match &found {
            Found::Page { rows, .. } => rows.clone(),
            Found::Searched { found } => found.rows.clone(),
            _ => Vec::new(),
        };
        self.tail.let_go(&Hold::Query(number));
        if matches!(asking.query.question, Question::PassedBy { .. }) {
            return self.send_passed_by(asking.session, number, found);
        }
        let items = self.seen(|view| route::answer(view, asking.query.as_ref(), found));
        if asking.is_bind {
            return self.finish_inline(asking.session, &items);
        }
        let rows = rows
            .into_iter()
            .filter(|row| self.tail.message(row.position).is_none());
        let fetched = match self.sessions.get_mut(&asking.session) {
            Some(session) => session.keep_page(rows),
            None => return,
        };
        self.fill(asking.session, number, items, fetched);
    }

    /// `fetched`: bytes that the session keeps for the items.
    fn fill(&mut self, session: SessionId, number: u64, items: Vec<Item>, fetched: usize) {
        let Some(asking) = self.sessions.get_mut(&session) else {
            return;
        };
        let added = items.iter().map(crate::core::queue::added_bytes);
        self.holdings
            .add(added.fold(fetched, usize::saturating_add));
        let fits = asking.queue.fill_page(number, items);
        self.touched.insert(session);
        if !fits {
            self.end_session(session, EndReason::PolicyViolation);
        }
    }
}
