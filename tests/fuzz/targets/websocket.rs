//! Any frames of a WebSocket break no promise.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(meerkat::testing::fuzz_websocket(input), Ok(()));
});
