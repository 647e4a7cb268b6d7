//! Frames: what comes whole however it is cut, and which code ends a bad one (RFC 6455).

use crate::base::random::Rng;
use crate::http::Event;
use crate::http::Machine;
use crate::http::Request;
use crate::web::fuzz;
use crate::web::websocket::CloseCode;
use crate::web::websocket::Incoming;
use crate::web::websocket::WebSocket;
use crate::web::websocket::accept;
use crate::web::websocket::write_close;
use crate::web::websocket::write_message;

/// A client's frame with the mask 1, 2, 3, 4.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend([1, 2, 3, 4]);
    bytes.extend(
        payload
            .iter()
            .zip([1, 2, 3, 4].iter().cycle())
            .map(|(a, b)| a ^ b),
    );
    bytes
}

fn read(bytes: &[u8], piece_bytes: usize) -> (Vec<Incoming>, Option<CloseCode>) {
    let mut socket = WebSocket::new(100_000);
    let mut all = Vec::new();
    for mut piece in bytes.chunks(piece_bytes) {
        while !piece.is_empty() {
            match socket.next(&mut piece) {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => assert!(piece.is_empty()),
                Err(code) => return (all, Some(code)),
            }
        }
    }
    (all, None)
}

fn read_anyhow(bytes: &[u8]) -> (Vec<Incoming>, Option<CloseCode>) {
    let whole = read(bytes, bytes.len());
    assert_eq!(whole, read(bytes, 1));
    whole
}

#[test]
fn messages_come_whole_with_control_frames_between() {
    let long = vec![b'x'; 70_000];
    let bytes = [
        frame(0x81, b"<a/>"),
        frame(0x01, b"<b"),
        frame(0x89, b"hi"),
        frame(0x00, b"/"),
        frame(0x8a, b""),
        frame(0x80, b">"),
        frame(0x81, &long[..300]),
        frame(0x81, &long),
        frame(0x81, b""),
        frame(0x88, &[3, 232]),
        frame(0x81, b"<never/>"),
    ];
    let message = |bytes: &[u8]| Incoming::Message(bytes.to_vec());
    let wanted = vec![
        message(b"<a/>"),
        Incoming::Ping(b"hi".to_vec()),
        Incoming::Pong,
        message(b"<b/>"),
        message(&long[..300]),
        message(&long),
        message(b""),
        Incoming::Close,
    ];
    assert_eq!(read_anyhow(&bytes.concat()), (wanted, None));
}

#[test]
fn every_bad_frame_has_its_code() {
    let long = vec![b'x'; 60_000];
    let unmasked = |first: u8| vec![first, 0];
    let sized = |length: u8, bytes: &[u8]| [&[0x81, 0x80 | length], bytes].concat();
    for (code, bytes) in [
        (CloseCode::ProtocolError, unmasked(0x81)),
        (CloseCode::ProtocolError, frame(0xc1, b"")),
        (CloseCode::ProtocolError, frame(0x91, b"")),
        (CloseCode::ProtocolError, frame(0x83, b"")),
        (CloseCode::ProtocolError, frame(0x8b, b"")),
        (CloseCode::ProtocolError, frame(0x80, b"alone")),
        (
            CloseCode::ProtocolError,
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        ),
        (CloseCode::ProtocolError, frame(0x09, b"")),
        (CloseCode::ProtocolError, frame(0x89, &[0; 126])),
        (CloseCode::ProtocolError, frame(0x88, b"x")),
        (CloseCode::ProtocolError, frame(0x88, &[0, 1])),
        (CloseCode::ProtocolError, frame(0x88, &[3, 237])),
        (CloseCode::ProtocolError, frame(0x88, &[7, 208])),
        (CloseCode::Invalid, frame(0x88, &[3, 232, 0xff])),
        (CloseCode::ProtocolError, sized(126, &[0, 125])),
        (
            CloseCode::ProtocolError,
            sized(127, &[0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        ),
        (
            CloseCode::TooBig,
            sized(127, &[0, 0, 0, 0, 0, 1, 0x86, 0xa1]),
        ),
        (CloseCode::TooBig, sized(127, &[0xff; 8])),
        (
            CloseCode::TooBig,
            [frame(0x01, &long[..60_000]), frame(0x80, &long[..40_001])].concat(),
        ),
        (CloseCode::Unsupported, frame(0x82, b"")),
        (CloseCode::Invalid, frame(0x81, b"\xff")),
    ] {
        assert_eq!(
            read_anyhow(&bytes).1,
            Some(code),
            "{:02x?}",
            &bytes[..bytes.len().min(16)]
        );
    }
}

#[test]
fn what_is_written_has_the_shortest_length() {
    for (length, head) in [
        (125, vec![0x81, 125]),
        (126, vec![0x81, 126, 0, 126]),
        (65_535, vec![0x81, 126, 0xff, 0xff]),
        (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut out = Vec::new();
        write_message(&mut out, &vec![b'x'; length]);
        assert!(out.starts_with(&head) && out.len() == head.len() + length);
    }
    let mut out = Vec::new();
    write_close(&mut out, CloseCode::TooBig);
    assert_eq!(out, [0x88, 2, 3, 241]);
}

fn request(fields: &str) -> Box<Request> {
    let mut machine = Machine::new();
    let head = format!("GET /xmpp-websocket HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    machine.handle_bytes(head.as_bytes());
    match machine.poll_event() {
        Ok(Some(Event::Request(request))) => request,
        other => panic!("{other:?}"),
    }
}

/// The key and its answer are those of RFC 6455 section 1.3.
#[test]
fn a_handshake_is_accepted_or_told_what_it_lacks() {
    let whole = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, xmpp\r\n";
    let reply = accept(&request(whole));
    assert_eq!(reply.status.0, 101);
    let field = |name: &str| {
        reply
            .fields
            .iter()
            .find(|(field, _)| *field == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(
        field("Sec-WebSocket-Accept"),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(field("Sec-WebSocket-Protocol"), "xmpp");
    for (status, from, to) in [
        (426, "Upgrade: websocket\r\n", ""),
        (426, "keep-alive, Upgrade", "keep-alive"),
        (426, "Version: 13", "Version: 8"),
        (400, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
        (400, "dGhlIHNhbXBsZSBub25jZQ==", "!"),
        (400, "chat, xmpp", "chat"),
        (400, "Sec-WebSocket-Protocol: chat, xmpp\r\n", ""),
    ] {
        let reply = accept(&request(&whole.replace(from, to)));
        assert_eq!(reply.status.0, status, "{from} {to}");
    }
}

/// Programs of the fuzzer, from a fixed seed: frames put together, some of them broken.
#[test]
fn frames_mean_the_same_however_they_arrive() {
    let texts: [&[u8]; 6] = [
        b"<a/>",
        b"<a b='>'><![CDATA[</a>]]></a>",
        b"",
        b"\xff",
        b"<a x:y='z'/>",
        &[b'x'; 200],
    ];
    let mut rng = Rng::from_number(0x7765_6222);
    for round in 0..3_000 {
        let mut input = Vec::new();
        for _ in 0..rng.below(8) {
            let first = [0x81, 0x81, 0x01, 0x00, 0x80, 0x89, 0x88, 0x82]
                [usize::try_from(rng.below(8)).unwrap()];
            input.extend(frame(first, texts[usize::try_from(rng.below(6)).unwrap()]));
            if rng.one_in(10) {
                input.pop();
            }
        }
        assert_eq!(
            fuzz::websocket(&input),
            Ok(()),
            "round {round}: {input:02x?}"
        );
    }
}
