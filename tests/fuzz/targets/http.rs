//! Any requests of the web break no promise.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(meerkat::testing::fuzz_http(input), Ok(()));
});
