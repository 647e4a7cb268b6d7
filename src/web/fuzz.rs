//! What the fuzzer drives: frames of a WebSocket, and elements that are cut apart.

use crate::web::split::Splitter;
use crate::web::websocket::Incoming;
use crate::web::websocket::WebSocket;
use crate::xml::Element;

const MESSAGE_BYTES_MAX: usize = 256;

/// Reads the input whole and byte by byte; `Err` names the promise that was broken.
pub(crate) fn websocket(input: &[u8]) -> Result<(), &'static str> {
    let whole = frames(input, input.len().max(1))?;
    if whole != frames(input, 1)? {
        return Err("the same bytes mean something else when they come one by one");
    }
    Ok(())
}

fn frames(input: &[u8], piece_bytes: usize) -> Result<Vec<String>, &'static str> {
    let mut socket = WebSocket::new(MESSAGE_BYTES_MAX);
    let mut told = Vec::new();
    for mut piece in input.chunks(piece_bytes) {
        while !piece.is_empty() {
            match socket.next(&mut piece) {
                Ok(Some(incoming)) => {
                    check(&incoming)?;
                    told.push(format!("{incoming:?}"));
                }
                Ok(None) if piece.is_empty() => {}
                Ok(None) => return Err("bytes are left without a reason"),
                Err(code) => {
                    told.push(format!("{code:?}"));
                    return Ok(told);
                }
            }
        }
    }
    Ok(told)
}

fn check(incoming: &Incoming) -> Result<(), &'static str> {
    match incoming {
        Incoming::Message(text) if text.len() > MESSAGE_BYTES_MAX => Err("a message is too long"),
        Incoming::Message(text) => cut(text),
        Incoming::Ping(payload) if payload.len() > 125 => Err("a ping is too long"),
        _ => Ok(()),
    }
}

/// An element that was checked is cut off whole, and stands alone.
fn cut(text: &[u8]) -> Result<(), &'static str> {
    let Ok(element) = Element::parse(text) else {
        return Ok(());
    };
    let twice = [element.bytes(), element.bytes()].concat();
    let messages = Splitter::default().handle_text(&twice);
    let is_whole = |message: &Vec<u8>| Element::parse(message).is_ok();
    if messages.len() == 2 && messages.iter().all(is_whole) {
        return Ok(());
    }
    Err("an element is not cut off where it ends")
}
