//! What the disk and the other node have to do: in which order they do it is for the driver to say.

use std::sync::Arc;

use crate::core::Input;
use crate::core::Output;
use crate::core::Record;
use crate::log::Failure;
use crate::log::Request;
use crate::model::position::Position;
use crate::store::StoreError;
use crate::testing::sim::duo::Part;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::options::Mutation;
use crate::testing::sim::sequencer::Peer;

/// Under way outside of the core.
#[derive(Default)]
pub(super) struct Work {
    /// The log's request; at most one.
    log: Option<LogWork>,
    jobs: Vec<Job>,
    /// Bytes of the log that the link wants.
    pub(super) read: Option<Part>,
    /// The newest entry given to the log, for a mistake made with it.
    appended: Position,
}

enum LogWork {
    Asked(Request),
    Done(Result<(), Failure>),
}

/// A job is done at one moment and answered at another.
enum Job {
    Asked(Box<Output>),
    Done(Box<Input>),
}

/// One thing that can happen next.
enum Choice {
    Log,
    Job(usize),
    Read,
    Peer(usize),
}

impl Machine {
    /// How many things can happen next outside of the core.
    pub fn work_count(&self) -> usize {
        let Some(running) = &self.running else {
            return 0;
        };
        let peer = self.peer.as_ref().map_or(0, Peer::work_count);
        usize::from(running.work.log.is_some())
            + running.work.jobs.len()
            + usize::from(running.work.read.is_some())
            + peer
    }

    /// Lets one of them happen.
    pub fn work(&mut self, index: usize) {
        let Some(running) = &mut self.running else {
            return;
        };
        let (logs, jobs) = (
            usize::from(running.work.log.is_some()),
            running.work.jobs.len(),
        );
        let choice = if index < logs {
            Choice::Log
        } else if index < logs + jobs {
            Choice::Job(index - logs)
        } else if running.work.read.is_some() {
            Choice::Read
        } else {
            Choice::Peer(index - logs - jobs)
        };
        match choice {
            Choice::Log => self.work_log(),
            Choice::Job(job) => self.work_job(job),
            Choice::Read => self.work_read(),
            Choice::Peer(work) => self.work_peer(work),
        }
        self.wait_for_disk();
        if self.model.is_down() {
            self.kill();
        }
    }

    /// For as long as its disk has kept it waiting.
    pub fn wait_for_disk(&mut self) {
        let stall_ms = self.model.take_stall_ms();
        if stall_ms > 0 {
            self.pass_ms(stall_ms);
        }
    }

    fn work_log(&mut self) {
        let now = self.now();
        let Some(running) = &mut self.running else {
            return;
        };
        match running.work.log.take() {
            Some(LogWork::Asked(request)) => {
                let done = running.files.perform(&request);
                running.work.log = Some(LogWork::Done(match &done {
                    Ok(()) => Ok(()),
                    Err(error) => Err(error.into()),
                }));
                if done.is_ok() {
                    self.note_durable(&request);
                }
            }
            Some(LogWork::Done(result)) => {
                if self.options.seat.is_none() {
                    running.member.engine.handle_disk(now, result);
                } else {
                    running.member.handle_disk(now, result);
                }
                if self.mutation == Some(Mutation::DeliverBeforeCommit) {
                    self.believe_all();
                }
                self.settle();
            }
            None => {}
        }
    }

    /// A process that is killed may have done a part of its write.
    pub(super) fn finish_half(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        if self.rng.one_in(2)
            && let Some(LogWork::Asked(request)) = running.work.log.take()
        {
            self.model.die_after(self.rng.below(3));
            let done = running.files.perform(&request);
            if done.is_ok() {
                self.note_durable(&request);
            }
        }
    }

    /// The bodies of a write that is safe.
    pub(super) fn note_durable(&mut self, request: &Request) {
        if let Request::Write { bytes, .. } | Request::Create { bytes, .. } = request {
            self.durable.extend(bodies(bytes));
        }
    }

    fn work_job(&mut self, index: usize) {
        let Some(running) = &mut self.running else {
            return;
        };
        if index >= running.work.jobs.len() {
            return;
        }
        match running.work.jobs.swap_remove(index) {
            Job::Asked(output) => {
                let input = self.perform(*output);
                match (input, &mut self.running) {
                    (Some(input), Some(running)) => {
                        running.work.jobs.push(Job::Done(Box::new(input)));
                    }
                    _ => self.kill(),
                }
            }
            Job::Done(input) => self.step(*input),
        }
    }

