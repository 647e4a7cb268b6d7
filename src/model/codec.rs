//! Bytes of rows and entries: compact, self-delimiting, the same on every node.
//!
//! Integers are LEB128 varints, texts and byte strings carry their length, options and enums a tag.
//! Whatever is read was written by us, but perhaps by another version or onto a failing disk: every
//! length is checked against what is left, and nothing is allocated on the word of a length alone.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::FileId;
use crate::base::ids::Incarnation;
use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::model::level::level_of_tag;

/// Why bytes are not what they should be: damage, or a version this program does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CodecError {
    /// The bytes end before the value does.
    Short,
    /// A tag, address or text that no known version writes.
    Unknown,
    /// Bytes are left over after the value.
    Trailing,
}

/// A value with one byte form.
pub(crate) trait Code: Sized {
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError>;

    /// The oldest level of the format that has it (`model::level`).
    fn level(&self) -> u8 {
        level_of_tag(0)
    }
}

/// What is left to read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(CodecError::Short)?;
        self.rest = tail;
        Ok(head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        let (first, tail) = self.rest.split_first().ok_or(CodecError::Short)?;
        self.rest = tail;
        Ok(*first)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        self.take(N)?.try_into().map_err(|_| CodecError::Short)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn end(&self) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(CodecError::Trailing)
        }
    }
}

/// Encodes into a fresh buffer.
pub(crate) fn to_bytes<T: Code>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

/// Decodes all of `bytes`.
pub(crate) fn from_bytes<T: Code>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut input = Reader::new(bytes);
    let value = T::decode(&mut input)?;
    input.end()?;
    Ok(value)
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).encode(out);
    out.extend_from_slice(bytes);
}

pub(crate) fn read_bytes<'a>(input: &mut Reader<'a>) -> Result<&'a [u8], CodecError> {
    let count = usize::decode(input)?;
    input.take(count)
}

fn read_str<'a>(input: &mut Reader<'a>) -> Result<&'a str, CodecError> {
    std::str::from_utf8(read_bytes(input)?).map_err(|_| CodecError::Unknown)
}

impl Code for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        loop {
            let low = u8::try_from(left & 0x7f).unwrap_or(0);
            left >>= 7;
            if left == 0 {
                out.push(low);
                return;
            }
            out.push(low | 0x80);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = input.byte()?;
            let part = Self::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(CodecError::Unknown);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Unknown)
    }
}

macro_rules! narrow {
    ($($narrow:ty),*) => {$(
        impl Code for $narrow {
            fn encode(&self, out: &mut Vec<u8>) {
                u64::try_from(*self).unwrap_or(u64::MAX).encode(out);
            }

            fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
                Self::try_from(u64::decode(input)?).map_err(|_| CodecError::Unknown)
            }
        }
    )*};
}
narrow!(u8, u16, u32, usize);

impl Code for i8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.array().map(Self::from_be_bytes)
    }
}

impl Code for u128 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self::from_be_bytes(input.array()?))
    }
}

impl Code for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Unknown),
        }
    }
}

impl Code for Box<str> {
    fn encode(&self, out: &mut Vec<u8>) {
        write_bytes(out, self.as_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        read_str(input).map(Self::from)
    }
}

impl Code for Arc<str> {
    fn encode(&self, out: &mut Vec<u8>) {
        write_bytes(out, self.as_bytes());
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        read_str(input).map(Self::from)
    }
}

impl Code for Arc<[u8]> {
    fn encode(&self, out: &mut Vec<u8>) {
        write_bytes(out, self);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        read_bytes(input).map(Self::from)
    }
}

impl<const N: usize> Code for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.array()
    }
}

impl<T: Code> Code for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        match input.byte()? {
            0 => Ok(None),
            1 => T::decode(input).map(Some),
            _ => Err(CodecError::Unknown),
        }
    }

    fn level(&self) -> u8 {
        newest(self)
    }
}

/// The level of the newest of these.
fn newest<'a, T: Code + 'a>(values: impl IntoIterator<Item = &'a T>) -> u8 {
    let levels = values.into_iter().map(Code::level);
    levels.fold(level_of_tag(0), u8::max)
}

impl<T: Code> Code for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        for value in self {
            value.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = usize::decode(input)?;
        let mut values = Self::new();
        for _ in 0..count {
            values.push(T::decode(input)?);
        }
        Ok(values)
    }

    fn level(&self) -> u8 {
        newest(self)
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok((A::decode(input)?, B::decode(input)?))
    }

    fn level(&self) -> u8 {
        self.0.level().max(self.1.level())
    }
}

