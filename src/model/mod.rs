//! What is durable: rows, operations, log entries and their encoding.
