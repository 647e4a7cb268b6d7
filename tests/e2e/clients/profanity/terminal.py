"""A terminal program and the screen a person would see: keys in, text out, waiting with a limit.

The program runs behind a pseudo terminal; pyte keeps what its escape codes draw.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte

ROWS, COLUMNS = 40, 160

# Seconds until an expected text counts as missing. Far above what a loaded machine needs.
PATIENCE_SECONDS = 20


class Failure(Exception):
    """Something that a person would have waited for in vain."""


class Terminal:
    """One program on one screen; ends the program when left."""

    # Every open terminal is drawn while one is waited for: a program that nobody reads stops at a full pipe.
    all_open = []

    def __init__(self, name, command, environment):
        self.name = name
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.process, self.keyboard = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, {**os.environ, "TERM": "xterm", **environment})
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.all_open.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        if self in self.all_open:
            self._close()

    def type(self, line):
        os.write(self.keyboard, line.encode() + b"\r")

    def text(self):
        return "\n".join(row.rstrip() for row in self.screen.display)

    def until(self, wanted, what):
        """Reads on until `wanted(text of the screen)` holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not wanted(self.text()):
            left = deadline - time.monotonic()
            if left <= 0 or self not in self.all_open:
                screens = [f"--- {t.name}'s screen\n{t.text()}" for t in {self, *self.all_open}]
                raise Failure(f"{self.name}: no {what}\n" + "\n".join(screens))
            ready, _, _ = select.select([t.keyboard for t in self.all_open], [], [], left)
            for terminal in [t for t in self.all_open if t.keyboard in ready]:
                terminal._draw()

    def until_shows(self, text):
        self.until(lambda screen: text in screen, f'"{text}"')

    def _draw(self):
        """Draws what has come; a program that is gone has no more to show."""
        try:
            self.stream.feed(os.read(self.keyboard, 65536))
        except OSError:
            self._close()

    def _close(self):
        self.all_open.remove(self)
        os.close(self.keyboard)
