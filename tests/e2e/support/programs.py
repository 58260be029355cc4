# SPDX-License-Identifier: Apache-2.0
"""Processes that speak the event lines: our example programs and the official-SDK peers.

Owns starting them, reading their events as they come, and ending them in any case. A situation waits for events, never
for time; each wait has a generous limit, and what it reports when that passes is the program's own output.
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from . import process

SUITE = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = pathlib.Path(os.environ.get("LKV_EXAMPLES") or SUITE.parent.parent / "target/examples")
EVENT_LIMIT_S = 60
EXIT_LIMIT_S = 60
TAIL_LINES = 40

Event = dict
Match = str | Callable[[Event], bool]


class MissingProgram(RuntimeError):
    """An example program is not there; the text says how to build it."""


def example(language: str, name: str) -> str:
    """The path of an example program; `language` is `c` or `cpp`."""
    path = EXAMPLES / language / name
    if not os.access(path, os.X_OK):
        raise MissingProgram(f"no {path}: build it with `cargo xtask examples`, or set LKV_EXAMPLES")
    return str(path)


class Program:
    """A running process, its events so far and its exit."""

    def __init__(self, name: str, command: list[str]):
        self.name = name
        self.events: list[Event] = []
        self._tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        self._changed = threading.Condition()
        self._open_pipes = 2
        self._process = process.spawn(
            command,
            cwd=SUITE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        for pipe in (self._process.stdout, self._process.stderr):
            threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe) -> None:
        for line in pipe:
            try:
                event = json.loads(line) if pipe is self._process.stdout and line.startswith("{") else None
            except ValueError:
                event = None
            with self._changed:
                if event is None:
                    self._tail.append(line.rstrip())
                else:
                    self.events.append(event)
                self._changed.notify_all()
        with self._changed:
            self._open_pipes -= 1
            self._changed.notify_all()

    def wait_event(self, match: Match, count: int = 1, limit_s: float = EVENT_LIMIT_S) -> Event:
        """Waits until `count` events match (a name, or a predicate); returns the last of them."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while True:
                found = self.matching(match)
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or not self._open_pipes:
                    why = "ended" if not self._open_pipes else f"gave {limit_s} s"
                    raise AssertionError(f"{self.name} {why} without event {_describe(match)} x {count}\n{self.report()}")
                self._changed.wait(left)

    def matching(self, match: Match) -> list[Event]:
        """The events so far that match, in order."""
        wanted = match if callable(match) else lambda event: event.get("event") == match
        return [event for event in list(self.events) if wanted(event)]

    def wait_exit(self, limit_s: float = EXIT_LIMIT_S) -> int:
        """Waits until the process and its output have ended; returns the exit status."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while self._open_pipes:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{self.name} still runs after {limit_s} s\n{self.report()}")
                self._changed.wait(left)
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def expect_exit(self, status: int = 0, limit_s: float = EXIT_LIMIT_S) -> None:
        """Like `wait_exit`, and the status must be `status`."""
        got = self.wait_exit(limit_s)
        assert got == status, f"{self.name} ended with status {got}, not {status}\n{self.report()}"

    def expect_failure(self, limit_s: float = EXIT_LIMIT_S) -> None:
        """Like `wait_exit`, and the status must be an orderly failure (a signal is not)."""
        got = self.wait_exit(limit_s)
        assert 0 < got < 128, f"{self.name} ended with status {got}, not with a failure\n{self.report()}"

    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Asks the process to leave, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def pause(self) -> None:
        """Stops the process as it is (SIGSTOP); its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused process go on."""
        self._process.send_signal(signal.SIGCONT)

    def memory_bytes(self) -> int:
        """Memory in use."""
        return process.memory_bytes(self._process)

    def crash(self) -> None:
        """Ends the process at once; nobody is told."""
        process.kill(self._process)

    def end(self) -> None:
        """Ends the process; safe to call at any time."""
        process.kill(self._process)

    def report(self) -> str:
        """The last events and output lines, for a failure's text."""
        events = [event for event in self.events if event.get("event") not in ("frame", "sent", "stats")][-TAIL_LINES:]
        events += self.matching("stats")[-1:]
        frames = {kind: len(self.matching(kind)) for kind in ("sent", "frame")}
        lines = [f"--- {self.name}: {frames}", *map(json.dumps, events), f"--- {self.name}: other output", *self._tail]
        return "\n".join(lines)


def _describe(match: Match) -> str:
    return match if isinstance(match, str) else getattr(match, "description", "matching the condition")


def where(event: str, **fields) -> Match:
    """A condition: an event of this name with these values."""

    def condition(candidate: Event) -> bool:
        return candidate.get("event") == event and all(candidate.get(key) == value for key, value in fields.items())

    condition.description = f"{event} {fields}"
    return condition