    /// What the tables do, at once and as a whole; `None`: they failed, and the process has to end.
    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Load { key } => {
                let mut record = self.shelf.load(&key).ok()?;
                if let (Some(Mutation::ReplaySkipsOne), Record::Account { account }) =
                    (self.mutation, &mut record)
                {
                    Arc::make_mut(&mut account.untaken).pop_first();
                }
                Some(Input::Loaded { key, record })
            }
            Output::Ask {
                query,
                asked,
                horizon,
            } => {
                let (found, upto) = self.shelf.ask(&asked, &horizon).ok()?;
                Some(Input::Answered { query, found, upto })
            }
            Output::Fetch { session, positions } => Some(Input::Fetched {
                session,
                rows: self.shelf.fetch(&positions).ok()?,
            }),
            Output::Checkpoint {
                entries,
                epochs,
                upto,
            } => match self
                .shelf
                .checkpoint(&self.mistaken(entries, &epochs), &epochs, upto)
            {
                Ok(()) => Some(Input::Checkpointed { upto }),
                Err(StoreError::Full) => Some(Input::NotCheckpointed),
                Err(_) => None,
            },
            _ => None,
        }
    }

    /// Takes what the core wants done, until it wants nothing more.
    pub(super) fn settle(&mut self) {
        while let Some(output) = self.next_output() {
            match output {
                Output::Load { .. }
                | Output::Ask { .. }
                | Output::Fetch { .. }
                | Output::Checkpoint { .. } => {
                    if let Some(running) = &mut self.running {
                        running.work.jobs.push(Job::Asked(Box::new(output)));
                    }
                }
                Output::Propose { .. } => {
                    if let Some(peer) = &mut self.peer {
                        peer.take(output);
                    }
                }
                output => self.emit(output),
            }
        }
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(error) = running.member.engine.failed() {
            self.notices.push(format!("ends: {error:?}"));
            // The process ends itself rather than say what it does not know.
            self.kill();
            return;
        }
        if running.work.log.is_none() {
            running.work.log = running.member.engine.poll_disk().map(LogWork::Asked);
        }
    }

    fn next_output(&mut self) -> Option<Output> {
        if self.options.seat.is_some() {
            return self.next_member_output();
        }
        let running = self.running.as_mut()?;
        if !matches!(
            self.mutation,
            Some(Mutation::DropEntry | Mutation::AckBeforeSync | Mutation::DeliverBeforeCommit)
        ) {
            return running.member.engine.poll_output();
        }
        let Some(output) = running.member.engine.core.poll_output() else {
            return running.member.engine.poll_output();
        };
        let Output::Append {
            index,
            position,
            bytes,
        } = &output
        else {
            return Some(output);
        };
        running.work.appended = *position;
        if self.mutation != Some(Mutation::DropEntry) || !self.rng.one_in(8) {
            let appended = running.member.engine.append_own(*index, *position, bytes);
            debug_assert!(appended.is_ok(), "the log refuses what it promised to take");
        }
        if self.mutation == Some(Mutation::AckBeforeSync) {
            self.believe_all();
        }
        self.next_output()
    }

    /// The mistake of believing that what was given to the log is safe.
    fn believe_all(&mut self) {
        let now = self.now();
        if let Some(running) = &mut self.running {
            let upto = running.work.appended;
            running
                .member
                .engine
                .core
                .step(now, Input::Durable { upto });
        }
    }
}

/// What stands between body tags, wherever it is.
pub(super) fn bodies(bytes: &[u8]) -> Vec<String> {
    let (open, close) = (b"<body>".as_slice(), b"</body>".as_slice());
    let mut found = Vec::new();
    for start in memchr::memmem::find_iter(bytes, open) {
        let rest = bytes.get(start + open.len()..).unwrap_or_default();
        if let Some(end) = memchr::memmem::find(rest, close) {
            let body = rest.get(..end).unwrap_or_default();
            found.push(String::from_utf8_lossy(body).into_owned());
        }
    }
    found
}
