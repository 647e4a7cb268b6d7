//! Where an entry stands: epoch, sequence number, part; and when it was made.
//!
//! A [`Position`] is the order of the log, the key of what the entry keeps (archive rows), and,
//! encrypted, the id that clients see (XEP-0359): one sixteen-byte value for all three.

use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;

/// One stretch of the log numbered by one sequencer without a break.
///
/// Counter: one more than the largest in the log when it began. Node: who numbers. Salt: random,
/// drawn at every boot and never stored ahead, so that a disk restored from an old image cannot
/// issue the same key for something else.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Epoch {
    pub(crate) counter: u32,
    pub(crate) node: u8,
    pub(crate) salt: u32,
}

impl Epoch {
    /// What a proposal of this node stands in until it is numbered.
    pub(crate) const OWN: Self = Self {
        counter: u32::MAX,
        node: 0,
        salt: 0,
    };

    pub(crate) fn is_own(self) -> bool {
        self.counter == Self::OWN.counter
    }
}

/// The place of a record in the log of one node, counted from 1.
///
/// After two branches were merged the logs of two nodes hold the same entries in different order, so
/// positions do not grow along a log; indexes do. What is done with a log's beginning (applied,
/// kept in memory, given away) goes by index.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Index(pub(crate) u64);

impl Index {
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A place in the order of all: `epoch counter u32 | node u8 | salt u32 | seq u48 | sub u8`.
///
/// `seq` 0 of an epoch is its EPOCH record; entries count from 1. `sub` tells the ops of one entry
/// apart. The numeric order is the order of the log within an epoch, and the fixed order between
/// branches.
#[derive(Clone, Copy, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Position {
    high: u64,
    low: u64,
}

/// Sequence numbers are 48 bits: at a million entries a second an epoch lasts nine years.
pub(crate) const SEQ_MAX: u64 = (1 << 48) - 1;

impl Position {
    /// Before everything; as a row's version: never written.
    pub(crate) const ZERO: Self = Self { high: 0, low: 0 };
    /// After everything.
    pub(crate) const MAX: Self = Self {
        high: u64::MAX,
        low: u64::MAX,
    };

    pub(crate) fn new(epoch: Epoch, seq: u64, sub: u8) -> Self {
        let high = u64::from(epoch.counter) << 32
            | u64::from(epoch.node) << 24
            | u64::from(epoch.salt >> 8);
        let low = u64::from(epoch.salt & 0xff) << 56 | (seq & SEQ_MAX) << 8 | u64::from(sub);
        Self { high, low }
    }

    pub(crate) fn from_u128(bits: u128) -> Self {
        let high = u64::try_from(bits >> 64).unwrap_or(u64::MAX);
        let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        Self { high, low }
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_u128(u128::from_be_bytes(bytes))
    }

    pub(crate) fn to_u128(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.to_u128().to_be_bytes()
    }

    pub(crate) fn epoch(self) -> Epoch {
        let salt = (self.high & 0xff_ffff) << 8 | self.low >> 56;
        Epoch {
            counter: u32::try_from(self.high >> 32).unwrap_or(u32::MAX),
            node: u8::try_from(self.high >> 24 & 0xff).unwrap_or(u8::MAX),
            salt: u32::try_from(salt).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn seq(self) -> u64 {
        self.low >> 8 & SEQ_MAX
    }

    pub(crate) fn sub(self) -> u8 {
        u8::try_from(self.low & 0xff).unwrap_or(u8::MAX)
    }

    pub(crate) fn with_sub(self, sub: u8) -> Self {
        Self {
            high: self.high,
            low: self.low & !0xff | u64::from(sub),
        }
    }

    /// The largest key of this entry: everything the entry keeps is at or below it.
    pub(crate) fn last_sub(self) -> Self {
        self.with_sub(u8::MAX)
    }
}

impl std::fmt::Debug for Position {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Epoch {
            counter,
            node,
            salt,
        } = self.epoch();
        write!(
            out,
            "{counter}.{node}.{salt:08x}:{}.{}",
            self.seq(),
            self.sub()
        )
    }
}

impl Code for Position {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self::from_bytes(input.array()?))
    }
}

impl Code for Index {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self(u64::decode(input)?))
    }
}

impl Code for Epoch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.counter.to_be_bytes());
        out.push(self.node);
        out.extend_from_slice(&self.salt.to_be_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            counter: u32::from_be_bytes(input.array()?),
            node: input.byte()?,
            salt: u32::from_be_bytes(input.array()?),
        })
    }
}

/// Hybrid clock: milliseconds (48 bits) and a counter (16 bits), then the node.
///
/// Every entry's stamp is greater than its predecessor's, so "larger wins" between branches means
/// "causally later, else by the wall clock". No order within the log depends on it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Hlc {
    pub(crate) stamp: u64,
    pub(crate) node: u8,
}

impl Hlc {
    /// The stamp of what follows `self` when the wall clock says `unix_ms`.
    pub(crate) fn next(self, unix_ms: u64, node: u8) -> Self {
        let wall = (unix_ms & 0xffff_ffff_ffff) << 16;
        Self {
            stamp: wall.max(self.stamp.saturating_add(1)),
            node,
        }
    }

    pub(crate) fn unix_ms(self) -> u64 {
        self.stamp >> 16
    }
}

impl Code for Hlc {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.stamp.to_be_bytes());
        out.push(self.node);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            stamp: u64::from_be_bytes(input.array()?),
            node: input.byte()?,
        })
    }
}

/// Names one change for ever; a repeated one is the same change sent again.
///
/// For a client with stream management `(its key, the number of its stanza)`; otherwise
/// `(node and boot salt, counter)`. It never repeats: a repeated id would delete somebody's message
/// at a merge.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct OpId {
    pub(crate) source: u128,
    pub(crate) number: u64,
}

crate::model::codec::coded!(struct OpId { source, number });

/// The numbers of an entry's ops, in order. They are bytes: what is beyond shares the last one,
/// which does no harm to rows; messages come first.
pub(crate) fn subs() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).chain(std::iter::repeat(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch {
        counter: 7,
        node: 2,
        salt: 0xdead_beef,
    };

    #[test]
    fn a_position_gives_back_its_parts() {
        let position = Position::new(EPOCH, 123_456_789, 3);
        assert_eq!(position.epoch(), EPOCH);
        assert_eq!((position.seq(), position.sub()), (123_456_789, 3));
        assert_eq!(Position::from_bytes(position.to_bytes()), position);
    }

    #[test]
    fn positions_order_by_epoch_then_number_then_part() {
        let later = Epoch {
            counter: 8,
            node: 0,
            salt: 0,
        };
        assert!(Position::new(EPOCH, SEQ_MAX, 255) < Position::new(later, 0, 0));
        assert!(Position::new(EPOCH, 1, 255) < Position::new(EPOCH, 2, 0));
        assert!(Position::new(EPOCH, 1, 0) < Position::new(EPOCH, 1, 1));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_take_the_stamp_along() {
        let first = Hlc::default().next(1_000, 0);
        let second = first.next(900, 0);
        assert!(second > first);
        assert_eq!(second.unix_ms(), 1_000);
    }
}
