# SPDX-License-Identifier: Apache-2.0
"""UDP is dead for long while signalling works: full reconnect. The receiver gives the segment up, the sender waits with
what is left of it: that comes in a segment of its own when the two agree again, and the next one is whole.

One program runs on a far host (a network namespace) whose media link is unplugged until the server has given its session
up, and then plugged in again.
"""

import pytest

from support import checks
from support.network import FarHost
from support.programs import where
from support.room import CONNECTED
from support.server import Server
from support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.fault

SESSION_LIMIT_S = 90
RECONNECT_LIMIT_S = 90
SEND_LIMIT_S = 2 * RECONNECT_LIMIT_S + SESSION_LIMIT_S


@pytest.fixture
def far_host():
    with FarHost() as host:
        yield host


@pytest.fixture
def server(tmp_path, far_host):
    """A server whose media port is on the link that can be unplugged."""
    server = Server(tmp_path / "livekit-server.log", media_ip=far_host.near_ip)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def far_options(far_host, server):
    """What runs a program on the far host, with its signalling through a proxy."""
    with TcpProxy(server.port, listener=far_host.listen()) as proxy:
        yield {"prefix": far_host.prefix, "url": f"ws://127.0.0.1:{proxy.port}"}


@pytest.mark.parametrize("far_side", ["sender", "receiver"])
def test_full_reconnect(room, server, far_host, far_options, far_side):
    options = {side: far_options if side == far_side else {} for side in ("sender", "receiver")}
    receiver = room.receiver("c", stay=True, **options["receiver"])
    limits = {"send_timeout": SEND_LIMIT_S, "finish_timeout": 30}
    sender = room.sender("c", segments=2, frames=300, size="320x240", **limits, **options["sender"])
    far = sender if far_side == "sender" else receiver

    receiver.wait_event("frame", 30)
    session = server.participants(room.name)[far_side]["sid"]
    far_host.unplug()
    far.wait_event(where("room_state", state="reconnecting"), limit_s=RECONNECT_LIMIT_S)
    server.wait_session_lost(room.name, far_side, session, SESSION_LIMIT_S)
    far_host.plug()
    far.wait_event(CONNECTED, 2, limit_s=RECONNECT_LIMIT_S)

    sender.wait_exit(120)  # not 0: there are more segments than it asked for
    receiver.interrupt()
    receiver.wait_exit()
    broken, *whole = checks.assert_promises(sender, receiver)
    assert broken in ("TIMED_OUT", "SENDER_LEFT") and whole == ["FLUSHED", "FLUSHED"], (broken, whole)
    got = checks.frames(receiver, "frame", 1)
    assert got == checks.frames(sender, "sent", 1)[: len(got)], "what came before the break is not what was sent"
    checks.assert_little_is_missing(sender, receiver)
    checks.assert_same_segment(sender, 2, receiver, 3)
    checks.assert_every_segment_finished(sender, receiver)
