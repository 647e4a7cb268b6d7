//! What crosses the link comes out as it went in.

mod released;
mod shipped;
