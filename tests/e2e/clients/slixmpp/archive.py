"""The archive (XEP-0313): pages forwards and backwards, by contact, time and words, without gap or repeat."""

import uuid
from datetime import timedelta
from typing import NamedTuple

from session import DOMAIN, PATIENCE_SECONDS, Session, check, equal, run, search, step

PAGE_MAX = 7


class Entry(NamedTuple):
    id: str
    time: object
    body: str


def entry(message):
    result = message["mam_result"]
    forwarded = result["forwarded"]
    return Entry(result["id"], forwarded["delay"]["stamp"], forwarded["stanza"]["body"])


async def page(session, contact, *, start=None, **rsm):
    """One page, oldest first, and whether the server says that it is the last."""
    answer = await session.plugin["xep_0313"].retrieve(
        with_jid=contact, start=start, rsm={"max": PAGE_MAX, **rsm}, timeout=PATIENCE_SECONDS
    )
    return [entry(m) for m in answer["mam"]["results"]], answer["mam_fin"].xml.get("complete") == "true"


async def read_forwards(session, contact, start=None):
    entries, position, complete = [], {}, False
    while not complete:
        found, complete = await page(session, contact, start=start, **position)
        check(len(found) <= PAGE_MAX, f"a page of {len(found)} where {PAGE_MAX} were asked for")
        check(found or complete, "an empty page that is not the last")
        entries += found
        position = {"after": entries[-1].id} if entries else {}
    return entries


async def read_backwards(session, contact, *, total=None):
    """The same with slixmpp's own loop over pages; oldest first as well."""
    mam = session.plugin["xep_0313"]
    newest_first = mam.iterate(with_jid=contact, reverse=True, rsm={"max": PAGE_MAX}, total=total)
    entries = [entry(message) async for message in newest_first]
    return entries[::-1]


async def converse(alice, bob, mark):
    """25 messages in turn, bob's the last; the bodies, and the archive id that alice got with the last one."""
    bodies = []
    for number in range(25):
        speaker, listener = (alice, bob) if number % 2 else (bob, alice)
        bodies.append(f"{mark} {number}")
        speaker.send_message(mto=listener.boundjid.bare, mbody=bodies[-1], mtype="chat")
        heard = await listener.expect_body(bodies[-1])
    check(heard["stanza_id"]["id"], "a delivered message without its archive id")
    return bodies, heard["stanza_id"]["id"]


async def main():
    plugins = ["xep_0313", "xep_0203", "xep_0359"]
    alice = await Session("alice", plugins=plugins).login()
    bob = await Session("bob", plugins=plugins).login()
    carol = await Session("carol", plugins=plugins).login()
    mark = uuid.uuid4().hex[:8]

    wanted, last_id = await converse(alice, bob, mark)
    carol.send_message(mto=f"alice@{DOMAIN}", mbody=f"{mark} aside", mtype="chat")
    await alice.expect_body(f"{mark} aside")
    for session, contact in ((bob, f"alice@{DOMAIN}"), (alice, f"bob@{DOMAIN}")):
        forwards = await read_forwards(session, contact)
        equal([e.body for e in forwards if mark in e.body], wanted, "bodies read forwards")
        equal(await read_backwards(session, contact), forwards, "the same read backwards")
    step("both sides read the conversation in pages, forwards and backwards")

    newest = await read_backwards(alice, contact, total=1)
    equal((newest[0].id, newest[0].body), (last_id, wanted[-1]), "the newest message")
    step("the id in a delivered message is the one in the archive")

    middle = forwards[-10].time
    since = [e for e in forwards if e.time >= middle]
    equal(await read_forwards(alice, contact, start=middle), since, "messages since a time")
    tomorrow = forwards[-1].time + timedelta(days=1)
    equal(await read_forwards(alice, contact, start=tomorrow), [], "messages of tomorrow")
    aside = await read_backwards(alice, f"carol@{DOMAIN}", total=1)
    equal([e.body for e in aside], [f"{mark} aside"], "another contact's newest message")
    step("contact and time narrow the search")

    said = [*wanted, f"{mark} aside"]
    equal(await search(alice, f"1 {mark}"), [body for body in said if "1" in body], "messages with two words")
    backwards = await search(alice, mark.upper(), reverse=True)
    equal(backwards[::-1], said, "messages with a word, backwards")
    equal(await search(alice, f"ASIDE {mark}", with_jid=f"carol@{DOMAIN}"), [f"{mark} aside"], "words from a contact")
    equal(await search(alice, f"{mark} nowhere"), [], "words that nobody said")
    step("words are searched for, in pages")

    for session in (alice, bob, carol):
        await session.logout()


run(main)
