"""Accounts that came in files (XEP-0227): old passwords, contacts, private data, archive, waiting messages."""

from session import DOMAIN, PATIENCE_SECONDS, Session, check, equal, run, step

from slixmpp.xmlstream import ET


async def main():
    alice = await Session("alice", mechanism="SCRAM-SHA-256", plugins=["xep_0313", "xep_0054"]).login()
    bob = await Session("bob", mechanism="SCRAM-SHA-1").login()
    step("old passwords open: one that was written down, one that was keys for SHA-1 alone")

    iq = alice.make_iq_get()
    iq.enable("roster")
    items = (await iq.send(timeout=PATIENCE_SECONDS))["roster"]["items"]
    friend, asked = items[f"bob@{DOMAIN}"], items[f"carol@{DOMAIN}"]
    equal((friend["name"], friend["groups"], friend["subscription"]), ("Bob", ["Friends"], "both"), "bob")
    equal((asked["subscription"], asked["ask"]), ("none", "subscribe"), "carol")
    await alice.expect(lambda s: s.name == "presence" and s["from"] == bob.boundjid, "bob's presence")
    step("contacts are the same, and see each other")

    iq = alice.make_iq_get()
    query = ET.SubElement(iq.xml, "{jabber:iq:private}query")
    ET.SubElement(query, "{urn:example:notes}notes")
    answer = await iq.send(timeout=PATIENCE_SECONDS)
    equal(answer.xml.findtext(".//{urn:example:notes}notes"), "milk", "private data")
    card = await alice.plugin["xep_0054"].get_vcard(alice.boundjid.bare, timeout=PATIENCE_SECONDS)
    equal(card["vcard_temp"]["FN"], "Alice", "vCard")
    step("private data and vCard are the same")

    answer = await alice.plugin["xep_0313"].retrieve(rsm={"max": 50}, timeout=PATIENCE_SECONDS)
    entries = [message["mam_result"]["forwarded"] for message in answer["mam"]["results"]]
    equal([entry["stanza"]["body"] for entry in entries], [f"past {n}" for n in range(12)], "the archive")
    stamps = [entry["delay"]["stamp"].strftime("%Y-%m-%dT%H:%M") for entry in entries]
    equal(stamps, [f"2026-10-01T10:{n:02}" for n in range(12)], "times")
    check(len({message["mam_result"]["id"] for message in answer["mam"]["results"]}) == 12, "ids repeat")
    await alice.expect_nothing_of(lambda s: s.name == "message" and s["body"], "an old message was delivered")
    step("the archive is the same, and nothing of it counts as new")

    carol = await Session("carol", mechanism="SCRAM-SHA-256", plugins=["xep_0203"]).login()
    heard = await carol.expect_body("while you moved")
    equal(heard["delay"]["stamp"].strftime("%Y-%m-%d"), "2026-10-02", "time of the waiting message")
    await carol.expect(lambda s: s["type"] == "subscribe" and s["from"].bare == alice.boundjid.bare, "request")
    step("carol gets the message that waited, and the open request")

    for session in (alice, bob, carol):
        await session.logout()


run(main)
