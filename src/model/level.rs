//! Levels of the format: what a program of which age understands.
//!
//! Two boards of a pair may be of neighbouring versions while they are upgraded one after the other. A
//! program says how far it reads, and writes nothing that the other board does not read: what needs a
//! newer level is refused until both have it. A level is never taken back.
//!
//! Whatever is stored or sent begins with a tag (`coded!`), and the number of the tag tells its level. The
//! bytes of a released tag never change (`model::tests::released`): a value that needs another form gets a
//! new tag.

/// The newest level that this program reads, and that it writes where the other board does.
pub(crate) const LEVEL: u8 = 2;

/// The first level, of all that has no tag of its own.
pub(crate) const LEVEL_FIRST: u8 = 1;

/// The smallest tag of each later level.
const TAGS: [(u8, u8); 1] = [(30, 2)];

/// Since which level the tag is understood.
pub(crate) fn level_of_tag(tag: u8) -> u8 {
    let newer = TAGS.iter().rev().find(|(first, _)| tag >= *first);
    newer.map_or(LEVEL_FIRST, |(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_since_when_it_is_understood() {
        assert_eq!([0, 1, 29].map(level_of_tag), [1, 1, 1]);
        assert_eq!([30, 89].map(level_of_tag), [2, 2]);
        assert_eq!(level_of_tag(u8::MAX), LEVEL);
    }
}
