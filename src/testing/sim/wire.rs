//! What clients say to the server, and what it says to them.

use std::sync::Arc;

use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::core::Core;
use crate::core::Input;
use crate::core::Output;
use crate::core::order::Bind;
use crate::core::order::WantedResource;
use crate::core::session::LinkId;
use crate::stanza::Stanza;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::options::Event;
use crate::testing::sim::options::Mutation;
use crate::xml::Element;

impl Machine {
    pub(super) fn step(&mut self, input: Input) {
        let now = self.now();
        let is_alone = self.options.seat.is_none();
        match &mut self.running {
            // Mistakes are made on what comes out of the engine.
            Some(running) if is_alone => running.member.engine.step(now, input),
            Some(running) => running.member.step(now, input),
            None => {}
        }
        self.settle();
    }

    pub fn bind(&mut self, link: u64, account: &str, resource: &str) {
        let Ok(account) = BareJid::parse(account) else {
            return;
        };
        self.step(Input::Bind {
            link: LinkId(link),
            bind: Bind {
                account,
                resource: WantedResource::Named {
                    resource: resource.into(),
                },
                carbons: false,
                catches_up: false,
                device: None,
            },
        });
    }

    /// `id`: as `<enabled/>` gave it.
    pub fn resume(&mut self, link: u64, account: &str, id: &str, h: u32) {
        let (Ok(account), Ok(key)) = (BareJid::parse(account), u128::from_str_radix(id, 16)) else {
            return;
        };
        self.step(Input::Resume {
            link: LinkId(link),
            account,
            key: SmKey(key),
            h,
        });
    }

    pub fn enable(&mut self, link: u64) {
        self.step(Input::Enable {
            link: LinkId(link),
            is_resumable: true,
            max_ms: None,
        });
    }

    pub fn stanza(&mut self, link: u64, text: &str) -> Result<(), String> {
        let element = Element::parse(text.as_bytes()).map_err(|error| format!("{error:?}"))?;
        let stanza = Stanza::parse(element).map_err(|error| format!("{error:?}"))?;
        self.step(Input::Stanza {
            link: LinkId(link),
            stanza: Arc::new(stanza),
        });
        Ok(())
    }

    pub fn ack(&mut self, link: u64, h: u32) {
        self.step(Input::Ack {
            link: LinkId(link),
            h,
        });
    }

    pub fn ask_ack(&mut self, link: u64) {
        self.step(Input::AckRequest { link: LinkId(link) });
    }

    pub fn closed(&mut self, link: u64, is_orderly: bool) {
        self.step(Input::Closed {
            link: LinkId(link),
            orderly: is_orderly,
        });
    }

    pub fn wants_input(&self, link: u64) -> bool {
        let core = self.core();
        if self.mutation == Some(Mutation::HealBlocks) && self.meeting().is_some() {
            return false;
        }
        !self.is_full() && core.is_some_and(|core| core.wants_input(LinkId(link)))
    }

    /// Whether the log may soon refuse for want of space.
    pub fn is_short(&self) -> bool {
        let log = self
            .running
            .as_ref()
            .map(|running| &running.member.engine.log);
        log.is_some_and(|log| log.credit() < 150_000)
    }

    pub(super) fn core(&self) -> Option<&Core> {
        self.running
            .as_ref()
            .map(|running| &running.member.engine.core)
    }

    /// What the link has to send, and whether there is more.
    pub fn write(&mut self, link: u64, budget: usize) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let Some(running) = &mut self.running else {
            return (out, false);
        };
        let more = running.member.engine.write(LinkId(link), &mut out, budget);
        self.settle();
        (self.spoiled(link, out), more)
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether a message with this body is safe from whatever happens.
    pub fn is_durable(&self, body: &str) -> bool {
        let is_there = self.peer.as_ref().is_none_or(|peer| peer.has(body));
        is_there && self.durable.contains(body)
    }

    pub(super) fn emit(&mut self, output: Output) {
        let event = match output {
            Output::Bound { link, bound, .. } => Event::Bound {
                link: link.0,
                jid: bound.ok().map(|jid| jid.as_str().to_owned()),
            },
            Output::Resumed { link, h, .. } => {
                self.resumed.insert(link.0);
                Event::Resumed { link: link.0, h }
            }
            Output::ResumeFailed { link, h } => Event::ResumeFailed { link: link.0, h },
            Output::Answer { id, outcome } => return self.tell_outcome(id, &outcome),
            Output::Ready { link } => Event::Ready { link: link.0 },
            Output::End { link, why } => Event::Ended {
                link: link.0,
                why: format!("{why:?}"),
            },
            _ => return,
        };
        self.events.push_back(event);
    }
}
