//! What users and administrators ask about accounts.

mod commands;
mod office;
mod register;
mod tokens;
