//! Whatever the other board of a pair says, frames are read as they are written and no promise is broken.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(meerkat::testing::fuzz_frames(input), Ok(()));
    assert_eq!(meerkat::testing::fuzz_mirror(input), Ok(()));
});
