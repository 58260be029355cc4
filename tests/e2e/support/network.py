# SPDX-License-Identifier: Apache-2.0
"""A host of the suite's own behind a link for media that can be unplugged, while its signalling goes on.

Owns a Linux network namespace with one veth pair to it: UDP has no other way. `listen` opens a TCP port on the far
host's loopback for this process, so that a proxy here can carry the signalling. With the link down every UDP path is
dead both ways, as behind a firewall that has turned bad. Needs root and iproute2; where they lack, entering says so.
"""

import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import threading

# 198.18.0.0/15 is set aside for tests of network devices (RFC 2544): no real host is hidden.
PREFIX = f"198.18.{os.getpid() % 256}"
CLONE_NEWNET = 0x40000000  # sched.h


class MissingPrivilege(RuntimeError):
    """The machine lets us make no namespace; the text says what is needed."""


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
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "media", "netns", self._name)
        _ip("address", "add", f"{self.near_ip}/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        _ip("-n", self._name, "address", "add", f"{self.far_ip}/30", "dev", "media")
        _ip("-n", self._name, "link", "set", "media", "up")
        _ip("-n", self._name, "link", "set", "lo", "up")

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


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise MissingPrivilege(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
