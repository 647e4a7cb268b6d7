//! Glue: threads, the order of starting and stopping.
