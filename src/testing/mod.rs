//! The only door through which `tests/` sees the inside; not an API.

/// The commented example file of settings.
pub fn example_settings() -> String {
    crate::config::example::example()
}

/// Fuzz entry: one SASL exchange; true when the peer was let in, which must not happen.
pub fn fuzz_sasl(input: &[u8]) -> bool {
    crate::sasl::fuzz::exchange(input)
}

/// Fuzz entry: a client that cannot log in; `Err` names the promise that was broken.
pub fn fuzz_stranger(program: &[u8]) -> Result<(), &'static str> {
    crate::c2s::fuzz::stranger(program)
}

/// Fuzz entry: one start on arbitrary files of a log; true when a bound was passed or a record was lost.
pub fn fuzz_log(input: &[u8]) -> bool {
    crate::log::fuzz::recovery(input)
}

/// Fuzz entry: a stream in pieces; `Err` names the promise that was broken.
pub fn fuzz_xml(input: &[u8]) -> Result<(), &'static str> {
    crate::xml::fuzz::check_stream(input)
}

/// Fuzz entry: an address; `Err` names the promise that was broken.
pub fn fuzz_jid(input: &[u8]) -> Result<(), &'static str> {
    crate::base::fuzz::check_address(input)
}

/// Fuzz entry: frames between the boards of a pair; `Err` names the promise that was broken.
pub fn fuzz_frames(input: &[u8]) -> Result<(), &'static str> {
    crate::mirror::fuzz::frames(input)
}

/// Fuzz entry: a board, and another that says anything; `Err` names the promise that was broken.
pub fn fuzz_mirror(program: &[u8]) -> Result<(), &'static str> {
    crate::mirror::fuzz::stranger(program)
}

/// Fuzz entry: requests of the web; `Err` names the promise that was broken.
pub fn fuzz_http(input: &[u8]) -> Result<(), &'static str> {
    crate::http::fuzz::requests(input)
}

/// Fuzz entry: frames of a WebSocket; `Err` names the promise that was broken.
pub fn fuzz_websocket(input: &[u8]) -> Result<(), &'static str> {
    crate::web::fuzz::websocket(input)
}

#[cfg(test)]
pub(crate) mod branches;
pub mod sim;
