//! Bodies: how they end, and what a bad one gets.

use crate::base::random::Rng;
use crate::base::web_limits::HTTP_CHUNK_LINE_BYTES_MAX;
use crate::base::web_limits::HTTP_TRAILER_BYTES_MAX;
use crate::http::Fault;
use crate::http::fuzz;
use crate::http::tests::read_anyhow;

fn chunked(body: &str) -> Result<Option<Vec<u8>>, Fault> {
    let text = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    read_anyhow(text.as_bytes()).map(|(_, body)| body)
}

#[test]
fn a_body_ends_where_its_length_says() {
    let text = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /";
    assert_eq!(read_anyhow(text).unwrap().1.unwrap(), b"hello");
    let text = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell";
    assert_eq!(read_anyhow(text).unwrap().1, None);
}

#[test]
fn chunks_are_put_together() {
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "2\r\nhe\r\n003;x=\"y\"\r\nllo\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\nZ: w\r\n\r\n",
    ] {
        assert_eq!(chunked(body).unwrap().unwrap(), b"hello", "{body:?}");
    }
    assert_eq!(chunked("5\r\nhello\r\n0\r\n").unwrap(), None);
}

#[test]
fn a_chunk_that_is_none_is_refused() {
    let long = "5;".to_owned() + &"x".repeat(HTTP_CHUNK_LINE_BYTES_MAX + 1);
    let trailers = "0\r\nX: ".to_owned() + &"y".repeat(HTTP_TRAILER_BYTES_MAX);
    for body in [
        "\r\nhello\r\n0\r\n\r\n",
        "x\r\nhello",
        "-5\r\nhello",
        "0x5\r\nhello",
        "5 \r\nhello",
        " 5\r\nhello",
        "5\nhello",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5;\0\r\nhello",
        "5;a\nb\r\nhello",
        "0\r\nX: y\n\r\n",
        "fffffffffffffffff\r\n",
        long.as_str(),
        trailers.as_str(),
    ] {
        assert_eq!(chunked(body), Err(Fault::Chunk), "{body:?}");
    }
}

#[test]
fn a_body_that_grows_too_large_is_refused() {
    let body = "200\r\n".to_owned() + &"x".repeat(0x200) + "\r\n";
    let body = body.repeat(2);
    assert_eq!(chunked(&body), Err(Fault::Body { bytes_max: 1_000 }));
}

/// Programs of the fuzzer, from a fixed seed: requests put together from pieces, some of them broken.
#[test]
fn requests_mean_the_same_however_they_arrive() {
    const PIECES: [&str; 20] = [
        "GET / HTTP/1.1\r\n",
        "POST /a HTTP/1.1\r\n",
        "POST /%2e%2e/a HTTP/1.0\r\n",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 70\r\n",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "hello",
        "5\r\n",
        "0\r\n\r\n",
        "3;x\r\nabc\r\n",
        "Connection: close\r\n",
        "\n",
        "\r",
        "Expect: 100-continue\r\n",
        " folded\r\n",
        "X: y\r\n",
        "GET http://b/../c HTTP/1.1\r\n",
        "\0",
    ];
    let mut rng = Rng::from_number(0x7765_6221);
    for round in 0..3_000 {
        let mut input = Vec::new();
        for _ in 0..rng.below(12) {
            let piece = PIECES[usize::try_from(rng.below(20)).unwrap()];
            input.extend_from_slice(piece.as_bytes());
        }
        assert_eq!(
            fuzz::requests(&input),
            Ok(()),
            "round {round}: {:?}",
            input.escape_ascii().to_string()
        );
    }
}
