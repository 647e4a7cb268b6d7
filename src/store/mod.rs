//! redb and files: the tables that index the log.

pub(crate) mod disk;
