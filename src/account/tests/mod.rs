//! What users and administrators ask about accounts.

mod commands;
mod office;