impl<T: Code + Ord> Code for BTreeSet<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        for value in self {
            value.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Vec::decode(input)?.into_iter().collect())
    }

    fn level(&self) -> u8 {
        newest(self)
    }
}

impl<K: Code + Ord, V: Code> Code for BTreeMap<K, V> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        for (key, value) in self {
            key.encode(out);
            value.encode(out);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = usize::decode(input)?;
        let mut map = Self::new();
        for _ in 0..count {
            let key = K::decode(input)?;
            map.insert(key, V::decode(input)?);
        }
        Ok(map)
    }

    fn level(&self) -> u8 {
        newest(self.keys()).max(newest(self.values()))
    }
}

impl<T: Code> Code for Arc<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_ref().encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        T::decode(input).map(Self::new)
    }

    fn level(&self) -> u8 {
        self.as_ref().level()
    }
}

macro_rules! address {
    ($($address:ty),*) => {$(
        impl Code for $address {
            fn encode(&self, out: &mut Vec<u8>) {
                write_bytes(out, self.as_str().as_bytes());
            }

            fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
                Self::parse(read_str(input)?).map_err(|_| CodecError::Unknown)
            }
        }
    )*};
}
address!(Jid, BareJid, FullJid);

macro_rules! newtype {
    ($($outer:ident($inner:ty)),*) => {$(
        impl Code for $outer {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
                <$inner>::decode(input).map($outer)
            }
        }
    )*};
}
newtype!(
    FileId(u128),
    SmKey(u128),
    Incarnation(u64),
    SessionId(u64),
    Ticket(u64)
);

impl Code for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        self.unix_ms().encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        u64::decode(input).map(Self::from_unix_ms)
    }
}

/// Byte form of a struct (its fields in order) or of an enum (a tag, then the fields).
///
/// A tag or field order, once released, is never used for anything else: what is new gets a new tag,
/// whose number says since when it is understood (`model::level`).
macro_rules! coded {
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::model::codec::Code for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::model::codec::Code::encode(&self.$field, out);)*
            }

            fn decode(
                input: &mut $crate::model::codec::Reader<'_>,
            ) -> Result<Self, $crate::model::codec::CodecError> {
                Ok(Self { $($field: $crate::model::codec::Code::decode(input)?),* })
            }

            fn level(&self) -> u8 {
                let oldest = $crate::model::level::level_of_tag(0);
                oldest$(.max($crate::model::codec::Code::level(&self.$field)))*
            }
        }
    };
    (enum $name:ident { $($tag:literal => $variant:ident $({ $($field:ident),* $(,)? })?),* $(,)? }) => {
        impl $crate::model::codec::Code for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field),* })? => {
                        out.push($tag);
                        $($($crate::model::codec::Code::encode($field, out);)*)?
                    })*
                }
            }

            fn decode(
                input: &mut $crate::model::codec::Reader<'_>,
            ) -> Result<Self, $crate::model::codec::CodecError> {
                match input.byte()? {
                    $($tag => Ok(Self::$variant $({
                        $($field: $crate::model::codec::Code::decode(input)?),*
                    })?),)*
                    _ => Err($crate::model::codec::CodecError::Unknown),
                }
            }

            fn level(&self) -> u8 {
                match self {
                    $(Self::$variant $({ $($field),* })? => {
                        $crate::model::level::level_of_tag($tag)
                            $($(.max($crate::model::codec::Code::level($field)))*)?
                    })*
                }
            }
        }
    };
}
pub(crate) use coded;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_survive() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(from_bytes::<u64>(&to_bytes(&value)), Ok(value));
        }
    }

    #[test]
    fn a_length_beyond_the_input_is_refused_without_allocating() {
        let lying = to_bytes(&u64::MAX);
        assert_eq!(from_bytes::<Arc<[u8]>>(&lying), Err(CodecError::Short));
        assert_eq!(from_bytes::<Vec<u64>>(&lying), Err(CodecError::Short));
    }

    #[test]
    fn what_is_left_over_is_refused() {
        assert_eq!(from_bytes::<bool>(&[1, 0]), Err(CodecError::Trailing));
    }

    #[test]
    fn an_overlong_integer_is_refused() {
        assert_eq!(from_bytes::<u64>(&[0xff; 11]), Err(CodecError::Unknown));
    }
}
