# SPDX-License-Identifier: Apache-2.0
"""Paths that are bad but there: everything arrives, whole and in order, and every segment's playback finishes.

One side is on a far host; its media and its signalling go through the relay. Times are round trips. The video is small
enough for what SCTP's loss recovery lets through: about 3 Mbit/s at 1 % loss and 40 ms.

A far sender joins over the bad path; under a far receiver it turns bad with the first frame. The server takes a receiver
for active before its data channel is open, and drops what comes in between; where the packet that opens the channel is
lost, or overtakes the end of SCTP's handshake, that is a second of video, and a sender of v0 cannot know.
"""

import pytest

from support import checks

pytestmark = pytest.mark.fault
SEGMENTS = 2
SMALL = {"size": "160x120", "type": "i420", "fps": 10, "frames": 30}  # 2.3 Mbit/s
LARGER = {"size": "320x240", "type": "i420", "fps": 10, "frames": 60}  # 9.2 Mbit/s
RTT_40_MS = {"delay_ms": 20}
FINISH_LIMIT_S = 120

PATHS = {
    "loss-0.1%": (RTT_40_MS | {"loss": 0.001}, LARGER),
    "loss-1%": (RTT_40_MS | {"loss": 0.01}, SMALL),
    "loss-5%": (RTT_40_MS | {"loss": 0.05}, SMALL),
    "loss-in-bursts": (RTT_40_MS | {"loss": 0.0005, "loss_burst": 20}, SMALL),
    "reordering": (RTT_40_MS | {"reorder": 0.02, "reorder_by_ms": 5}, SMALL),
    "jitter-that-reorders": (RTT_40_MS | {"jitter_ms": 10, "jitter_reorders": True}, SMALL),
    "200ms": ({"delay_ms": 100}, SMALL),
    "60-Mbit-100-kB-queue": (RTT_40_MS | {"rate_mbit": 60, "queue_bytes": 100_000}, LARGER),
}
# The others belong to `cargo xtask test --faults`.
SHORT = {("loss-1%", "sender"), ("reordering", "receiver"), ("60-Mbit-100-kB-queue", "sender")}


def situations() -> list:
    """Each path, under the sender and under the receiver."""
    return [
        pytest.param(path, side, id=f"{side}-{path}", marks=[] if (path, side) in SHORT else pytest.mark.long)
        for path in PATHS
        for side in ("sender", "receiver")
    ]


@pytest.mark.parametrize("path, far_side", situations())
def test_everything_arrives(linked_room, link, far, path, far_side):
    conditions, video = PATHS[path]
    options = {side: far if side == far_side else {} for side in ("sender", "receiver")}
    if far_side == "sender":
        link.shape(**conditions)
    receiver = linked_room.receiver("c", segments=SEGMENTS, **options["receiver"])
    sender = linked_room.sender(
        "c", segments=SEGMENTS, finish_timeout=FINISH_LIMIT_S, **video, **options["sender"]
    )
    receiver.wait_event("frame")
    link.shape(**conditions)
    sender.expect_exit(0, FINISH_LIMIT_S)
    receiver.expect_exit(0)
    shape = (video["type"], *map(int, video["size"].split("x")))
    checks.assert_same_frames(sender, receiver, SEGMENTS, video["frames"], shape)
    assert checks.assert_promises(sender, receiver) == ["FLUSHED"] * SEGMENTS
    checks.assert_finishes(sender, [video["frames"] / 30 * segment for segment in range(1, SEGMENTS + 1)])
    met = link.counters()
    if conditions.get("loss"):
        assert met["to_far"]["lost"] + met["to_near"]["lost"], met
    if conditions.get("reorder"):
        assert met["to_far"]["held_back"] + met["to_near"]["held_back"], met
