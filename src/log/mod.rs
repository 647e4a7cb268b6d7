//! The log, sans-IO: what is written where, and what a restart believes.
