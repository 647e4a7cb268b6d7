//! Does what the engine asks for: answers to connections, work for the disk and for other threads.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::limits::FETCH_BYTES_MAX;
use crate::c2s::NewToken;
use crate::core::Input;
use crate::core::Output;
use crate::net::hub::Event;
use crate::observe;
use crate::server::hub::Node;
use crate::server::translate;
use crate::store::StoreError;

impl Node {
    pub(super) fn perform_output(self: &Rc<Self>, output: Output) {
        match output {
            Output::Credentials { link, found } => {
                self.tell(
                    link,
                    Event::Credentials(translate::account(&found, self.now().wall)),
                );
            }
            Output::Bound {
                link,
                bound,
                metadata,
            } => self.tell_bound(link, bound, metadata.map(|bytes| bytes.to_vec())),
            Output::Resumed { link, jid, key, h } => {
                self.tell(link, translate::resumed(jid, key, h));
            }
            Output::ResumeFailed { link, h } => {
                self.tell(link, Event::Resumed(Err(crate::c2s::ResumeRefusal { h })));
            }
            Output::Ready { link } => {
                if let Some(mailbox) = self.mailboxes.borrow().get(&link) {
                    mailbox.tell_output();
                }
            }
            Output::Token { link, given } => {
                let token = given.map(|(text, expires)| NewToken { text, expires });
                self.tell(link, Event::Token(token));
            }
            Output::Last { link, bytes } => self.tell(link, Event::Last(bytes)),
            Output::End { link, why } => self.tell(link, Event::End(translate::failure(why))),
            Output::Answer { id, outcome } => {
                if let Some(waiting) = self.answers.borrow_mut().remove(&id) {
                    // Whoever asked may have gone.
                    waiting.try_send(outcome).ok();
                }
            }
            Output::Derive { ticket, password } => {
                let iterations = self.iterations;
                let salt = self.member.borrow_mut().engine.core.salt();
                self.spawn(async move {
                    let job = move || translate::derive(&password, salt, iterations);
                    Some(Input::Derived {
                        ticket,
                        keys: smol::unblock(job).await,
                    })
                });
            }
            Output::Halt { halt } => self.halt(halt),
            Output::Load { .. }
            | Output::Ask { .. }
            | Output::Fetch { .. }
            | Output::Checkpoint { .. } => self.perform_store(output),
            // The engine keeps appends to itself; the others need a peer or a caller of their own.
            Output::Append { .. }
            | Output::Propose { .. }
            | Output::Ship { .. }
            | Output::Reject { .. } => {}
        }
    }

    fn perform_store(self: &Rc<Self>, output: Output) {
        let store = Arc::clone(&self.store);
        let (reads, searches) = (Arc::clone(&self.reads), Arc::clone(&self.searches));
        self.spawn(async move {
            let search_turn = if is_search(&output) {
                Some(searches.acquire().await)
            } else {
                None
            };
            let is_read = !matches!(output, Output::Checkpoint { .. });
            let turn = if is_read {
                Some(reads.acquire().await)
            } else {
                None
            };
            let done = smol::unblock(move || match output {
                Output::Load { key } => {
                    let record = store.load(&key)?;
                    Ok(Some(Input::Loaded { key, record }))
                }
                Output::Ask {
                    query,
                    asked,
                    horizon,
                } => {
                    let (found, upto) = store.ask(&asked.question, &horizon)?;
                    Ok(Some(Input::Answered { query, found, upto }))
                }
                Output::Fetch { session, positions } => {
                    let rows = store.fetch(&positions, FETCH_BYTES_MAX)?;
                    Ok(Some(Input::Fetched { session, rows }))
                }
                Output::Checkpoint {
                    entries,
                    epochs,
                    upto,
                } => {
                    match store.checkpoint(&entries, &epochs, upto) {
                        Ok(()) => Ok(Some(Input::Checkpointed { upto })),
                        // The log still has everything; it grows until there is room.
                        Err(StoreError::Full) => Ok(Some(Input::NotCheckpointed)),
                        Err(error) => Err(error),
                    }
                }
                _ => Ok(None),
            });
            let done = done.await;
            drop((turn, search_turn));
            match done {
                Ok(input) => input,
                Err(error) => fail_store(&error),
            }
        });
    }

    fn spawn(self: &Rc<Self>, job: impl Future<Output = Option<Input>> + 'static) {
        let node = Rc::clone(self);
        let task = async move {
            if let Some(input) = job.await {
                node.post(input);
            }
        };
        self.executor.spawn(task).detach();
    }
}

fn is_search(output: &Output) -> bool {
    matches!(output, Output::Ask { asked, .. } if asked.question.is_search())
}

/// Tables that cannot be read or written leave nothing to serve from: the process ends, and what
/// was acknowledged is in the log.
#[expect(clippy::exit, reason = "nothing may be sent after a store that failed")]
fn fail_store(error: &StoreError) -> ! {
    observe::emit(&observe::event::Event::StorageFailed { error });
    std::process::exit(1)
}
