# SPDX-License-Identifier: Apache-2.0
"""The link is dead for a while, for media and signalling, and comes back; nobody is told of either.

A short outage loses nothing. A longer one may cost the room its session: what was on its way then is lost, and the
segment goes on, or ends with a cause and what is left of it comes in a segment of its own. In any case what comes is what
was sent, every segment ends once and finishes once, and the last one, sent when all is well, is whole.
"""

import time

import pytest

from support import checks
from support.programs import where
from support.room import CONNECTED

pytestmark = pytest.mark.fault
VIDEO = {"size": "160x120", "type": "i420", "fps": 10}
RECOVERY_LIMIT_S = 120


@pytest.mark.parametrize("far_side", ["sender", "receiver"])
@pytest.mark.parametrize("outage_s", [1, pytest.param(5, marks=pytest.mark.long)])
def test_nothing_is_lost(linked_room, link, far, far_side, outage_s):
    options = {side: far if side == far_side else {} for side in ("sender", "receiver")}
    receiver = linked_room.receiver("c", segments=2, **options["receiver"])
    sender = linked_room.sender("c", segments=2, frames=60, finish_timeout=60, **VIDEO, **options["sender"])
    receiver.wait_event("frame")
    link.shape(delay_ms=20)
    receiver.wait_event("frame", 10)
    link.unplug()
    time.sleep(outage_s)  # how long the fault lasts
    link.plug()
    sender.expect_exit(0, RECOVERY_LIMIT_S)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 60, ("i420", 160, 120))
    assert checks.assert_promises(sender, receiver) == ["FLUSHED", "FLUSHED"]
    checks.assert_every_segment_finished(sender, receiver)


@pytest.mark.long
@pytest.mark.parametrize("far_side", ["sender", "receiver"])
def test_half_a_minute(linked_room, link, far, far_side):
    options = {side: far if side == far_side else {} for side in ("sender", "receiver")}
    limits = {"send_timeout": 30 + RECOVERY_LIMIT_S, "finish_timeout": 60}  # either sender is held up by the outage
    receiver = linked_room.receiver("c", stay=True, **options["receiver"])
    sender = linked_room.sender("c", segments=2, frames=100, **limits, **VIDEO, **options["sender"])
    linked_room.bystander("audience")  # with nobody there but agents a server closes the room
    far_program = sender if far_side == "sender" else receiver
    receiver.wait_event("frame")
    link.shape(delay_ms=20)
    receiver.wait_event("frame", 10)
    link.unplug()
    far_program.wait_event(where("room_state", state="reconnecting"))
    time.sleep(30)  # how long the fault lasts, from when it was seen
    link.plug()
    far_program.wait_event(CONNECTED, 2, limit_s=RECOVERY_LIMIT_S)
    sender.wait_exit(RECOVERY_LIMIT_S + 60)  # what was lost may make its status non-zero: it cannot know that all arrived
    receiver.interrupt()
    receiver.wait_exit()
    assert checks.assert_promises(sender, receiver)[-1] == "FLUSHED"
    checks.assert_little_is_missing(sender, receiver)
    checks.assert_same_segment(sender, 2, receiver, checks.last_segment(receiver))
    checks.assert_every_segment_finished(sender, receiver)
