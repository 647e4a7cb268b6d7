"""Files over HTTP (XEP-0363): what is taken and given back, and what is refused, whoever asks."""

import os
import socket
import ssl
import urllib.parse
from pathlib import Path

from session import CA, DOMAIN, PATIENCE_SECONDS, Failure, Session, check, equal, run, step
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET

UPLOAD = f"upload.{DOMAIN}"
NAMESPACE = "urn:xmpp:http:upload:0"

# A folder on a disk that is small, where the server keeps what it has.
SMALL_DISK = os.environ.get("XMPP_SMALL_DISK")

# A body may take 20 s before its rate counts.
SLOW_SECONDS = 40


class Connection:
    """HTTP as it goes over the wire, so that it can be wrong."""

    def __init__(self, url, patience=PATIENCE_SECONDS):
        self.url = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((self.url.hostname, self.url.port), timeout=patience)
        if self.url.scheme == "https":
            context = ssl.create_default_context(cafile=CA)
            self.socket = context.wrap_socket(self.socket, server_hostname=self.url.hostname)

    def ask(self, method, *, target=None, host=None, body=None, rest=b"", **fields):
        """The status, the fields and the body of the answer. `rest`: what follows without being announced."""
        if body is not None:
            fields = {"content_length": len(body)} | fields
        self.begin(method, target, host, fields)
        self.socket.sendall((body or b"") + rest)
        return self.end()

    def begin(self, method, target=None, host=None, fields=None):
        target = target or self.url._replace(scheme="", netloc="").geturl()
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.url.netloc}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in (fields or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def end(self):
        answer = b""
        try:
            while piece := self.socket.recv(65536):
                answer += piece
        except (ConnectionError, ssl.SSLError):
            # It was told before it was cut.
            check(answer, "no answer")
        head, _, rest = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return int(status.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, rest


def http(method, url, **options):
    return Connection(url).ask(method, **options)


async def slot(client, name, size, kind=None):
    request = ET.Element(f"{{{NAMESPACE}}}request", {"filename": name, "size": str(size)})
    if kind:
        request.set("content-type", kind)
    iq = client.make_iq_get(ito=UPLOAD)
    iq.append(request)
    answer = (await iq.send(timeout=PATIENCE_SECONDS)).xml.find(f"{{{NAMESPACE}}}slot")
    put, get = (answer.find(f"{{{NAMESPACE}}}{way}").get("url") for way in ("put", "get"))
    for url in (put, get):
        equal(urllib.parse.urlsplit(url).scheme, "https" if CA else "http", "scheme of a slot")
    return put, get


def status(*arguments, **options):
    return http(*arguments, **options)[0]


async def goes_there_and_back(client):
    body = os.urandom(300_000)
    put, get = await slot(client, "holiday.jpg", len(body), "image/jpeg")
    equal(status("GET", get), 404, "a file that has not come")
    equal(status("PUT", put, body=body, content_type="image/jpeg"), 201, "an upload")
    found, fields, back = http("GET", get)
    equal((found, back, fields["content-type"]), (200, body, "image/jpeg"), "the file")
    check("inline" in fields["content-disposition"], "a picture is not shown")
    found, fields, back = http("HEAD", get)
    equal((found, back, fields["content-length"]), (200, b"", "300000"), "HEAD")
    step("a file goes there and back")
    return body, put, get


def gives_parts(body, get):
    for wanted, part in (("0-0", body[:1]), ("299990-", body[-10:]), ("-5", body[-5:]), ("10-9999999", body[10:])):
        found, fields, back = http("GET", get, range=f"bytes={wanted}")
        equal((found, back == part), (206, True), f"range {wanted}")
        check(fields["content-range"].endswith("/300000"), "the whole length")
    found, fields, _ = http("GET", get, range="bytes=300000-")
    equal((found, fields["content-range"]), (416, "bytes */300000"), "a range behind the end")
    # RFC 9110 section 14.2: what is no range is as if it were not there.
    equal(status("GET", get, range="lines=1-2"), 200, "a range of something else")
    step("parts are given, and what is none is refused")


async def refuses_what_was_not_agreed(client, body, put, get):
    equal(status("PUT", put, body=body, content_type="image/jpeg"), 409, "a second upload")
    equal(http("GET", get)[2], body, "the file after a second upload")
    for what, wanted, options in (
        ("too long", 413, {"body": b"123456"}),
        ("too short", 400, {"body": b"1234"}),
        ("of another type", 415, {"body": b"12345", "content_type": "image/png"}),
        ("of unknown length", 411, {"rest": b"5\r\n12345\r\n0\r\n\r\n", "transfer_encoding": "chunked"}),
        ("without a length", 411, {}),
    ):
        other, got = await slot(client, "a.txt", 5, "text/plain")
        equal(status("PUT", other, **{"content_type": "text/plain"} | options), wanted, what)
        equal(status("GET", got), 404, f"what was {what}")
        equal(status("PUT", other, body=b"12345", content_type="text/plain"), 201, f"again, after {what}")
    step("what was not agreed is refused, and the slot stays good")


async def refuses_what_is_made_up(client, get):
    fresh, _ = await slot(client, "b.txt", 5)
    head, _, query = fresh.partition("?")
    changed = query[:-1] + ("A" if query[-1] != "A" else "B")
    for what, url in (("without its word", head), ("with another word", f"{head}?{changed}")):
        equal(status("PUT", url, body=b"12345"), 403, f"a slot {what}")
    equal(status("PUT", fresh.replace("b.txt", "c.txt"), body=b"12345"), 403, "a slot under another name")
    equal(status("GET", get.replace("holiday", "holidax")), 404, "a file under another name")
    equal(status("DELETE", get), 405, "DELETE")
    folder = urllib.parse.urlsplit(get).path.split("/")[1]
    for way in ("../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "a/../../meerkat.toml"):
        for method in ("GET", "PUT"):
            found, _, back = http(method, get, target=f"/{folder}/{way}", body=None if method == "GET" else b"x")
            check(found in (400, 403, 404, 405), f"{method} {way}: {found}")
            check(b"root:" not in back, f"{way} leads out")
    step("what is made up leads nowhere")


def knows_its_name(body, get):
    """Where `http.url` gives the server a name, it goes by no other (RFC 9110 section 15.5.20)."""
    found, _, back = http("GET", get, host="elsewhere.example")
    equal((found, back == body), (421, False) if CA else (200, True), "another Host")
    equal(status("GET", get, host="a b"), 400, "a Host that is none")
    step("it knows its name, if it has one")


async def does_not_offer_too_much(client):
    try:
        await slot(client, "d.iso", 1 << 50)
    except IqError as error:
        equal(error.condition, "not-acceptable", "a slot for a huge file")
        check(error.iq.xml.find(f".//{{{NAMESPACE}}}max-file-size") is not None, "the largest size is not told")
    else:
        raise Failure("there is a slot for a huge file")
    step("there is no slot for what is too large")


async def does_not_wait_for_ever(client):
    put, get = await slot(client, "e.txt", 5)
    found = Connection(put, SLOW_SECONDS).ask("PUT", body=b"12", content_length=5)[0]
    equal(found, 408, "a body that does not come")
    equal(status("GET", get), 404, "what has come in part")
    step("who sends nothing more is let go")


def fill(ballast, part):
    disk = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, int(disk.f_bavail * disk.f_frsize * part))


async def keeps_room_on_the_disk(client):
    folder = Path(SMALL_DISK)
    body = os.urandom(1_000_000)
    put, get = await slot(client, "f.bin", len(body))
    ballast = folder / "ballast"
    fill(ballast, 0.5)
    equal(status("PUT", put, body=body), 507, "an upload to a full disk")
    ballast.unlink()
    step("a disk that is full takes no files")

    connection = Connection(put)
    connection.begin("PUT", fields={"content_length": len(body), "expect": "100-continue"})
    check(connection.socket.recv(1024).startswith(b"HTTP/1.1 100"), "the body is not asked for")
    fill(ballast, 1)
    connection.socket.sendall(body)
    equal(connection.end()[0], 507, "an upload while the disk fills")
    equal(status("GET", get), 404, "what found no room")
    ballast.unlink()
    equal([one.name for one in folder.rglob("*") if one.is_file()], [], "what is left of it")
    equal(status("PUT", put, body=body), 201, "the same, when there is room")
    equal(http("GET", get)[2], body, "what came when there was room")
    step("a disk that fills on the way takes nothing, and everything when there is room")


async def main():
    alice = await Session("alice").login()
    if SMALL_DISK:
        await keeps_room_on_the_disk(alice)
        return
    body, put, get = await goes_there_and_back(alice)
    gives_parts(body, get)
    await refuses_what_was_not_agreed(alice, body, put, get)
    await refuses_what_is_made_up(alice, get)
    knows_its_name(body, get)
    await does_not_offer_too_much(alice)
    await does_not_wait_for_ever(alice)
    await alice.logout()


run(main)
