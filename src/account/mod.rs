//! Accounts: registration, passwords, blocking, private data, administration.
