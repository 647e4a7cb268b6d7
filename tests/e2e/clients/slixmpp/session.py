"""What the slixmpp scenarios share: which server, one logged-in client, and waiting for what it hears.

The server under test comes from the environment, so that a scenario can be run by hand:

    XMPP_HOST=127.0.0.1 XMPP_PORT=5222 XMPP_DOMAIN=localhost XMPP_ROOMS=rooms.localhost python chat.py

XMPP_CA, a PEM file, makes every session use STARTTLS and check the server's certificate against it; with it,
XMPP_TLS_PORT is where TLS starts with the first byte.
Accounts alice, bob and carol have their name as their password. Nothing here sleeps in order to wait.
"""

import asyncio
import logging
import os
import sys
import traceback

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

HOST = os.environ["XMPP_HOST"]
PORT = int(os.environ["XMPP_PORT"])
DOMAIN = os.environ["XMPP_DOMAIN"]
ROOMS = os.environ["XMPP_ROOMS"]
CA = os.environ.get("XMPP_CA")
TLS_PORT = int(os.environ["XMPP_TLS_PORT"]) if CA else None

# Seconds until an expected event counts as missing. Far above what a loaded machine needs.
PATIENCE_SECONDS = 10


class Failure(Exception):
    """An expectation that the server did not meet."""


class Session(slixmpp.ClientXMPP):
    """One device of one account, with an inbox of every message and presence that nobody expected yet."""

    def __init__(self, user, *, resource=None, password=None, mechanism=None, direct_tls=False, plugins=()):
        jid = f"{user}@{DOMAIN}" + (f"/{resource}" if resource else "")
        super().__init__(jid, password or user, sasl_mech=mechanism)
        self.port = TLS_PORT if direct_tls else PORT
        self.enable_direct_tls = direct_tls
        self.enable_starttls = CA is not None and not direct_tls
        self.enable_plaintext = CA is None
        self.ca_certs = CA
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.plugin["feature_mechanisms"].unencrypted_scram = True
        self.auto_authorize = None
        self.auto_subscribe = False
        self.whitespace_keepalive = False
        for plugin in plugins:
            self.register_plugin(plugin)
        self.inbox = []
        self.arrived = asyncio.Event()
        for kind in ("message", "presence"):
            path = MatchXPath(f"{{jabber:client}}{kind}")
            self.register_handler(Callback(f"inbox {kind}", path, self._keep))

    def _keep(self, stanza):
        self.inbox.append(stanza)
        self.arrived.set()

    async def login(self, *, presence=True):
        """Connects and binds; with `presence` also becomes available, as clients do."""
        await self.until(self.start_connecting, "session_start", but="failed_all_auth")
        if presence:
            await self.get_roster(timeout=PATIENCE_SECONDS)
            self.send_presence()
            await self.expect(
                lambda s: s.name == "presence" and s["from"] == self.boundjid, "own presence"
            )
        return self

    def start_connecting(self):
        self.connect(HOST, self.port)

    async def until(self, action, event, *, but=None):
        """Runs `action` and waits for the slixmpp event that follows from it; the event `but` is a failure."""
        happened = self.loop.create_future()

        def settle(name):
            return lambda value: happened.done() or happened.set_result((name, value))

        with self.event_handler(event, settle(event)), self.event_handler(but or event, settle(but or event)):
            action()
            try:
                name, value = await asyncio.wait_for(happened, PATIENCE_SECONDS)
            except asyncio.TimeoutError:
                raise Failure(f"{self.boundjid}: no {event} within {PATIENCE_SECONDS} s") from None
        if name == but:
            raise Failure(f"{self.boundjid}: {but} instead of {event}")
        return value

    async def until_cut(self, doing):
        """Does something and waits until this connection is gone; the answer may never come."""
        gone = self.loop.create_future()
        with self.event_handler("disconnected", lambda _: gone.done() or gone.set_result(None)):
            task = asyncio.ensure_future(doing)
            try:
                await asyncio.wait_for(gone, PATIENCE_SECONDS)
            except asyncio.TimeoutError:
                raise Failure(f"{self.boundjid}: not cut within {PATIENCE_SECONDS} s") from None
        return task

    async def expect(self, wanted, what):
        """Takes the first stanza that is `wanted` out of the inbox, waiting for it if need be."""
        deadline = self.loop.time() + PATIENCE_SECONDS
        while True:
            for stanza in self.inbox:
                if wanted(stanza):
                    self.inbox.remove(stanza)
                    return stanza
            self.arrived.clear()
            try:
                await asyncio.wait_for(self.arrived.wait(), deadline - self.loop.time())
            except asyncio.TimeoutError:
                heard = "\n  ".join(str(s) for s in self.inbox) or "nothing"
                raise Failure(f"{self.boundjid}: no {what}; inbox:\n  {heard}") from None

    async def expect_body(self, body):
        return await self.expect(lambda s: s.name == "message" and s["body"] == body, f"message {body!r}")

    async def expect_nothing_of(self, unwanted, what):
        """Proves an absence by order: what was sent before our ping would have arrived before its answer."""
        await self.round_trip()
        for stanza in self.inbox:
            if unwanted(stanza):
                raise Failure(f"{self.boundjid}: {what}: {stanza}")

    async def round_trip(self):
        iq = self.make_iq_get(queryxmlns="http://jabber.org/protocol/disco#info", ito=DOMAIN)
        await iq.send(timeout=PATIENCE_SECONDS)

    async def logout(self):
        await asyncio.wait_for(self.disconnect(), PATIENCE_SECONDS)


async def search(session, text, **bounds):
    """Bodies with these words (XEP-0431), in slixmpp's own loop over pages: it knows nothing of the field."""
    mam = session.plugin["xep_0313"]
    build = mam._pre_mam_retrieve

    def build_search(*arguments):
        iq, mask = build(*arguments)
        iq["mam"]._setup_form()
        iq["mam"]["form"].add_field(var="{urn:xmpp:fulltext:0}fulltext", value=text)
        return iq, mask

    mam._pre_mam_retrieve = build_search
    try:
        found = [m async for m in mam.iterate(rsm={"max": 7}, **bounds)]
    finally:
        mam._pre_mam_retrieve = build
    return [m["mam_result"]["forwarded"]["stanza"]["body"] for m in found]


def check(true, what):
    if not true:
        raise Failure(what)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def step(text):
    """Says what holds from here on; the last line before a failure tells how far the scenario came."""
    print(f"  {text}", flush=True)


def run(scenario):
    """Runs one scenario; the exit code is the verdict."""
    logging.basicConfig(level=os.environ.get("XMPP_LOG", "CRITICAL"), stream=sys.stderr)
    try:
        asyncio.run(scenario())
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")
    except Exception:
        traceback.print_exc()
        sys.exit("FAILED: the scenario broke off")
    print("passed")
