//! redb and files: the tables that index the log.
