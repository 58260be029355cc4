# SPDX-License-Identifier: Apache-2.0
"""One room of a situation's own: who plays in it, and the end of all of them.

`language` says who plays a part: `c` and `cpp` are our example programs, `peer` is the official SDK (peer.py), `hostile`
the same with bad intentions (hostile.py), `scripted` one whose segments end in every way (scripted.py).
"""

import sys

from . import programs, tokens
from .programs import Program
from .server import Server

LOG_LEVEL = "warn"
CONNECTED = programs.where("room_state", state="connected")


class Room:
    """A room name on a server, and the processes started for it."""

    def __init__(self, server: Server, name: str):
        self.server = server
        self.name = name
        self.programs: list[Program] = []

    def sender(self, language: str, identity: str = "sender", destination: str = "receiver", **options) -> Program:
        """Starts a sender of video; it is an AGENT unless `kind` says otherwise."""
        options = {"kind": "agent", "destination": destination, **options}
        return self.start(language, "sender", identity, **options)

    def receiver(
        self, language: str, identity: str = "receiver", sender: str | None = "sender", wait: bool = True, **options
    ) -> Program:
        """Starts a receiver of video; `sender=None` leaves the choice to it. Returns when it is in the room, unless
        `wait` is False: who joins after it knows it at once, while the server may take seconds the other way."""
        program = self.start(language, "receiver", identity, sender=sender, **options)
        if wait:
            program.wait_event(CONNECTED)
        return program

    def call_rpc(self, identity: str, destination: str, method: str, payload: str = "") -> dict:
        """Calls an RPC method as `identity`; returns the `rpc_answer` event."""
        caller = self.start("peer", "call", identity, destination=destination, method=method, payload=payload)
        answer = caller.wait_event("rpc_answer")
        caller.expect_exit(0)
        return answer

    def bystander(self, identity: str, kind: str = "standard") -> Program:
        """Starts somebody who is just there; returns once the room has them."""
        program = self.start("peer", "join", identity, kind=kind)
        program.wait_event(CONNECTED)
        return program

    def start(
        self,
        language: str,
        role: str,
        identity: str,
        *,
        kind: str = "standard",
        url: str | None = None,
        token: str | None = None,
        prefix: tuple[str, ...] = (),
        **options,
    ) -> Program:
        """Starts any part. Further options become the program's own: `clear_after=5` is `--clear-after 5`, True is
        the option alone, None is no option. `prefix` is a command that runs the program somewhere else."""
        if language == "peer":
            command = [sys.executable, "-m", "support.peer", {"sender": "send", "receiver": "receive"}.get(role, role)]
        elif language in ("hostile", "scripted"):
            command = [sys.executable, "-m", f"support.{language}", role]
        else:
            command = [programs.example(language, f"video_{role}"), "--events", "-", "--log-level", str(options.pop("log_level", None) or LOG_LEVEL)]
        options = {"url": url or self.server.url, "token": token or tokens.join_token(self.name, identity, kind), **options}
        for name, value in options.items():
            if value is not None:
                command += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        program = Program(f"{language} {role} {identity!r}", [*prefix, *command])
        self.programs.append(program)
        return program

    def end(self) -> None:
        """Ends everybody that still runs."""
        for program in self.programs:
            program.end()
