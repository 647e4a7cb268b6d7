//! Files of users (XEP-0363): slots, and the requests over HTTP that use them, each on a connection of its own.

use std::net::TcpStream;

use smol::Async;
use smol::io::AsyncReadExt as _;
use smol::io::AsyncWriteExt as _;

use super::Outcome;
use super::client::Client;
use super::client::Ports;
use super::server::UPLOAD_HOST;
use super::unexpected;

/// Most files are small; every eighth is more than one piece of what boards send each other.
const SMALL_BYTES_MAX: u64 = 20_000;
const LARGE_BYTES: usize = 100_000;
const LARGE_EVERY: u64 = 8;

pub(crate) const OK: u16 = 200;
pub(crate) const CREATED: u16 = 201;
/// The slot was used.
pub(crate) const CONFLICT: u16 = 409;

/// Where a file goes, and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) put: String,
    pub(crate) get: String,
    /// Fields that the upload needs (section 5.2).
    pub(crate) fields: String,
}

/// Section 4.
pub(crate) async fn slot(client: &mut Client, name: &str, bytes: usize) -> Outcome<Slot> {
    let request = format!(
        "<iq type='get' id='slot' to='{UPLOAD_HOST}'><request xmlns='urn:xmpp:http:upload:0' \
         filename='{name}' size='{bytes}'/></iq>"
    );
    let answer = client.request("slot", &request).await?;
    let url = |way| answer.at(&["slot", way]).and_then(|one| one.attr("url"));
    let (Some(put), Some(get)) = (url("put"), url("get")) else {
        return unexpected(format!("{answer:?}"));
    };
    let headers = answer.at(&["slot", "put"]).map(|put| &put.children);
    let fields = headers.into_iter().flatten().map(|header| {
        let name = header.attr("name").unwrap_or_default();
        format!("{name}: {}\r\n", header.text)
    });
    Ok(Slot {
        put: put.to_owned(),
        get: get.to_owned(),
        fields: fields.collect(),
    })
}

/// The status of the answer.
pub(crate) async fn put(ports: Ports, slot: &Slot, body: &[u8]) -> Outcome<u16> {
    let fields = format!("Content-Length: {}\r\n{}", body.len(), slot.fields);
    let (status, _) = ask(ports, ("PUT", &slot.put), &fields, body).await?;
    Ok(status)
}

/// The status of the answer, and the file.
pub(crate) async fn get(ports: Ports, slot: &Slot) -> Outcome<(u16, Vec<u8>)> {
    ask(ports, ("GET", &slot.get), "", &[]).await
}

/// Whichever board the address names, this one is asked.
async fn ask(
    ports: Ports,
    (method, url): (&str, &str),
    fields: &str,
    body: &[u8],
) -> Outcome<(u16, Vec<u8>)> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut socket = Async::<TcpStream>::connect((ports.ip, ports.http)).await?;
    let head =
        format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
    socket.write_all(head.as_bytes()).await?;
    // Who does not want it may say so before it is there.
    drop(socket.write_all(body).await);
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
    };
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    match head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
    {
        Some(status) => Ok((status, body)),
        None => unexpected(format!("{method}: {head}")),
    }
}

/// A file that is told from every other one by its number.
pub(crate) fn content(number: u64) -> Vec<u8> {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bytes = if number.is_multiple_of(LARGE_EVERY) {
        LARGE_BYTES
    } else {
        usize::try_from((mixed >> 32) % SMALL_BYTES_MAX).unwrap_or(0)
    };
    let mut file = number.to_be_bytes().to_vec();
    while file.len() < bytes {
        mixed ^= mixed << 13;
        mixed ^= mixed >> 7;
        mixed ^= mixed << 17;
        file.push(mixed.to_be_bytes()[0]);
    }
    file
}
