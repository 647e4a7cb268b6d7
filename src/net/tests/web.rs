//! The web door over sockets: requests, files of a folder, and what is refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use futures_lite::AsyncRead;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWrite;
use futures_lite::AsyncWriteExt as _;
use tempfile::TempDir;

use crate::net::tests::drive::encrypt;
use crate::net::tests::drive::say;
use crate::net::tests::drive::settings;
use crate::net::tests::drive::wait_for;
use crate::net::tests::drive::with_server;
use crate::net::tls::TlsStart;
use crate::net::wires::WireSettings;
use crate::web;

/// A folder with a page, a hidden file and ways out.
fn folder() -> (TempDir, WireSettings) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("sub dir")).unwrap();
    fs::write(root.join("index.html"), "<p>hello</p>").unwrap();
    fs::write(root.join("sub dir/a.js"), "0123456789").unwrap();
    fs::write(root.join(".secret"), "secret").unwrap();
    fs::write(folder.path().join("outside.txt"), "secret").unwrap();
    symlink("../outside.txt", root.join("out.txt")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("index.html", root.join("in.html")).unwrap();
    let web = web::Settings {
        domain: "example.org".to_owned(),
        url: Some("https://example.org".to_owned()),
        root: Some(root),
    };
    let settings = WireSettings {
        web: Arc::new(web),
        ..settings()
    };
    (folder, settings)
}

/// Asks, and reads the head and as much as it announces.
async fn ask(socket: &mut (impl AsyncRead + AsyncWrite + Unpin), head: &str) -> String {
    say(socket, &format!("{head}\r\n\r\n")).await;
    let mut text = wait_for(socket, "\r\n\r\n").await;
    let length = text.split("Content-Length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    let (fields, body) = text.split_once("\r\n\r\n").unwrap();
    if !head.starts_with("HEAD") && !fields.contains(" 304 ") {
        let mut rest = vec![0; length - body.len()];
        socket.read_exact(&mut rest).await.unwrap();
        text.push_str(&String::from_utf8(rest).unwrap());
    }
    text
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: example.org")
}

#[test]
fn one_connection_serves_many_requests() {
    let (_folder, settings) = folder();
    with_server(settings, TlsStart::Never, async |server| {
        let mut socket = server.connect().await;
        let page = ask(&mut socket, &get("/")).await;
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("<p>hello</p>"),
            "{page}"
        );
        assert!(page.contains("Content-Type: text/html") && page.contains("nosniff"));
        let script = ask(&mut socket, &get("/sub%20dir/a.js")).await;
        assert!(script.ends_with("\r\n\r\n0123456789"));
        let head = ask(&mut socket, &get("/").replace("GET", "HEAD")).await;
        assert!(head.contains("Content-Length: 12\r\n") && head.ends_with("\r\n\r\n"));
        let meta = ask(&mut socket, &get("/.well-known/host-meta")).await;
        assert!(
            meta.contains("wss://example.org/xmpp-websocket")
                && meta.contains("Access-Control-Allow-Origin: *")
        );
        let last = ask(&mut socket, &(get("/in.html") + "\r\nConnection: close")).await;
        assert!(last.contains("Connection: close") && last.ends_with("<p>hello</p>"));
        assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let (_folder, settings) = folder();
    with_server(settings, TlsStart::Never, async |server| {
        let mut socket = server.connect().await;
        let first = ask(&mut socket, &get("/")).await;
        let field = |name: &str| {
            let value = first.split(&format!("{name}: ")).nth(1).unwrap();
            value.split("\r\n").next().unwrap().to_owned()
        };
        for same in [
            format!("If-None-Match: \"x\", W/{}", field("ETag")),
            format!("If-Modified-Since: {}", field("Last-Modified")),
        ] {
            let again = ask(&mut socket, &format!("{}\r\n{same}", get("/"))).await;
            assert!(again.starts_with("HTTP/1.1 304 "), "{again}");
        }
        let path = get("/sub%20dir/a.js");
        let part = ask(&mut socket, &format!("{path}\r\nRange: bytes=2-4")).await;
        assert!(
            part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\n234"),
            "{part}"
        );
        assert!(part.contains("Content-Range: bytes 2-4/10\r\n"));
        let beyond = ask(&mut socket, &format!("{path}\r\nRange: bytes=10-")).await;
        assert!(beyond.starts_with("HTTP/1.1 416 ") && beyond.contains("bytes */10"));
        let stale = format!("{path}\r\nRange: bytes=2-4\r\nIf-Range: \"old\"");
        assert!(ask(&mut socket, &stale).await.ends_with("0123456789"));
    });
}

#[test]
fn nothing_outside_of_the_folder_and_nothing_hidden_is_served() {
    let (_folder, settings) = folder();
    with_server(settings, TlsStart::Never, async |server| {
        let mut socket = server.connect().await;
        for (path, status) in [
            ("/.secret", "404"),
            ("/out.txt", "404"),
            ("/up/outside.txt", "404"),
            ("/up/root/index.html", "200"),
            ("/missing", "404"),
            ("/index.html/", "404"),
            ("/sub%20dir", "308"),
            ("/sub%20dir/", "404"),
        ] {
            let answer = ask(&mut socket, &get(path)).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{path} {answer}"
            );
            assert!(!answer.contains("secret"), "{path}");
        }
        let moved = ask(&mut socket, &get("/sub%20dir")).await;
        assert!(moved.contains("Location: ./sub%20dir/\r\n"), "{moved}");
        let post = get("/").replace("GET", "POST") + "\r\nContent-Length: 0";
        let post = ask(&mut socket, &post).await;
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("Allow: GET, HEAD, OPTIONS"));
        let other = ask(&mut socket, "GET / HTTP/1.1\r\nHost: evil.test").await;
        assert!(other.starts_with("HTTP/1.1 421 "), "{other}");
    });
}

