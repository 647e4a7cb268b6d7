//! Nobody is let in without the password.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert!(!meerkat::testing::fuzz_sasl(input));
});
