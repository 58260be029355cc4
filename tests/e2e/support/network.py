# SPDX-License-Identifier: Apache-2.0
"""Hosts of the suite's own behind a link that can be made bad.

Owns a Linux network namespace with one link to it: UDP has no other way. `listen` opens a TCP port on the far host's
loopback for this process, so that a proxy here can carry the signalling; a proxy on `near_ip` carries it over the link.
A FarHost's link can be unplugged, as behind a firewall that has turned bad; a ShapedHost's goes through the relay
(tests/relay), which adds delay, loss, a rate, a queue and more. Needs root and iproute2, the relay also /dev/net/tun;
where they lack, entering says so.
"""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

from . import process
from .tcp_proxy import TcpProxy

# 198.18.0.0/15 is set aside for tests of network devices (RFC 2544): no real host is hidden.
PREFIX = f"198.18.{os.getpid() % 256}"
CLONE_NEWNET = 0x40000000  # sched.h
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or pathlib.Path(__file__).resolve().parents[3] / "target")
RELAY = pathlib.Path(os.environ.get("LKV_RELAY") or TARGET / "release/relay")


class MissingPrivilege(RuntimeError):
    """The machine lets us make no namespace; the text says what is needed."""


class MissingRelay(RuntimeError):
    """The relay is not built; the text says how."""


class FarHost:
    """Use as a context manager; `prefix` runs a command on the far host."""

    near_ip, far_ip = f"{PREFIX}.1", f"{PREFIX}.2"
    _numbers = itertools.count()  # the kernel takes its time to forget a namespace and its name

    def __init__(self):
        number = f"{os.getpid()}-{next(self._numbers)}"
        self._name = f"lkv-e2e-{number}"
        self._link = f"lkv{number}"
        self.prefix = ("ip", "netns", "exec", self._name)

    def __enter__(self) -> "FarHost":
        if os.geteuid() != 0 or not shutil.which("ip"):
            raise MissingPrivilege("a network namespace needs root and the command `ip` (apt-get install iproute2)")
        try:
            self._create()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        subprocess.run(["ip", "link", "delete", self._link], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self._name], capture_output=True)

    def _create(self) -> None:
        _ip("netns", "add", self._name)
        self._create_link("media")
        _ip("address", "add", f"{self.near_ip}/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        _ip("-n", self._name, "address", "add", f"{self.far_ip}/30", "dev", "media")
        _ip("-n", self._name, "link", "set", "media", "up")
        _ip("-n", self._name, "link", "set", "lo", "up")

    def _create_link(self, far_device: str) -> None:
        """Makes the device `self._link` here and its other end in the namespace."""
        _ip("link", "add", self._link, "type", "veth", "peer", "name", far_device, "netns", self._name)

    def listen(self) -> socket.socket:
        """A TCP port on the far host's 127.0.0.1, served from here."""
        listeners = []

        def enter_and_listen() -> None:
            # The namespace belongs to the thread, and a socket keeps the one that it was made in.
            with open(f"/run/netns/{self._name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) == 0:
                    listeners.append(socket.create_server(("127.0.0.1", 0)))

        visitor = threading.Thread(target=enter_and_listen)
        visitor.start()
        visitor.join()
        if not listeners:
            raise MissingPrivilege("this process may not enter the namespace that it has made")
        return listeners[0]

    def unplug(self) -> None:
        """Takes the carrier from the link: packets of both directions vanish."""
        _ip("link", "set", self._link, "down")

    def plug(self) -> None:
        """Gives the carrier back."""
        _ip("link", "set", self._link, "up")


class ShapedHost(FarHost):
    """A far host whose link goes through the relay. Keyword arguments are the link's first conditions, as in `shape`."""

    def __init__(self, seed: int = 1, **conditions):
        super().__init__()
        self._seed = seed
        self._conditions = conditions
        self._relay: subprocess.Popen | None = None

    def _create_link(self, far_device: str) -> None:
        if not os.access(RELAY, os.X_OK):
            raise MissingRelay(
                f"no {RELAY}: build it with `cargo build --release --manifest-path tests/relay/Cargo.toml "
                "--target-dir target`, or set LKV_RELAY"
            )
        command = [str(RELAY), self._link, f"{self._link}f", "--seed", str(self._seed)]
        self._relay = process.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self._relay.stdout.readline():
            raise MissingPrivilege("the relay cannot make a TUN device; what it said is above")
        _ip("link", "set", f"{self._link}f", "netns", self._name, "name", far_device)
        self.shape(**self._conditions)

    def __exit__(self, *arguments) -> None:
        if self._relay:
            process.kill(self._relay)
            self._relay.stdin.close()
            self._relay.stdout.close()
        super().__exit__(*arguments)

    def shape(self, **conditions) -> dict:
        """Changes the link; what is not named stays. Keys are those of tests/relay (src/command.rs): `delay_ms=40`,
        `loss=0.01`, `rate_mbit=60`, `queue_bytes=100_000`, `lose=20`, `way="to_far"`... Returns the counters of each
        way, once the change holds."""
        self._relay.stdin.write(json.dumps(conditions) + "\n")
        self._relay.stdin.flush()
        answer = json.loads(self._relay.stdout.readline() or '{"error": "the relay has ended"}')
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def counters(self) -> dict:
        """What the link did to packets so far, for each way."""
        return self.shape()

    def unplug(self) -> None:
        """Takes every packet of both directions from now on. Nobody is told: the devices stay up."""
        self.shape(down=True)

    def plug(self) -> None:
        """Lets packets through again."""
        self.shape(down=False)

    @contextlib.contextmanager
    def signalling(self, server_port: int):
        """Carries signalling over the link as well; gives the URL for programs on the far host."""
        with TcpProxy(server_port, listener=socket.create_server((self.near_ip, 0))) as proxy:
            yield f"ws://{self.near_ip}:{proxy.port}"

    def relay_cpu_s(self) -> float:
        """Processor time that the relay has used."""
        fields = pathlib.Path(f"/proc/{self._relay.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise MissingPrivilege(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
