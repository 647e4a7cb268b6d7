//! The part of a file that a recovery has in memory.

/// The bytes at hand.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) file: usize,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Window {
    pub(crate) fn get(&self, file: usize, offset: u64, bytes: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        (self.file == file).then_some(())?;
        self.bytes.get(from..from.checked_add(bytes)?)
    }
}
