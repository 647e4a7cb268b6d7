//! The only door through which `tests/` sees the inside; not an API.

/// The commented example file of settings.
pub fn example_settings() -> String {
    crate::config::example::example()
}
