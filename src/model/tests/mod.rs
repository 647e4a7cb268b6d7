//! What is stored and sent: its bytes, and what it comes to when branches meet.

mod claims;
mod fields;
mod released;
mod shipped;
