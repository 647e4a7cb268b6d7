"""Two people talk both ways: bodies arrive unchanged, in order, and errors come back to who caused them."""

from session import DOMAIN, Session, equal, run, step

AWKWARD = "a <b> & \"c\" 'd' \u00e9\u4e16 \U0001f9a1 ]]> end"


async def main():
    alice = await Session("alice", resource="desk").login()
    bob = await Session("bob", resource="phone").login()

    alice.send_message(mto=bob.boundjid.full, mbody="hello bob", mtype="chat")
    heard = await bob.expect_body("hello bob")
    equal(heard["from"], alice.boundjid, "sender")
    step("a message to a full address arrives")

    bob.send_message(mto=f"alice@{DOMAIN}", mbody=AWKWARD, mtype="chat")
    heard = await alice.expect_body(AWKWARD)
    equal(heard["from"], bob.boundjid, "sender of the answer")
    step("a message to a bare address arrives, markup and all")

    for number in range(200):
        alice.send_message(mto=bob.boundjid.full, mbody=f"number {number}", mtype="chat")
    for number in range(200):
        heard = await bob.expect(lambda s: s["body"].startswith("number "), f"number {number}")
        equal(heard["body"], f"number {number}", "order")
    step("200 messages arrive in order")

    alice.send_message(mto=f"nobody-of-that-name@{DOMAIN}", mbody="anyone?", mtype="chat")
    refused = await alice.expect(lambda s: s["type"] == "error", "an error for an unknown recipient")
    equal(refused["error"]["condition"], "service-unavailable", "condition")
    step("a message to an unknown account comes back as an error")

    await alice.logout()
    await bob.logout()


run(main)
