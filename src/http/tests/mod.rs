//! What a machine makes of bytes, however they arrive.

mod bodies;
mod heads;

use crate::http::Event;
use crate::http::Fault;
use crate::http::Machine;
use crate::http::Request;

/// One request whose body may be large: the head, and the body if it came whole.
fn read(bytes: &[u8], piece_bytes: usize) -> Result<(Request, Option<Vec<u8>>), Fault> {
    let mut machine = Machine::new();
    let (mut request, mut body) = (None, Vec::new());
    for piece in bytes.chunks(piece_bytes.max(1)) {
        machine.handle_bytes(piece);
        while let Some(event) = machine.poll_event()? {
            match event {
                Event::Request(head) => {
                    request = Some(*head);
                    machine.set_body_max(1_000)?;
                }
                Event::Piece(piece) => body.extend_from_slice(&piece),
                Event::End => return Ok((request.unwrap(), Some(body))),
            }
        }
    }
    Ok((request.expect("a whole head"), None))
}

/// The same, whatever the pieces.
fn read_anyhow(bytes: &[u8]) -> Result<(Request, Option<Vec<u8>>), Fault> {
    let whole = read(bytes, bytes.len());
    let single = read(bytes, 1);
    match (&whole, &single) {
        (Ok((_, one)), Ok((_, other))) => assert_eq!(one, other),
        (Err(one), Err(other)) => assert_eq!(one, other),
        (one, other) => panic!("{one:?} {other:?}"),
    }
    whole
}
