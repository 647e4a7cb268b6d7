//! The body that says its length piece by piece (RFC 9112 section 7.1), read strictly.

use crate::base::web_limits::HTTP_CHUNK_LINE_BYTES_MAX;
use crate::base::web_limits::HTTP_TRAILER_BYTES_MAX;
use crate::http::Fault;

/// Where in a chunked body the reader is. Extensions and trailers are passed over.
#[derive(Debug)]
pub(super) struct Chunked {
    place: Place,
    /// Of the line, or of all trailers, so far.
    line_bytes: usize,
    size: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    SizeFirst,
    Size,
    Extension,
    SizeEnd,
    Bytes,
    BytesEnd,
    BytesLineFeed,
    /// At the start of a line behind the last chunk.
    Trailer,
    TrailerRest,
    TrailerEnd,
    LastLineFeed,
    Done,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::SizeFirst,
            line_bytes: 0,
            size: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Takes from the front of `input` up to the next bytes of the body, which it gives.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
        while !input.is_empty() && !self.is_done() {
            if self.place == Place::Bytes {
                let here = usize::try_from(self.size)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                let (piece, rest) = input.split_at_checked(here).ok_or(Fault::Chunk)?;
                *input = rest;
                self.size = self
                    .size
                    .saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                if self.size == 0 {
                    self.place = Place::BytesEnd;
                }
                return Ok(Some(piece));
            }
            let Some((byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            self.place = self.step(*byte)?;
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Result<Place, Fault> {
        let is_text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        Ok(match (self.place, byte) {
            (Place::SizeFirst | Place::Size, byte) if byte.is_ascii_hexdigit() => {
                self.count(HTTP_CHUNK_LINE_BYTES_MAX)?;
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let size = self.size.checked_mul(16);
                let size = size.and_then(|size| size.checked_add(u64::from(digit)));
                self.size = size.ok_or(Fault::Chunk)?;
                Place::Size
            }
            (Place::Size, b';') => Place::Extension,
            (Place::Size | Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Extension, _) if is_text => {
                self.count(HTTP_CHUNK_LINE_BYTES_MAX)?;
                Place::Extension
            }
            (Place::SizeEnd, b'\n') => {
                self.line_bytes = 0;
                if self.size == 0 {
                    Place::Trailer
                } else {
                    Place::Bytes
                }
            }
            (Place::BytesEnd, b'\r') => Place::BytesLineFeed,
            (Place::BytesLineFeed, b'\n') => Place::SizeFirst,
            (Place::Trailer, b'\r') => Place::LastLineFeed,
            (Place::TrailerRest, b'\r') => Place::TrailerEnd,
            (Place::Trailer | Place::TrailerRest, _) if is_text => {
                self.count(HTTP_TRAILER_BYTES_MAX)?;
                Place::TrailerRest
            }
            (Place::TrailerEnd, b'\n') => Place::Trailer,
            (Place::LastLineFeed, b'\n') => Place::Done,
            _ => return Err(Fault::Chunk),
        })
    }

    fn count(&mut self, bytes_max: usize) -> Result<(), Fault> {
        self.line_bytes = self.line_bytes.saturating_add(1);
        if self.line_bytes > bytes_max {
            return Err(Fault::Chunk);
        }
        Ok(())
    }
}
