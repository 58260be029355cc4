# SPDX-License-Identifier: Apache-2.0
"""The official-SDK peers against each other: proves the peers and the server before anything of ours is judged."""

import pytest

from support import checks

SHAPE = ("rgba", 160, 120)


@pytest.mark.parametrize("write_bytes", [None, 1000], ids=["frame-a-write", "small-writes"])
def test_peers_understand_each_other(room, write_bytes):
    receiver = room.receiver("peer", segments=2, fps=10)
    sender = room.sender("peer", segments=2, frames=5, fps=10, size="160x120", write_bytes=write_bytes)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 5, SHAPE)
    checks.assert_finishes(sender, [0.5, 1.0])
    assert checks.assert_segments_in_order(receiver) == ["FLUSHED", "FLUSHED"]


def test_peers_clear(room):
    receiver = room.receiver("peer", segments=2, fps=10)
    sender = room.sender("peer", segments=2, frames=10, fps=10, clear_after=3)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    assert checks.assert_segments_in_order(receiver) == ["CLEARED", "FLUSHED"]
    checks.assert_same_segment(sender, 2, receiver, 2)
