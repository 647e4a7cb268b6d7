//! An address that was accepted is accepted again, unchanged.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(meerkat::testing::fuzz_jid(input), Ok(()));
});
