//! The fuzzer's promises over a seeded corpus, so that they are checked without a fuzzer.

use crate::base::random::for_seeds;
use crate::xml::fuzz::check_stream;

const PIECES: &[&str] = &[
    "<message to='a@b'>",
    "</message>",
    "<presence/>",
    "<iq type='get' id='1'>",
    "</iq>",
    "<body>",
    "</body>",
    "text & more",
    "&amp;",
    "&#65;",
    "<stream:error/>",
    "<p:x p:y='1'>",
    "</p:x>",
    "<z xmlns='urn:z'>",
    "</z>",
    "<q xmlns:r='urn:r'><r:s/></q>",
    "<q xmlns='urn:q' xmlns:p='urn:p2'><p:t u='1'/><v/></q>",
    " ",
    "\n",
    "<![CDATA[",
    "]]>",
    "</stream:stream>",
    "<!--",
    "<?xml version='1.0'?>",
    "\u{1f98a}",
    "<a b='>' c=\"'\">",
    "</a>",
    "<a",
    " d='e'",
    ">",
    "/>",
    "<",
    "<stream:stream xmlns='u' xmlns:stream='v'>",
    "xmlns:p=''",
];

#[test]
fn promises_hold_for_streams_of_usual_pieces() {
    for_seeds(8_000, |u| {
        let mut input = u.bytes(8)?.to_vec();
        for _ in 0..u.int_in_range(1..=14)? {
            input.extend_from_slice(u.choose(PIECES)?.as_bytes());
        }
        assert_eq!(
            check_stream(&input),
            Ok(()),
            "{:?}",
            String::from_utf8_lossy(&input)
        );
        Ok(())
    });
}

#[test]
fn promises_hold_for_any_bytes() {
    for_seeds(8_000, |u| {
        let length = u.arbitrary_len::<u8>()?;
        let input = u.bytes(length)?;
        assert_eq!(check_stream(input), Ok(()), "{input:?}");
        Ok(())
    });
}
