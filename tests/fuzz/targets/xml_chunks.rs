//! A stream gives the same frames however its bytes are cut, and what is cut out of a frame means the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(meerkat::testing::fuzz_xml(input), Ok(()));
});
