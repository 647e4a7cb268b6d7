"""Rooms (XEP-0045): create, join, talk, subject, history for who comes later, search, leave, kick, destroy."""

import uuid

from slixmpp import JID

from session import PATIENCE_SECONDS, ROOMS, Session, check, equal, run, search, step

PLUGINS = ["xep_0045", "xep_0030", "xep_0203", "xep_0313"]


async def enter(session, room, nick):
    """Joins; returns own presence, subject, the nicks of the others, and history."""
    muc = session.plugin["xep_0045"]
    own, subject, occupants, history = await muc.join_muc_wait(room, nick, timeout=PATIENCE_SECONDS)
    others = sorted({p["from"].resource for p in occupants} - {nick})
    return own, subject, others, history


def said(body):
    return lambda s: s.name == "message" and s["type"] == "groupchat" and s["body"] == body


def gone(occupant):
    return lambda s: s.name == "presence" and s["type"] == "unavailable" and s["from"].full == occupant


async def create(alice, room):
    own, _, others, history = await enter(alice, room, "queen")
    check({201, 110} <= set(own["muc"]["status_codes"]), f"status codes of a creation: {own}")
    equal((own["muc"]["affiliation"], own["muc"]["role"]), ("owner", "moderator"), "rank of the creator")
    equal((others, history), ([], []), "occupants and history of a new room")
    config = await alice.plugin["xep_0045"].get_room_config(room, timeout=PATIENCE_SECONDS)
    config["type"] = "submit"
    await alice.plugin["xep_0045"].set_room_config(room, config, timeout=PATIENCE_SECONDS)
    step("a room is created and unlocked")


async def talk(alice, bob, room):
    _, _, others, _ = await enter(bob, room, "bee")
    equal(others, ["queen"], "occupants that bob sees")
    await alice.expect(
        lambda s: s.name == "presence" and s["from"].full == f"{room}/bee", "bob's arrival in the room"
    )
    bob.send_message(mto=room, mbody="hello hive", mtype="groupchat")
    for session in (alice, bob):
        heard = await session.expect(said("hello hive"), "bob's words")
        equal(heard["from"].full, f"{room}/bee", "sender in the room")
    alice.plugin["xep_0045"].set_subject(room, "honey & wax")
    heard = await bob.expect(lambda s: s["type"] == "groupchat" and s["subject"] == "honey & wax", "the subject")
    equal(heard["from"].full, f"{room}/queen", "who set the subject")
    step("occupants see each other, talk and read the subject")


async def come_later(carol, room):
    _, subject, others, history = await enter(carol, room, "late")
    equal(others, ["bee", "queen"], "occupants that carol sees")
    equal(subject["subject"], "honey & wax", "subject")
    equal([m["body"] for m in history if m["body"]], ["hello hive"], "history")
    check(history[0]["delay"]["stamp"], "history without a time")
    step("who comes later gets subject and history")


async def words_are_found(carol, room):
    equal(await search(carol, "HIVE", jid=room), ["hello hive"], "messages of the room with a word")
    equal(await search(carol, "nowhere", jid=room), [], "words that nobody said")
    step("words are searched for in the archive of the room")


async def taken_nick_is_refused(carol, room):
    carol.plugin["xep_0045"].make_join_stanza(room, "bee").send()
    refused = await carol.expect(
        lambda s: s.name == "presence" and s["from"].full == f"{room}/bee", "an answer to a taken nick"
    )
    equal((refused["type"], refused["error"]["condition"]), ("error", "conflict"), "answer to a taken nick")
    step("a taken nick is refused")


async def leave_kick_destroy(alice, bob, carol, room):
    muc = alice.plugin["xep_0045"]
    carol.plugin["xep_0045"].leave_muc(room, "late")
    await alice.expect(gone(f"{room}/late"), "carol's leave")
    await muc.set_role(room, "bee", "none", reason="buzzing", timeout=PATIENCE_SECONDS)
    kicked = await bob.expect(gone(f"{room}/bee"), "the kick")
    check(307 in kicked["muc"]["status_codes"], f"status codes of a kick: {kicked}")
    await alice.expect(gone(f"{room}/bee"), "bob's removal")
    await muc.destroy(room, "autumn", timeout=PATIENCE_SECONDS)
    await alice.expect(gone(f"{room}/queen"), "the end of the room")
    own, _, _, history = await enter(bob, room, "new-queen")
    check(201 in own["muc"]["status_codes"] and not history, "a destroyed room is not new again")
    await bob.plugin["xep_0045"].destroy(room, timeout=PATIENCE_SECONDS)
    step("leaving, a kick and the end of the room are seen")


async def main():
    room = JID(f"hive-{uuid.uuid4().hex[:12]}@{ROOMS}")
    alice = await Session("alice", plugins=PLUGINS).login()
    bob = await Session("bob", plugins=PLUGINS).login()
    carol = await Session("carol", plugins=PLUGINS).login()
    await create(alice, room)
    await talk(alice, bob, room)
    await taken_nick_is_refused(carol, room)
    await come_later(carol, room)
    await words_are_found(carol, room)
    await leave_kick_destroy(alice, bob, carol, room)
    for session in (alice, bob, carol):
        await session.logout()


run(main)
