//! The only door through which `tests/` sees the inside; not an API.
