//! Rosters and subscriptions, clause by clause.

mod changes;
mod contacts;
mod tables;
mod versions;
