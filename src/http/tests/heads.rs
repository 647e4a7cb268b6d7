//! Heads: what they mean, and which status a bad one gets.

use crate::base::web_limits::HTTP_HEAD_BYTES_MAX;
use crate::base::web_limits::HTTP_LINE_BYTES_MAX;
use crate::http::Event;
use crate::http::Fault;
use crate::http::Length;
use crate::http::Machine;
use crate::http::Method;
use crate::http::tests::read_anyhow;

fn status_of(head: &str) -> u16 {
    match read_anyhow(head.as_bytes()) {
        Ok(_) => 200,
        Err(fault) => fault.status().0,
    }
}

#[test]
fn a_head_is_read_with_its_fields() {
    let text = "\r\nPUT /a/b%20c?d HTTP/1.1\r\nhOST: Example.org:5280\r\nX:  y \r\nX: z\r\n\
                Connection: Upgrade, close\r\nContent-Length: 0\r\n\r\n";
    let (request, body) = read_anyhow(text.as_bytes()).unwrap();
    assert_eq!(request.method, Method::Put);
    assert_eq!(request.target.parts(), ["a", "b c"]);
    assert_eq!(request.host, "example.org");
    assert_eq!(request.authority, "Example.org:5280");
    assert_eq!(request.field("x"), Some("y"));
    assert!(request.has_token("connection", "upgrade") && !request.keeps_open);
    assert_eq!(request.length, Length::Sized(0));
    assert_eq!(body, Some(Vec::new()));
}

#[test]
fn an_absolute_target_names_the_host() {
    let text = "GET http://Other.example:1/x HTTP/1.1\r\nHost: example.org\r\n\r\n";
    let (request, _) = read_anyhow(text.as_bytes()).unwrap();
    assert_eq!(
        (request.host.as_str(), request.authority.as_str()),
        ("other.example", "Other.example:1")
    );
    assert!(request.keeps_open);
}

