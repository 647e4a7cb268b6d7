"""Stream management (XEP-0198): a cut socket loses nothing, repeats nothing, and the session goes on."""

from session import Session, check, equal, run, step


async def main():
    alice = await Session("alice", resource="desk", plugins=["xep_0198"]).login()
    bob = await Session("bob", resource="phone", plugins=["xep_0198"]).login()
    stream_management = bob.plugin["xep_0198"]
    check(stream_management.sm_id, "the server did not make the session resumable")
    address = bob.boundjid.full

    alice.send_message(mto=address, mbody="before the cut", mtype="chat")
    await bob.expect_body("before the cut")
    step("both sessions are resumable")

    await bob.until(bob.abort, "disconnected")
    for number in range(20):
        alice.send_message(mto=address, mbody=f"during the cut {number}", mtype="chat")
    await alice.round_trip()
    bob.send_message(mto=alice.boundjid.full, mbody="written without a connection", mtype="chat")
    step("bob's socket is cut while alice writes")

    await bob.until(bob.start_connecting, "session_resumed", but="session_start")
    equal(bob.boundjid.full, address, "address after the resumption")
    for number in range(20):
        heard = await bob.expect(lambda s: s["body"].startswith("during"), f"message {number} of the cut")
        equal(heard["body"], f"during the cut {number}", "order")
    await alice.expect_body("written without a connection")
    step("the stream is resumed and both sides have everything")

    alice.send_message(mto=address, mbody="after the cut", mtype="chat")
    await bob.expect_body("after the cut")
    await bob.expect_nothing_of(lambda s: "the cut" in str(s["body"]), "a message came twice")
    step("nothing came twice, and the conversation goes on")

    await bob.until(bob.abort, "disconnected")
    stream_management.sm_id = "not-an-id-of-this-server"
    await bob.until(bob.start_connecting, "session_start")
    step("an unknown id is refused and a new session starts in the same connection")
    await alice.logout()
    await bob.logout()


run(main)
