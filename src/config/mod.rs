//! From text to settings.
