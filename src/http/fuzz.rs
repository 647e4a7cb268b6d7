//! What the fuzzer drives: a machine that never breaks its promises, however the bytes arrive.

use crate::http::Event;
use crate::http::Machine;

/// Bodies are small, so that a fuzzer finds their bound.
const BODY_BYTES_MAX: u64 = 64;

/// Reads the input whole and byte by byte; `Err` names the promise that was broken.
pub(crate) fn requests(input: &[u8]) -> Result<(), &'static str> {
    let whole = read(input, input.len().max(1))?;
    if whole != read(input, 1)? {
        return Err("the same bytes mean something else when they come one by one");
    }
    Ok(())
}

/// What was read.
fn read(input: &[u8], piece_bytes: usize) -> Result<Vec<String>, &'static str> {
    let mut machine = Machine::new();
    let (mut told, mut body) = (Vec::new(), Vec::new());
    for piece in input.chunks(piece_bytes) {
        if !machine.wants_input() {
            break;
        }
        machine.handle_bytes(piece);
        loop {
            match machine.poll_event() {
                Ok(None) => break,
                Ok(Some(Event::Request(request))) => {
                    told.push(format!("{:?} {:?}", request.method, request.target));
                    if request
                        .target
                        .segments
                        .iter()
                        .any(|name| name == ".." || name.contains('/'))
                    {
                        return Err("a target climbs");
                    }
                    if let Err(fault) = machine.set_body_max(BODY_BYTES_MAX) {
                        told.push(format!("{fault:?}"));
                        return Ok(told);
                    }
                }
                Ok(Some(Event::Piece(piece))) => {
                    if piece.is_empty() {
                        return Err("a piece of nothing");
                    }
                    body.extend_from_slice(&piece);
                    if body.len() > 64 {
                        return Err("a body is larger than it may be");
                    }
                }
                Ok(Some(Event::End)) => {
                    told.push(format!("{body:02x?}"));
                    body.clear();
                    machine.handle_answered();
                }
                Err(fault) => {
                    if machine.wants_input() {
                        return Err("a machine goes on after a fault");
                    }
                    told.push(format!("{fault:?}"));
                    return Ok(told);
                }
            }
        }
    }
    Ok(told)
}
