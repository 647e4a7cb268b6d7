//! One who uploads files (XEP-0363) until the server is killed, and afterwards looks whether they are there.

use std::cell::Cell;
use std::rc::Rc;

use crate::actor::Shared;
use crate::generator::Failure;
use crate::generator::Outcome;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::unexpected;
use crate::generator::upload;
use crate::generator::upload::Slot;
use crate::generator::upload::content;
use crate::history::Complaint;

/// So many of the newest files are looked at after each kill, and all from time to time.
const NEWEST: usize = 20;

/// Over all crashes: what was answered with 201, and what was under way.
pub(crate) struct Uploader {
    user: &'static str,
    history: Shared,
    ground: Rc<Ground>,
    kept: Vec<(u64, Slot)>,
    /// Nothing was heard of it.
    pending: Option<(u64, Slot)>,
    next: u64,
}

impl Uploader {
    pub(crate) fn new(user: &'static str, history: &Shared, ground: &Rc<Ground>) -> Self {
        Self {
            user,
            history: Rc::clone(history),
            ground: Rc::clone(ground),
            kept: Vec::new(),
            pending: None,
            next: 0,
        }
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Everybody's files are others.
    fn content(&self, number: u64) -> Vec<u8> {
        let mut file = content(number);
        file.extend_from_slice(self.user.as_bytes());
        file
    }

    /// Uploads until the connection breaks, or until it is told to stop.
    pub(crate) async fn work(mut self, ports: Ports, stop: Rc<Cell<bool>>) -> Outcome<Self> {
        match self.upload(ports, &stop).await {
            Ok(()) | Err(Failure::Lost(_)) => Ok(self),
            Err(failure) => Err(failure),
        }
    }

    async fn upload(&mut self, ports: Ports, stop: &Cell<bool>) -> Outcome<()> {
        let mut client = self
            .ground
            .authenticate(ports, Security::Plain, self.user)
            .await?;
        client.bind("files").await?;
        while !stop.get() {
            let number = self.next;
            let file = self.content(number);
            let name = format!("{number}.bin");
            let slot = upload::slot(&mut client, &name, file.len()).await?;
            self.next += 1;
            self.pending = Some((number, slot.clone()));
            match upload::put(ports, &slot, &file).await? {
                upload::CREATED => self.kept.extend(self.pending.take()),
                status => return unexpected(format!("PUT of {number}: {status}")),
            }
        }
        client.close().await
    }

    /// What was kept is as it was sent; what was under way can be sent again, unless it is there already.
    pub(crate) async fn audit(&mut self, ports: Ports, whole: bool) -> Outcome<()> {
        if let Some((number, slot)) = self.pending.take() {
            match upload::put(ports, &slot, &self.content(number)).await? {
                upload::CREATED | upload::CONFLICT => self.kept.push((number, slot)),
                status => return unexpected(format!("PUT of {number} again: {status}")),
            }
        }
        let first = if whole {
            0
        } else {
            self.kept.len().saturating_sub(NEWEST)
        };
        for (number, slot) in &self.kept[first..] {
            let (status, file) = upload::get(ports, slot).await?;
            if status != upload::OK || file != self.content(*number) {
                self.history.borrow_mut().complain(Complaint::File {
                    number: *number,
                    status,
                    bytes: file.len(),
                });
            }
        }
        Ok(())
    }
}
