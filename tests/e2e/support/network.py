# SPDX-License-Identifier: Apache-2.0
"""A host of the suite's own behind two links, of which the one for media can be unplugged.

Owns a Linux network namespace and two veth pairs to it: one carries the signalling, one carries UDP. With the second
one down, WebSocket traffic goes on and every UDP path is dead, as behind a firewall that has turned bad. Needs root and
iproute2; where they lack, `create` says so.
"""

import itertools
import os
import shutil
import subprocess

# 198.18.0.0/15 is set aside for tests of network devices (RFC 2544): no real host is hidden.
PREFIX = f"198.18.{os.getpid() % 256}"
SIGNALLING = (f"{PREFIX}.1", f"{PREFIX}.2")
MEDIA = (f"{PREFIX}.5", f"{PREFIX}.6")


class MissingPrivilege(RuntimeError):
    """The machine lets us make no namespace; the text says what is needed."""


class FarHost:
    """Use as a context manager; `prefix` runs a command on the far host."""

    signalling_ip, media_ip = SIGNALLING[0], MEDIA[0]
    _numbers = itertools.count()  # the kernel takes its time to forget a namespace and its name

    def __init__(self):
        number = f"{os.getpid()}-{next(self._numbers)}"
        self._name = f"lkv-e2e-{number}"
        self._links = [(f"lkvs{number}", SIGNALLING), (f"lkvm{number}", MEDIA)]
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
        for link, _ in self._links:
            subprocess.run(["ip", "link", "delete", link], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self._name], capture_output=True)

    def _create(self) -> None:
        _ip("netns", "add", self._name)
        for link, (near, far) in self._links:
            _ip("link", "add", link, "type", "veth", "peer", "name", "far", "netns", self._name)
            _ip("-n", self._name, "link", "set", "far", "name", link)
            _ip("address", "add", f"{near}/30", "dev", link)
            _ip("-n", self._name, "address", "add", f"{far}/30", "dev", link)
            _ip("link", "set", link, "up")
            _ip("-n", self._name, "link", "set", link, "up")
        _ip("-n", self._name, "link", "set", "lo", "up")

    def unplug_media(self) -> None:
        """Takes the carrier from the media link: packets of both directions vanish."""
        _ip("link", "set", self._links[1][0], "down")

    def plug_media(self) -> None:
        """Gives the carrier back."""
        _ip("link", "set", self._links[1][0], "up")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise MissingPrivilege(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
