//! What users and administrators ask about accounts.

mod admins;
mod commands;
mod invites;
mod office;
mod register;
mod reports;
mod search;
mod tokens;
