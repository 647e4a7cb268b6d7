//! Rosters and subscriptions, clause by clause.

mod changes;
mod contacts;
mod model;
mod tables;
mod versions;