#[test]
fn a_request_that_is_none_is_answered_and_ends_the_connection() {
    let (_folder, settings) = folder();
    with_server(settings, TlsStart::Never, async |server| {
        for (head, status) in [
            ("GET / HTTP/1.1", "400"),
            (
                "GET /%2e%2e/outside.txt HTTP/1.1\r\nHost: example.org",
                "400",
            ),
            ("GET / HTTP/3.0\r\nHost: example.org", "505"),
        ] {
            let mut socket = server.connect().await;
            let answer = ask(&mut socket, head).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            assert!(answer.contains("Connection: close"));
            assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
        }
    });
}

/// A body that nobody reads is not taken for a request.
#[test]
fn a_body_that_nobody_wants_is_passed_over_or_ends_the_connection() {
    let (_folder, settings) = folder();
    with_server(settings, TlsStart::Never, async |server| {
        let mut socket = server.connect().await;
        let small = get("/") + "\r\nContent-Length: 19\r\n\r\nGET /x HTTP/1.1";
        assert!(
            !ask(&mut socket, small.trim_end())
                .await
                .contains("Connection: close")
        );
        assert!(ask(&mut socket, &get("/")).await.ends_with("<p>hello</p>"));
        let large = get("/") + "\r\nContent-Length: 100000";
        assert!(ask(&mut socket, &large).await.contains("Connection: close"));

        let mut socket = server.connect().await;
        let awaited = get("/") + "\r\nContent-Length: 5\r\nExpect: 100-continue";
        let answer = ask(&mut socket, &awaited).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Connection: close"));
    });
}

#[test]
fn files_are_served_over_tls() {
    let (_folder, mut settings) = folder();
    settings.stall = std::time::Duration::from_secs(5);
    with_server(settings, TlsStart::Https, async |server| {
        let mut socket = encrypt(server.connect().await).await;
        assert!(ask(&mut socket, &get("/")).await.ends_with("<p>hello</p>"));
    });
}

#[test]
fn a_place_is_given_back_at_the_end() {
    let (_folder, settings) = folder();
    with_server(settings, TlsStart::Never, async |server| {
        for _ in 0..30 {
            let mut socket = server.connect().await;
            ask(&mut socket, &(get("/") + "\r\nConnection: close")).await;
            assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
        }
    });
}

