"""Contacts: add, subscribe both ways, see each other come and go, rename, remove."""

from session import DOMAIN, PATIENCE_SECONDS, Session, check, equal, run, step

ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"


def presence(kind, sender):
    return lambda s: s.name == "presence" and s["type"] == kind and s["from"].bare == sender


async def entry(session, contact):
    """The server's own word on one contact, asked afresh."""
    iq = session.make_iq_get()
    iq.enable("roster")
    answer = await iq.send(timeout=PATIENCE_SECONDS)
    return answer["roster"]["items"].get(contact)


async def subscribe(asker, granter):
    asker.send_presence(pto=granter.boundjid.bare, ptype="subscribe")
    await granter.expect(presence("subscribe", asker.boundjid.bare), "the request")
    granter.send_presence(pto=asker.boundjid.bare, ptype="subscribed")
    await asker.expect(presence("subscribed", granter.boundjid.bare), "the consent")
    await asker.expect(presence("available", granter.boundjid.bare), "the contact's presence")


async def main():
    alice = await Session("alice").login()
    bob = await Session("bob").login()
    other_device = await Session("alice", resource="tablet").login()

    iq = alice.make_iq_set()
    iq["roster"]["items"] = {BOB: {"name": "Bob", "groups": ["friends", "work & play"]}}
    await other_device.until(lambda: iq.send(timeout=PATIENCE_SECONDS), "roster_update")
    found = await entry(other_device, BOB)
    equal((found["name"], sorted(found["groups"])), ("Bob", ["friends", "work & play"]), "the new contact")
    step("a contact is added and pushed to the other device")

    await subscribe(alice, bob)
    await subscribe(bob, alice)
    equal((await entry(alice, BOB))["subscription"], "both", "alice's subscription")
    equal((await entry(bob, ALICE))["subscription"], "both", "bob's subscription")
    step("both are subscribed to each other")

    bob.send_presence(pshow="away", pstatus="at lunch")
    heard = await alice.expect(lambda s: presence("away", BOB)(s), "bob away")
    equal(heard["status"], "at lunch", "status")
    await other_device.expect(presence("away", BOB), "bob away, on the tablet")
    step("a change of presence reaches every device")

    await bob.logout()
    await alice.expect(presence("unavailable", BOB), "bob's leave")
    bob = await Session("bob").login()
    await alice.expect(presence("available", BOB), "bob's return")
    await bob.expect(presence("available", ALICE), "alice's presence at login")
    step("leaving and coming back is seen")

    removal = alice.make_iq_set()
    removal["roster"]["items"] = {BOB: {"subscription": "remove"}}
    await removal.send(timeout=PATIENCE_SECONDS)
    await bob.expect(presence("unsubscribed", ALICE), "the end of bob's subscription")
    check(await entry(alice, BOB) is None, "the removed contact is still there")
    equal((await entry(bob, ALICE))["subscription"], "none", "bob's subscription after the removal")
    step("a removed contact is gone on both sides")

    tidy = bob.make_iq_set()
    tidy["roster"]["items"] = {ALICE: {"subscription": "remove"}}
    await tidy.send(timeout=PATIENCE_SECONDS)
    for session in (alice, other_device, bob):
        await session.logout()


run(main)
