"""Two people at terminals spend an evening: log in, become contacts, chat, meet in a room, leave, come back.

The server comes from XMPP_HOST, XMPP_PORT, XMPP_DOMAIN and XMPP_ROOMS; XMPP_CA makes profanity insist on TLS and
read the certificate, which it then asks the person about. Accounts have their name as their password.
"""

import os
import re
import sys
import tempfile
import traceback
import uuid
from pathlib import Path

from terminal import Failure, Terminal

HOST, PORT = os.environ["XMPP_HOST"], os.environ["XMPP_PORT"]
DOMAIN, ROOMS = os.environ["XMPP_DOMAIN"], os.environ["XMPP_ROOMS"]
ENCRYPTED = "XMPP_CA" in os.environ

# No splash screen and no first-start page, so that a line asked for is not scrolled away by them.
PROFRC = "[ui]\nsplash=false\n[logging]\nmaxsize=1048580\n"


def step(text):
    print(f"  {text}", flush=True)


def start(user, home):
    config = Path(home, "config", "profanity")
    config.mkdir(parents=True, exist_ok=True)
    Path(config, "profrc").write_text(PROFRC)
    folders = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/data"}
    return Terminal(user, ["profanity"], folders)


def log_in(terminal):
    terminal.until_shows("[offline]")
    terminal.type("/presence room all")
    terminal.until_shows("All presence updates will appear in chat room")
    policy = "force" if ENCRYPTED else "disable"
    terminal.type(f"/connect {terminal.name}@{DOMAIN} server {HOST} port {PORT} tls {policy}")
    terminal.until_shows("Enter password")
    terminal.type(terminal.name)
    if ENCRYPTED:
        terminal.until_shows("/tls allow")
        terminal.type("/tls allow")
    terminal.until_shows("logged in successfully")
    terminal.until_shows("[online]")


def become_contacts(alice, bob):
    for asker, granter in ((alice, bob), (bob, alice)):
        asker.type(f"/sub request {granter.name}@{DOMAIN}")
        granter.until_shows(f"Received authorization request from {asker.name}@{DOMAIN}")
        granter.type(f"/sub allow {asker.name}@{DOMAIN}")
        asker.until_shows(f"Subscription received from {granter.name}@{DOMAIN}")
        asker.until(shows_line(f"{granter.name}@{DOMAIN} .* is online"), f"sign of {granter.name}")
    step("both are contacts and see each other online")


def shows_line(pattern):
    return lambda screen: re.search(pattern, screen) is not None


def hears(terminal, speaker, body):
    terminal.until(shows_line(f"{speaker}[^ ]*: {body}"), f'"{body}" from {speaker}')


def chat(alice, bob):
    alice.type(f"/msg bob@{DOMAIN} tea at five?")
    bob.until_shows(f"<< chat message: alice@{DOMAIN}")
    bob.type(f"/msg alice@{DOMAIN}")
    hears(bob, f"alice@{DOMAIN}", "tea at five")
    bob.type("with pleasure")
    hears(alice, f"bob@{DOMAIN}", "with pleasure")
    step("they talk both ways")


def meet_in_a_room(alice, bob):
    room = f"tea-{uuid.uuid4().hex[:8]}@{ROOMS}"
    alice.type(f"/join {room}")
    alice.until_shows("You have joined the room as alice, role: moderator, affiliation: owner")
    alice.until_shows("/room accept")
    alice.type("/room accept")
    alice.type("the kettle is on")
    # profanity shows all of that before the server has done it; a subject it shows afterwards.
    alice.type("/subject set scones")
    alice.until(shows_line("alice has set the room subject: scones"), "the subject")
    bob.type(f"/join {room}")
    alice.until_shows("-> bob has joined the room")
    bob.type(f"/win {room}")
    bob.until_shows("You have joined the room as bob")
    bob.until(shows_line("room subject: scones"), "the subject")
    hears(bob, "alice", "the kettle is on")
    alice.type("welcome")
    hears(bob, "alice", "welcome")
    bob.type("good evening")
    hears(alice, "bob", "good evening")
    step("they meet in a room, read its subject and history, and talk")


def main():
    with tempfile.TemporaryDirectory() as desk, tempfile.TemporaryDirectory() as other_desk:
        with start("bob", other_desk) as bob:
            with start("alice", desk) as alice:
                log_in(alice)
                log_in(bob)
                step("both are logged in")
                become_contacts(alice, bob)
                chat(alice, bob)
                meet_in_a_room(alice, bob)
                alice.type("/quit")
                bob.until_shows("<- alice has left the room")
                step("alice leaves and bob sees it")

            bob.type("/win 1")
            bob.type(f"/msg alice@{DOMAIN} did you get home?")
            hears(bob, "me", "did you get home")
            with start("alice", desk) as alice:
                log_in(alice)
                alice.until_shows(f"<< chat message: bob@{DOMAIN}")
                alice.type(f"/msg bob@{DOMAIN}")
                hears(alice, f"bob@{DOMAIN}", "did you get home")
                step("what came meanwhile is there when alice is back")


try:
    main()
except Failure as failure:
    sys.exit(f"FAILED: {failure}")
except Exception:
    traceback.print_exc()
    sys.exit("FAILED: the scenario broke off")
print("passed")