#[test]
fn a_client_of_before_is_served_and_let_go() {
    let (request, _) = read_anyhow(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    assert!(!request.keeps_open && request.host.is_empty());
}

#[test]
fn every_bad_head_has_its_status() {
    let host = "Host: a\r\n\r\n";
    for (status, head) in [
        (200, format!("GET / HTTP/1.1\r\n{host}")),
        (200, format!("OPTIONS * HTTP/1.1\r\n{host}")),
        (200, "GET / HTTP/1.1\r\nHost: [::1]:5280\r\n\r\n".to_owned()),
        (200, "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned()),
        // The line.
        (400, format!("GET /\r\n{host}")),
        (400, format!("GET  / HTTP/1.1\r\n{host}")),
        (400, format!("GET / HTTP/1.1 \r\n{host}")),
        (400, format!(" GET / HTTP/1.1\r\n{host}")),
        (400, format!("GET x HTTP/1.1\r\n{host}")),
        (400, format!("GET /../etc/passwd HTTP/1.1\r\n{host}")),
        (400, format!("GET /%2e%2e/etc/passwd HTTP/1.1\r\n{host}")),
        (400, format!("CONNECT a:443 HTTP/1.1\r\n{host}")),
        (501, format!("BREW / HTTP/1.1\r\n{host}")),
        (501, format!("get / HTTP/1.1\r\n{host}")),
        (505, format!("GET / HTTP/2.0\r\n{host}")),
        (
            400,
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".replace("PRI *", "PRI\t*"),
        ),
        // Lines of fields.
        (400, "GET / HTTP/1.1\nHost: a\n\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n".to_owned()),
        (400, format!("GET / HTTP/1.1\r\nX: y\r\n folded\r\n{host}")),
        (400, format!("GET / HTTP/1.1\r\n X: y\r\n{host}")),
        (400, format!("GET / HTTP/1.1\r\nX : y\r\n{host}")),
        (400, format!("GET / HTTP/1.1\r\nX: a\0b\r\n{host}")),
        (400, format!("GET / HTTP/1.1\r\nX: a\rb\r\n{host}")),
        (400, format!("GET / HTTP/1.1\r\nno colon\r\n{host}")),
        (400, format!("GET / HTTP/1.1\r\n: y\r\n{host}")),
        // The host.
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, format!("GET / HTTP/1.1\r\nHost: a\r\n{host}")),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n".to_owned()),
        (400, format!("GET http://a<b/ HTTP/1.1\r\n{host}")),
        // Expectations.
        (417, format!("PUT / HTTP/1.1\r\nExpect: tea\r\n{host}")),
        (
            200,
            format!("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\n{host}"),
        ),
    ] {
        assert_eq!(status_of(&head), status, "{head:?}");
    }
}

#[test]
fn nobody_can_tell_two_lengths_from_one_request() {
    for (status, fields) in [
        (400, "Content-Length: 3\r\nTransfer-Encoding: chunked"),
        (400, "Transfer-Encoding: chunked\r\nContent-Length: 3"),
        (400, "Content-Length: 3\r\nContent-Length: 4"),
        (400, "Content-Length: 3\r\nContent-Length: 3"),
        (400, "Content-Length: 3, 3"),
        (400, "Content-Length: +3"),
        (400, "Content-Length: -3"),
        (400, "Content-Length: 0x3"),
        (400, "Content-Length: 3 4"),
        (400, "Content-Length:"),
        (400, "Content-Length: 99999999999999999999"),
        (413, "Content-Length: 1001"),
        (
            400,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
        (501, "Transfer-Encoding: gzip, chunked"),
        (501, "Transfer-Encoding: chunked, identity"),
        (501, "Transfer-Encoding: identity"),
        (501, "Transfer-Encoding: xchunked"),
        (400, "Transfer-Encoding : chunked"),
        (400, "Transfer-Encoding\t: chunked"),
        (400, "Transfer-Encoding: \u{b}chunked"),
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        assert_eq!(status_of(&head), status, "{fields}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(status_of(old), 400);
}

#[test]
fn a_long_line_and_a_large_head_are_refused_before_they_end() {
    let mut machine = Machine::new();
    machine.handle_bytes(b"GET /");
    machine.handle_bytes(&vec![b'a'; HTTP_LINE_BYTES_MAX]);
    assert_eq!(machine.poll_event().unwrap_err().status().0, 414);

    let mut machine = Machine::new();
    machine.handle_bytes(b"GET / HTTP/1.1\r\nX: ");
    machine.handle_bytes(&vec![b'a'; HTTP_HEAD_BYTES_MAX]);
    assert_eq!(machine.poll_event().unwrap_err().status().0, 431);
    assert!(!machine.wants_input());

    let many = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned() + &"X: y\r\n".repeat(64) + "\r\n";
    assert_eq!(status_of(&many), 431);
}

#[test]
fn what_is_no_http_is_refused_at_its_first_byte() {
    for bytes in [&b"\x16\x03\x01"[..], b"<?xml", b"\0", b"\n"] {
        let mut machine = Machine::new();
        machine.handle_bytes(bytes);
        assert!(matches!(machine.poll_event(), Err(Fault::Syntax)));
    }
}

#[test]
fn requests_that_are_sent_ahead_are_read_one_by_one() {
    let mut machine = Machine::new();
    machine
        .handle_bytes(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET");
    for path in ["a", "b"] {
        let Ok(Some(Event::Request(request))) = machine.poll_event() else {
            panic!("no request");
        };
        assert_eq!(request.target.parts(), [path]);
        assert!(matches!(machine.poll_event(), Ok(Some(Event::End))));
        // Not before it is answered.
        assert!(matches!(machine.poll_event(), Ok(None)));
        machine.handle_answered();
    }
    assert!(matches!(machine.poll_event(), Ok(None)));
    assert!(machine.has_begun());
}
