"""Carbons (XEP-0280): every device of an account sees both directions of a conversation, once."""

from session import DOMAIN, PATIENCE_SECONDS, Session, equal, run, step


def carbon(direction, body):
    def matches(stanza):
        wrapped = stanza.name == "message" and stanza.get_plugin(f"carbon_{direction}", check=True)
        return bool(wrapped) and stanza[f"carbon_{direction}"]["body"] == body

    return matches


def copies(session, body):
    return [s for s in session.inbox if s.name == "message" and body in str(s)]


async def main():
    plugins = ["xep_0280"]
    desk = await Session("alice", resource="desk", plugins=plugins).login()
    phone = await Session("alice", resource="phone", plugins=plugins).login()
    plain = await Session("alice", resource="plain", plugins=plugins).login()
    bob = await Session("bob", plugins=plugins).login()
    for device in (desk, phone):
        await device.plugin["xep_0280"].enable(timeout=PATIENCE_SECONDS)

    desk.send_message(mto=bob.boundjid.full, mbody="from the desk", mtype="chat")
    await bob.expect_body("from the desk")
    copy = await phone.expect(carbon("sent", "from the desk"), "copy of what the desk sent")
    equal(copy["from"].full, f"alice@{DOMAIN}", "sender of the carbon")
    inner = copy["carbon_sent"]
    equal((inner["from"], inner["to"]), (desk.boundjid, bob.boundjid), "addresses inside")
    step("what one device sends is copied to the other")

    bob.send_message(mto=desk.boundjid.full, mbody="to the desk", mtype="chat")
    await desk.expect_body("to the desk")
    await phone.expect(carbon("received", "to the desk"), "copy of what the desk received")
    step("what one device receives is copied to the other")

    for session in (desk, phone, plain):
        await session.round_trip()
    equal(len(copies(desk, "from the desk")), 0, "copies to the sending device itself")
    equal(len(copies(desk, "to the desk")), 0, "second copies on the desk")
    equal(len(copies(plain, "the desk")), 0, "copies to the device without carbons")
    step("no device gets a copy twice, or without asking")

    private = bob.make_message(mto=desk.boundjid.full, mbody="between us", mtype="chat")
    private.enable("carbon_private")
    private.send()
    await desk.expect_body("between us")
    await phone.round_trip()
    equal(len(copies(phone, "between us")), 0, "copies of a private message")
    step("a private message is not copied")

    for session in (desk, phone, plain, bob):
        await session.logout()


run(main)
