"""What is sent to somebody who is away arrives once, in order, with its time, on the return."""

from session import DOMAIN, Session, check, equal, run, step


async def main():
    alice = await Session("alice").login()
    for number in range(5):
        alice.send_message(mto=f"carol@{DOMAIN}", mbody=f"while away {number}", mtype="chat")
    await alice.round_trip()
    await alice.expect_nothing_of(lambda s: s["type"] == "error", "a message was refused")
    step("five messages are accepted for carol, who is away")

    carol = await Session("carol", plugins=["xep_0203"]).login()
    for number in range(5):
        heard = await carol.expect(lambda s: s["body"].startswith("while away"), f"message {number}")
        equal(heard["body"], f"while away {number}", "order")
        check(heard["delay"]["stamp"], "an old message without its time")
    step("carol gets all of them on her return")
    await carol.round_trip()
    await carol.logout()

    carol = await Session("carol").login()
    await carol.expect_nothing_of(lambda s: "while away" in s["body"], "a message came twice")
    step("they do not come again")
    await alice.logout()
    await carol.logout()


run(main)
