# SPDX-License-Identifier: Apache-2.0
"""The signalling connection is cut and restored while a segment runs: the room resumes and the segment arrives whole."""

import pytest

from support import checks
from support.programs import where
from support.room import CONNECTED
from support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.fault

FRAMES = 150


@pytest.mark.parametrize("cut_side", ["sender", "receiver", "both"])
def test_segment_survives(room, server, cut_side):
    with TcpProxy(server.port) as proxy:
        urls = {side: f"ws://127.0.0.1:{proxy.port}" if cut_side in (side, "both") else None for side in ("sender", "receiver")}
        receiver = room.receiver("c", url=urls["receiver"], segments=2)
        sender = room.sender("cpp", url=urls["sender"], segments=2, frames=FRAMES, size="320x240")
        receiver.wait_event("frame", 20)
        proxy.cut()
        affected = [program for program, side in ((sender, "sender"), (receiver, "receiver")) if urls[side]]
        for program in affected:
            program.wait_event(where("room_state", state="reconnecting"))
        proxy.restore()
        for program in affected:
            program.wait_event(CONNECTED, 2)
        sender.expect_exit(0)
        receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, FRAMES, ("rgba", 320, 240))
    checks.assert_finishes(sender, [5.0, 10.0])
    assert checks.assert_segments_in_order(receiver) == ["FLUSHED", "FLUSHED"]
