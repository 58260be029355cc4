# SPDX-License-Identifier: Apache-2.0
"""A peer on the official SDK against our sender and our receiver: frames, playback finished and clear, both ways.

The SDK moves one or two RGBA frames of 640x480 a second on a small machine, so the frames here are small.
"""

import pytest

from support import checks

FPS = 10
OURS = ["c", "cpp"]


@pytest.mark.parametrize("language, name", [("c", "rgba"), ("c", "i420"), ("cpp", "nv12")])
def test_peer_sends_to_us(room, language, name):
    receiver = room.receiver(language, segments=2, fps=FPS)
    sender = room.sender("peer", segments=2, frames=10, fps=FPS, size="161x121", type=name)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 10, (name, 161, 121))
    checks.assert_finishes(sender, [1.0, 2.0])
    assert [event["answer"] for event in receiver.matching("notified")] == ["ok", "ok"]


@pytest.mark.parametrize("write_bytes", [999, 15001])
def test_peer_cuts_frames_in_its_own_way(room, write_bytes):
    receiver = room.receiver("c", segments=2, fps=FPS)
    sender = room.sender("peer", segments=2, frames=5, fps=FPS, size="160x120", write_bytes=write_bytes)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 5, ("rgba", 160, 120))


def test_peer_sends_a_large_frame(room):
    receiver = room.receiver("c", segments=1, fps=FPS)
    sender = room.sender("peer", segments=1, frames=3, fps=1, size="640x480")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, 3, ("rgba", 640, 480))


@pytest.mark.parametrize("language, name", [("c", "rgba"), ("c", "i010"), ("cpp", "rgb24")])
def test_we_send_to_a_peer(room, language, name):
    receiver = room.receiver("peer", segments=2, fps=FPS)
    sender = room.sender(language, segments=2, frames=10, fps=FPS, size="161x121", type=name)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 10, (name, 161, 121))
    checks.assert_finishes(sender, [1.0, 2.0])
    assert [event["answer"] for event in receiver.matching("notified")] == ["ok", "ok"]


@pytest.mark.parametrize("language", OURS)
def test_peer_clears_us(room, language):
    receiver = room.receiver(language, segments=2, fps=FPS)
    sender = room.sender("peer", segments=2, frames=20, fps=FPS, size="160x120", clear_after=8)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    assert sender.wait_event("clear_answered")["answer"] == "ok"
    checks.assert_cleared_then_whole(sender, receiver)


@pytest.mark.parametrize("language", OURS)
def test_we_clear_a_peer(room, language):
    receiver = room.receiver("peer", segments=2, fps=FPS)
    sender = room.sender(language, segments=2, frames=20, fps=FPS, size="160x120", clear_after=8)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_cleared_then_whole(sender, receiver)
    assert [event["interrupted"] for event in sender.matching("playback_finished")] == [True, False]
