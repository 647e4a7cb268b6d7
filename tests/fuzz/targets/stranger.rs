//! A client that cannot log in breaks no promise.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(meerkat::testing::fuzz_stranger(input), Ok(()));
});
