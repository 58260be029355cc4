# SPDX-License-Identifier: Apache-2.0
"""Clear in the middle of a segment: nothing of it after CLEARED, one end for it, and the next segment is whole."""

import pytest

from support import checks

FRAMES = 90


@pytest.mark.parametrize("fps", [30, 0], ids=["at-30-fps", "as-fast-as-it-goes"])
@pytest.mark.parametrize("languages", [("c", "c"), ("cpp", "cpp")], ids="-to-".join)
def test_clear_in_mid_segment(room, languages, fps):
    receiver = room.receiver(languages[1], segments=2)
    sender = room.sender(languages[0], segments=2, frames=FRAMES, fps=fps, size="640x480", clear_after=30)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_cleared_then_whole(sender, receiver)
    assert [event["interrupted"] for event in sender.matching("playback_finished")] == [True, False]


def test_clear_after_the_first_frame(room):
    receiver = room.receiver("c", segments=2)
    # Cleared before the two have agreed on a version there would be no segment: the next frame is due in 200 ms.
    sender = room.sender("c", segments=2, frames=10, fps=5, size="320x240", clear_after=1)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_segment(sender, 2, receiver, checks.last_segment(receiver))
