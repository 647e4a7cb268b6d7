"""The examples of the manual say again what they hear."""

import asyncio
import contextlib
import os
import re
import sys
from pathlib import Path

from session import HOST, PATIENCE_SECONDS, PORT, Session, run, step

CLIENTS = Path(__file__).parent.parent
PAGE = (CLIENTS / "../../../src/manual/dev.md").read_text()


def example(language):
    """The block of the page, with the address of this server in the place of the usual one."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    for written, meant in (
        ("127.0.0.1:5222", f"{HOST}:{PORT}"),
        ('"127.0.0.1", 5222', f'"{HOST}", {PORT}'),
    ):
        code = code.replace(written, meant)
    assert str(PORT) in code, f"no address to replace in the {language} example"
    return code


async def say_until_heard(bob, body):
    """Bob is not told when the other is there; what he says before is for the archive alone (XEP-0386 section 3.2)."""
    while not any(stanza["body"] == body for stanza in bob.inbox):
        bob.arrived.clear()
        bob.send_message("alice@localhost", body, mtype="chat")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(bob.arrived.wait(), 0.5)


async def play(what, *command, code, folder):
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, cwd=folder
    )
    process.stdin.write(code.encode())
    process.stdin.close()
    bob = Session("bob")
    await bob.login()
    await asyncio.wait_for(say_until_heard(bob, f"hello {what}"), PATIENCE_SECONDS)
    process.kill()
    await process.wait()
    await bob.logout()
    step(f"{what} says it again")


async def examples():
    folder = os.fspath(CLIENTS / "xmppjs")
    await play("slixmpp", sys.executable, "-", code=example("python"), folder=folder)
    node = ("node", "--input-type=module", "-")
    await play("@xmpp/client", *node, code=example("js"), folder=folder)


run(examples)
