# SPDX-License-Identifier: Apache-2.0
"""A livekit-server of the suite's own, on free ports.

Owns the process, its configuration and its RoomService calls. `start` returns once the server answers HTTP; `kill`
ends it in any case. By default everything stays on 127.0.0.1; `media_ip` moves the media port to another address
(see network.py).
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

from . import process, tokens

START_LIMIT_S = 30
CALL_LIMIT_S = 10


class MissingServer(RuntimeError):
    """There is no livekit-server to run; the text says how to get one."""


def find_binary() -> str:
    """$LIVEKIT_SERVER, then the PATH, then the cache that `cargo xtask` fills."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    candidates = [os.environ.get("LIVEKIT_SERVER"), shutil.which("livekit-server"), cache / "lkvideo/livekit-server"]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise MissingServer(
        "no livekit-server: set LIVEKIT_SERVER, or build the pinned one with "
        "`go build -C tests/livekit-server -o ~/.cache/lkvideo/ github.com/livekit/livekit-server/cmd/server`"
    )


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nobody has right now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One livekit-server process. The ports stay the same over a restart."""

    def __init__(self, log_path: pathlib.Path, media_ip: str = "127.0.0.1"):
        self.port = free_port()
        self.log_path = log_path
        self._process: subprocess.Popen | None = None
        self._config = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {tokens.API_KEY: tokens.API_SECRET},
            "rtc": {
                "udp_port": free_port(socket.SOCK_DGRAM),
                "tcp_port": free_port(),
                "node_ip": media_ip,
                "use_external_ip": False,
                "enable_loopback_candidate": media_ip == "127.0.0.1",
                "ips": {"includes": [f"{media_ip}/32"]},
                # Nobody answers at port 9 (discard); with no server here clients would be told of public ones.
                "stun_servers": ["127.0.0.1:9"],
            },
            "logging": {"level": "info", "json": True},
        }

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the process and waits until it answers."""
        config = json.dumps(self._config)
        with open(self.log_path, "ab") as log:
            command = [find_binary(), "--config-body", config, "--node-ip", self._config["rtc"]["node_ip"]]
            self._process = process.spawn(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"livekit-server ended with status {self._process.returncode}, see {self.log_path}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)  # nothing announces the open port but the port itself
        self.kill()
        raise RuntimeError(f"livekit-server did not answer within {START_LIMIT_S} s, see {self.log_path}")

    def kill(self) -> None:
        """Ends the process at once, as a crash would (asked politely it waits for everybody to leave); safe to call at
        any time."""
        process.kill(self._process)

    def memory_bytes(self) -> int:
        """Memory in use."""
        return process.memory_bytes(self._process)

    def call(self, room: str, method: str, body: dict) -> dict:
        """Calls `method` of the server's RoomService (Twirp over HTTP, JSON)."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/twirp/livekit.RoomService/{method}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {tokens.admin_token(room)}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=CALL_LIMIT_S) as answer:
            return json.load(answer)

    def delete_room(self, room: str) -> None:
        """Closes `room`; everybody in it is disconnected."""
        self.call(room, "DeleteRoom", {"room": room})

    def remove_participant(self, room: str, identity: str) -> None:
        """Throws `identity` out of `room`."""
        self.call(room, "RemoveParticipant", {"room": room, "identity": identity})

    def participants(self, room: str) -> dict[str, dict]:
        """Who is in `room`, by identity."""
        return {info["identity"]: info for info in self.call(room, "ListParticipants", {"room": room})["participants"]}

    def wait_session_lost(self, room: str, identity: str, sid: str, limit_s: float) -> None:
        """Waits until the server has given up the session `sid` of `identity`; the API has no event for it."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            info = self.participants(room).get(identity)
            if info is None or info["sid"] != sid:
                return
            time.sleep(0.2)
        raise AssertionError(f"the server still has the session of {identity!r} after {limit_s} s")