/// A client's text frame, with a mask of zeros; short.
fn message(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

async fn upgraded(socket: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    say(
        socket,
        "GET /xmpp-websocket HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await;
    let head = wait_for(socket, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    head
}

/// Reads, whatever the heads of the frames are, until the text has come.
async fn hear(socket: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut received = Vec::new();
    let mut part = [0; 1024];
    while !String::from_utf8_lossy(&received).contains(text) {
        let bytes = socket.read(&mut part).await.unwrap();
        assert_ne!(bytes, 0, "{}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&part[..bytes]);
    }
    String::from_utf8_lossy(&received).into_owned()
}

const OPEN: &str =
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>";

#[test]
fn a_stream_begins_and_ends_in_a_websocket() {
    with_server(settings(), TlsStart::Https, async |server| {
        let mut socket = encrypt(server.connect().await).await;
        upgraded(&mut socket).await;
        socket.write_all(&message(OPEN)).await.unwrap();
        let begun = hear(&mut socket, "</stream:features>").await;
        assert!(
            begun.contains("<open ") && !begun.contains("starttls"),
            "{begun}"
        );
        // Over TLS 1.3 a login can be bound to the connection.
        assert!(
            begun.contains("SCRAM-SHA-256-PLUS") && begun.contains("tls-exporter"),
            "{begun}"
        );
        socket
            .write_all(&[0x89, 0x82, 0, 0, 0, 0, b'h', b'i'])
            .await
            .unwrap();
        hear(&mut socket, "hi").await;
        socket
            .write_all(&message(
                "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
            ))
            .await
            .unwrap();
        let ended = hear(&mut socket, "\u{3}").await;
        assert!(ended.contains("<close "), "{ended}");
        assert_eq!(*server.hub.closed.borrow(), [true]);
    });
}

/// The end of a WebSocket is not the end of a stream: the session may be resumed.
#[test]
fn a_websocket_that_is_closed_leaves_its_stream_open() {
    with_server(settings(), TlsStart::Never, async |server| {
        let mut socket = server.connect().await;
        upgraded(&mut socket).await;
        socket.write_all(&message(OPEN)).await.unwrap();
        hear(&mut socket, "</stream:features>").await;
        socket
            .write_all(&[0x88, 0x82, 0, 0, 0, 0, 3, 232])
            .await
            .unwrap();
        let mut close = [0; 4];
        socket.read_exact(&mut close).await.unwrap();
        assert_eq!(close, [0x88, 2, 3, 232]);
        assert_eq!(socket.read(&mut close).await.unwrap(), 0);
        assert_eq!(*server.hub.closed.borrow(), [false]);
    });
}

#[test]
fn a_stream_begins_and_ends_through_bosh() {
    with_server(settings(), TlsStart::Never, async |server| {
        let mut socket = server.connect().await;
        let mut post = async |attributes: &str| {
            let body = format!("<body xmlns='http://jabber.org/protocol/httpbind' {attributes}/>");
            let head = format!(
                "POST /http-bind HTTP/1.1\r\nHost: example.org\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            ask(&mut socket, head.trim_end()).await
        };
        let first = post("rid='1' to='example.org' wait='5' hold='1'").await;
        assert!(
            first.contains("<stream:features ") && first.contains("Allow-Origin: *"),
            "{first}"
        );
        let sid = first.split("sid='").nth(1).unwrap();
        let sid = sid.split('\'').next().unwrap();
        let stranger = post("rid='2' sid='guessed'").await;
        assert!(stranger.contains("item-not-found"), "{stranger}");
        let last = post(&format!("rid='2' sid='{sid}' type='terminate'")).await;
        assert!(last.contains("type='terminate'"), "{last}");
        let gone = post(&format!("rid='3' sid='{sid}'")).await;
        assert!(gone.contains("item-not-found"), "{gone}");
        while server.hub.closed.borrow().is_empty() {
            futures_lite::future::yield_now().await;
        }
        assert_eq!(*server.hub.closed.borrow(), [true]);
    });
}
