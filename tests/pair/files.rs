//! People who upload files (XEP-0363) while boards come and go, and whether each board has what was answered with 201.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use ring::digest;
use smol::Timer;

use crate::generator::Outcome;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::unexpected;
use crate::generator::upload;
use crate::generator::upload::Slot;
use crate::generator::upload::content;
use crate::person::within;
use crate::world::World;

/// From the question for a slot to its answer, and from a file to its answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two files of one person.
const THINK: Duration = Duration::from_millis(100);

/// What was answered with 201, by the number that tells its content.
pub(crate) type Kept = Rc<RefCell<Vec<(u64, Slot)>>>;

/// Somebody who uploads one file after the other, at whichever board takes it.
pub(crate) struct Uploader {
    name: String,
    at: usize,
    next: u64,
    kept: Kept,
}

impl Uploader {
    /// Each has numbers of its own.
    pub(crate) fn new(name: &str, home: usize, first: u64, kept: &Kept) -> Self {
        Self {
            name: name.to_owned(),
            at: home,
            next: first,
            kept: Rc::clone(kept),
        }
    }

    pub(crate) async fn upload(&mut self, ground: &Ground, boards: [Ports; 2], until: Instant) {
        while Instant::now() < until {
            if self.upload_one(ground, boards).await.is_err() {
                self.at = 1 - self.at;
            }
            Timer::after(THINK).await;
        }
    }

    /// The slot is from one board; the file goes to the other one every third time, and where the first says nothing.
    async fn upload_one(&mut self, ground: &Ground, boards: [Ports; 2]) -> Outcome<()> {
        let number = self.next;
        self.next += 1;
        let file = content(number);
        let asking = async {
            let mut client = ground
                .authenticate(boards[self.at], Security::Plain, &self.name)
                .await?;
            client.bind("files").await?;
            let slot = upload::slot(&mut client, &format!("{number}.bin"), file.len()).await?;
            client.close().await?;
            Ok(slot)
        };
        let slot = within(PATIENCE, asking).await?;
        let first = if number.is_multiple_of(3) {
            1 - self.at
        } else {
            self.at
        };
        for board in [first, 1 - first] {
            let status = within(PATIENCE, upload::put(boards[board], &slot, &file)).await;
            if let Ok(status) = status {
                if status == upload::CREATED {
                    self.kept.borrow_mut().push((number, slot));
                }
                return Ok(());
            }
        }
        unexpected("no board takes it")
    }
}

impl World {
    /// What one board took alone the other one has fetched.
    pub(crate) async fn until_has_files(&self, n: usize) {
        let board = &self.boards[if n == 0 { 0 } else { self.second }];
        let folder = board.folder.path().join("data/files");
        let names: Vec<String> = self.files.borrow().iter().map(file_name).collect();
        let has_all = || names.iter().all(|name| folder.join(name).exists());
        self.until("the files are fetched", has_all).await;
    }

    /// Each board alone gives every file as it was sent.
    pub(crate) async fn judge_files(&mut self) {
        for n in [0, 1] {
            self.until_has_files(n).await;
        }
        let kept = self.files.borrow().clone();
        for n in [0, 1] {
            self.board(1 - n).stop();
            self.until("the other is alone", || self.told(n).state == "solo")
                .await;
            for (number, slot) in &kept {
                let getting = upload::get(self.ports()[n], slot);
                let (status, file) = within(PATIENCE, getting).await.unwrap();
                assert!(
                    status == upload::OK && file == content(*number),
                    "file {number} is {status} at {n}, {} bytes: {slot:?}",
                    file.len()
                );
            }
            self.board(1 - n).start();
            self.until_whole().await;
        }
        println!(
            "  files: {} answered with 201, each there on either board",
            kept.len()
        );
        assert!(!kept.is_empty(), "nothing was uploaded");
    }
}

/// The folder has each file under its SHA-256.
fn file_name((number, _): &(u64, Slot)) -> String {
    let hash = digest::digest(&digest::SHA256, &content(*number));
    let bytes = hash.as_ref().iter();
    bytes.fold(String::new(), |name, byte| name + &format!("{byte:02x}"))
}
