//! Rosters and subscriptions, clause by clause.

mod changes;
mod contacts;
mod invited;
mod model;
mod tables;
mod versions;
