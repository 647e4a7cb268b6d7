"""`meerkat dev`: what it begins with, the bot, and misbehaviour that an administrator asks for."""

import time

from session import DOMAIN, PATIENCE_SECONDS, ROOMS, Failure, Session, check, equal, run, step
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET

BOT = f"echo@{DOMAIN}/dev"
COMMANDS = "http://jabber.org/protocol/commands"
NAMESPACE = "urn:meerkat:dev:0"


def command(name, **answers):
    """A command with its form filled in, as one request."""
    fields = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in answers.items())
    form = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"
    return ET.fromstring(f"<command xmlns='{COMMANDS}' node='{NAMESPACE}#{name}' action='execute'>{form}</command>")


def enter(session, room, nick):
    presence = session.make_presence(pto=f"{room}@{ROOMS}/{nick}")
    presence.append(ET.Element("{http://jabber.org/protocol/muc}x"))
    presence.send()


async def ask(session, payload, *, kind="set"):
    iq = session.make_iq(itype=kind, ito=BOT)
    iq.append(payload)
    return await iq.send(timeout=PATIENCE_SECONDS)


async def carry_out(admin, name, **answers):
    done = await ask(admin, command(name, **answers))
    element = done.xml.find(f"{{{COMMANDS}}}command")
    equal(element.get("status"), "completed", f"status of {name}")
    check(element.find(f"{{{COMMANDS}}}note") is None, f"{name} did nothing")


async def begins_with_the_data_of_the_file():
    dora = await Session("dora", password="secret").login()
    contact = dora.client_roster[f"alice@{DOMAIN}"]
    equal((contact["subscription"], contact["name"], contact["groups"]), ("both", "Alice", ["Friends"]), "contact")
    await dora.expect_body("hello dora")
    enter(dora, "team", "dora")
    await dora.expect_body("hello team")
    await dora.logout()
    step("dora has her contact, her message and her room")


async def has_a_bot_and_a_room(alice):
    alice.send_message(mto=f"echo@{DOMAIN}", mbody="one", mtype="chat")
    await alice.expect_body("one")
    alice.send_presence_subscription(pto=f"echo@{DOMAIN}")
    await alice.expect(lambda s: s["type"] == "available" and s["from"] == BOT, "presence of the bot")
    enter(alice, "lobby", "alice")
    alice.send_message(mto=f"lobby@{ROOMS}", mbody="echo: two", mtype="groupchat")
    await alice.expect(lambda s: s["body"] == "two" and s["from"] == f"lobby@{ROOMS}/echo", "answer in the room")
    step("the bot answers, approves and keeps the room")


async def tells_administrators_only(alice, admin):
    query = ET.fromstring(f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>")
    equal(len((await ask(admin, query, kind="get")).xml[0]), 4, "commands of an administrator")
    equal(len((await ask(alice, query, kind="get")).xml[0]), 0, "commands of others")
    try:
        await ask(alice, command("restart"))
    except IqError as error:
        equal(error.condition, "forbidden", "what others get")
    else:
        raise Failure("alice may restart the server")
    step("only administrators have the commands")


async def cuts_a_connection(alice, admin):
    address = alice.boundjid.full
    await alice.until_cut(carry_out(admin, "cut", jid=address))
    admin.send_message(mto=address, mbody="during the cut", mtype="chat")
    await admin.round_trip()
    await alice.until(alice.start_connecting, "session_resumed", but="session_start")
    await alice.expect_body("during the cut")
    step("a connection that is cut on request is resumed")


async def refuses_a_resumption(alice, admin):
    await carry_out(admin, "refuse-resumption")
    await alice.until_cut(carry_out(admin, "cut", jid=f"alice@{DOMAIN}"))
    await alice.until(alice.start_connecting, "session_start", but="session_resumed")
    await alice.until_cut(carry_out(admin, "cut", jid=f"alice@{DOMAIN}"))
    await alice.until(alice.start_connecting, "session_resumed", but="session_start")
    step("one resumption is refused, and the next one is not")


async def is_late(alice, admin):
    await carry_out(admin, "delay", milliseconds="200")
    began = time.monotonic()
    await alice.round_trip()
    check(time.monotonic() - began >= 0.2, "the answer is not late")
    await carry_out(admin, "delay", milliseconds="0")
    step("what clients say is late")


async def come_back(session, event, *, but):
    """The server that goes may still take a connection, and drops it: then the client tries again."""
    with session.event_handler("disconnected", lambda _: session.start_connecting()):
        await session.until(session.start_connecting, event, but=but)


async def starts_again_with_its_streams(alice, admin):
    answer = ask(admin, command("restart", streams="kept"))
    await alice.until_cut(admin.until_cut(answer))
    for session in (alice, admin):
        await come_back(session, "session_resumed", but="session_start")
    admin.send_message(mto=alice.boundjid.full, mbody="after the restart", mtype="chat")
    await alice.expect_body("after the restart")
    step("streams are resumed after a restart")


async def starts_again_without_them(alice, admin, streams):
    await alice.until_cut(admin.until_cut(ask(admin, command("restart", streams=streams))))
    for session in (alice, admin):
        await come_back(session, "session_start", but="session_resumed")
        session.send_presence()
    alice.send_message(mto=f"echo@{DOMAIN}", mbody=streams, mtype="chat")
    await alice.expect_body(streams)
    step(f"streams are {streams} in a restart, and the bot is there again")


async def main():
    await begins_with_the_data_of_the_file()
    alice = await Session("alice", plugins=["xep_0198"]).login()
    admin = await Session("admin", plugins=["xep_0198"]).login()
    await has_a_bot_and_a_room(alice)
    await tells_administrators_only(alice, admin)
    await cuts_a_connection(alice, admin)
    await refuses_a_resumption(alice, admin)
    await is_late(alice, admin)
    await starts_again_with_its_streams(alice, admin)
    for streams in ("ended", "lost"):
        await starts_again_without_them(alice, admin, streams)
    await begins_again_with_what_was_kept()


async def begins_again_with_what_was_kept():
    dora = await Session("dora", password="secret").login()
    enter(dora, "team", "dora")
    await dora.expect_body("hello team")
    await dora.logout()
    step("what was kept is there after three restarts")


run(main)
