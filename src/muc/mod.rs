//! Rooms (XEP-0045).
