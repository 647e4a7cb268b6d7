//! A log of arbitrary files is read within its bounds.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert!(!meerkat::testing::fuzz_log(input));
});
