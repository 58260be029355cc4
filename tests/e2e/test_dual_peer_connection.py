# SPDX-License-Identifier: Apache-2.0
"""Two peer connections, as older servers want them, on either side or on both."""

import pytest

from support import checks

FRAMES = 60


@pytest.mark.parametrize("dual_side", ["sender", "receiver", "both"])
def test_frames_arrive(room, dual_side):
    receiver = room.receiver("c", segments=2, dual_pc=dual_side != "sender" or None)
    sender = room.sender("cpp", segments=2, frames=FRAMES, size="320x240", dual_pc=dual_side != "receiver" or None)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, FRAMES, ("rgba", 320, 240))
    checks.assert_finishes(sender, [2.0, 4.0])
