//! Tests of the parser, too long to stand beside it.

mod cuts;
mod differential;
mod elements;
mod framing;
mod limits;

use crate::xml::Frame;
use crate::xml::Framer;
use crate::xml::FramerLimits;
use crate::xml::XmlError;

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";

/// What a stream looks like, one line a frame, and how it ended.
fn read_stream(pieces: &[&[u8]], limits: FramerLimits) -> (Vec<String>, Result<(), XmlError>) {
    let mut framer = Framer::new(limits);
    let mut frames = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            match framer.next(&mut input) {
                Ok(Some(Frame::Open(header))) => frames.push(format!(
                    "{:?} in {}",
                    header.root(),
                    header.default_namespace()
                )),
                Ok(Some(Frame::Element(element))) => frames.push(element.as_str().to_owned()),
                Ok(Some(Frame::Close)) => frames.push("close".to_owned()),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
        assert!(
            input.is_empty(),
            "a framer takes all that it does not frame"
        );
    }
    (frames, Ok(()))
}
