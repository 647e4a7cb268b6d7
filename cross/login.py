#!/usr/bin/env python3
"""Logs in with SCRAM-SHA-256 and sends a message to itself: HOST PORT NAME PASSWORD DOMAIN."""

import base64
import hashlib
import hmac
import re
import secrets
import socket
import sys

SECONDS = 60
MESSAGE = b"carried across"


class Stream:
    """One XMPP stream, with just enough reading for the few answers that are expected."""

    def __init__(self, host, port, domain):
        self.socket = socket.create_connection((host, port), timeout=SECONDS)
        self.domain = domain
        self.received = b""

    def open(self):
        self.received = b""
        self.send(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "
            f"xmlns:stream='http://etherx.jabber.org/streams' to='{self.domain}'>"
        )
        return self.wait_for(rb"</stream:features>")

    def send(self, text):
        self.socket.sendall(text.encode())

    def wait_for(self, pattern):
        while not re.search(pattern, self.received, re.DOTALL):
            part = self.socket.recv(4096)
            if not part:
                sys.exit(f"login.py: closed while waiting for {pattern}: {self.received}")
            self.received += part
            if b"<failure" in self.received or b"<stream:error" in self.received:
                sys.exit(f"login.py: refused: {self.received.decode()}")
        answer, self.received = self.received, b""
        return answer


def scram(stream, name, password):
    """RFC 5802 and RFC 7677, without channel binding."""
    bare = f"n={name},r={secrets.token_urlsafe(18)}"
    first = base64.b64encode(f"n,,{bare}".encode()).decode()
    stream.send(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>"
        f"{first}</auth>"
    )
    answer = stream.wait_for(rb"<challenge.*</challenge>")
    challenge = base64.b64decode(re.search(rb">([^<]+)</challenge>", answer)[1])
    fields = dict(part.split("=", 1) for part in challenge.decode().split(","))

    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"])
    )
    without_proof = f"c=biws,r={fields['r']}"
    signed = f"{bare},{challenge.decode()},{without_proof}".encode()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(one ^ other for one, other in zip(client_key, signature))
    final = f"{without_proof},p={base64.b64encode(proof).decode()}"
    stream.send(
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
        f"{base64.b64encode(final.encode()).decode()}</response>"
    )
    answer = stream.wait_for(rb"<success.*</success>")
    verifier = base64.b64decode(re.search(rb">([^<]+)</success>", answer)[1])
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    wanted = base64.b64encode(hmac.digest(server_key, signed, "sha256"))
    if verifier != b"v=" + wanted:
        sys.exit("login.py: the server does not know the password")


def main():
    host, port, name, password, domain = sys.argv[1:]
    stream = Stream(host, int(port), domain)
    stream.open()
    scram(stream, name, password)
    stream.open()
    stream.send(
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
    )
    jid = re.search(rb"<jid>([^<]+)</jid>", stream.wait_for(rb"<jid>.*</iq>"))[1].decode()
    stream.send("<presence/>")
    stream.send(f"<message to='{jid}' type='chat'><body>{MESSAGE.decode()}</body></message>")
    stream.wait_for(rb"<body>" + MESSAGE + rb"</body>")
    stream.send("</stream:stream>")
    print(f"login.py: {jid} logged in and got its message")


if __name__ == "__main__":
    main()
