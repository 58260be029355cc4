# SPDX-License-Identifier: Apache-2.0
"""The server crashes and comes back on the same ports with no memory of the room: both sides join it anew, and the
segment that was open goes on."""

import pytest

from support import checks
from support.programs import where
from support.room import CONNECTED
from support.server import Server

pytestmark = pytest.mark.fault


def test_both_sides_come_back(make_room, tmp_path):
    server = Server(tmp_path / "livekit-server.log")
    server.start()
    try:
        room = make_room(server)
        receiver = room.receiver("c", stay=True)
        sender = room.sender("c", segments=2, frames=300, size="320x240", finish_timeout=30)
        receiver.wait_event("frame", 30)
        server.kill()
        for program in (sender, receiver):
            program.wait_event(where("room_state", state="reconnecting"))
        server.start()
        for program in (sender, receiver):
            program.wait_event(CONNECTED, 2)
        sender.expect_exit(0, 120)
        receiver.interrupt()
        receiver.wait_exit()
    finally:
        server.kill()
    assert checks.assert_promises(sender, receiver) == ["FLUSHED", "FLUSHED"]
    checks.assert_continued(sender, 1, receiver, 1)
    checks.assert_same_segment(sender, 2, receiver, 2)
    checks.assert_every_segment_finished(sender, receiver)
    assert not sender.matching("playback_made_up"), sender.report()
