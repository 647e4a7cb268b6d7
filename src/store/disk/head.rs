//! The head of the tables once more, as it was when they were last durable.
//!
//! redb writes its head in place: nothing in the tables can be found without it, and a card that loses its power in
//! the middle of a sector may leave anything there. So each head that is durable, with all that it leads to, is
//! written to a file beside the tables before the next one is begun; two places take turns, because the power may go
//! there as well. Whatever of later writes is on the disk then, redb is told no more than that its head is an
//! older one, which it has to bear after any crash.

use std::sync::Arc;

use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;

/// redb's head is 320 bytes, in the first sector.
pub(crate) const HEAD_BYTES: usize = 512;
pub(crate) type Head = [u8; HEAD_BYTES];

/// Beside the tables.
pub(crate) const HEAD_NAME: &str = "tables.head";

/// CRC-32C of what follows, which one it is (big-endian), the head.
const COPY_BYTES: usize = 4 + 8 + HEAD_BYTES;
/// Two places that no sector is a part of both of.
const PLACE_BYTES: u64 = 4_096;
const PLACES: u64 = 2;

/// The copies, and the newest of them.
#[derive(Debug)]
pub(crate) struct Copies {
    file: Arc<dyn DiskFile>,
    newest: Option<(u64, Head)>,
}

impl Copies {
    /// Opens the file, or makes it.
    pub(crate) fn open(disk: &dyn Disk) -> Result<Self, DiskError> {
        let file = match disk.open(HEAD_NAME) {
            Err(DiskError::NotFound { .. }) => {
                let file = disk.create(HEAD_NAME)?;
                disk.sync_names()?;
                file
            }
            file => file?,
        };
        if file.bytes()? < PLACES * PLACE_BYTES {
            file.set_bytes(PLACES * PLACE_BYTES)?;
        }
        let mut newest = None;
        for place in 0..PLACES {
            let mut bytes = [0; COPY_BYTES];
            file.read_at(place * PLACE_BYTES, &mut bytes)?;
            newest = newest.max(parse(&bytes));
        }
        Ok(Self { file, newest })
    }

    pub(crate) fn newest(&self) -> Option<&Head> {
        self.newest.as_ref().map(|(_, head)| head)
    }

    /// Durable when it returns.
    pub(crate) fn save(&mut self, head: &Head) -> Result<(), DiskError> {
        if self.newest() == Some(head) {
            return Ok(());
        }
        let last = self.newest.map_or(0, |(number, _)| number);
        let number = last.saturating_add(1);
        let place = (number % PLACES) * PLACE_BYTES;
        self.file.write_at(place, &write(number, head))?;
        self.file.sync_data()?;
        self.newest = Some((number, *head));
        Ok(())
    }
}

fn write(number: u64, head: &Head) -> Vec<u8> {
    let body = [&number.to_be_bytes(), head.as_slice()].concat();
    [&crc32c::crc32c(&body).to_be_bytes(), body.as_slice()].concat()
}

/// `None`: nothing was written here, or the power went meanwhile.
fn parse(bytes: &[u8; COPY_BYTES]) -> Option<(u64, Head)> {
    let (sum, body) = bytes.split_first_chunk::<4>()?;
    let (number, head) = body.split_first_chunk::<8>()?;
    let is_whole = crc32c::crc32c(body) == u32::from_be_bytes(*sum);
    let head = head.try_into().ok().filter(|_| is_whole)?;
    Some((u64::from_be_bytes(*number), head))
}
