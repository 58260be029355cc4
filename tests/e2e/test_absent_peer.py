# SPDX-License-Identifier: Apache-2.0
"""Whom one waits for never comes, or comes late."""

import pytest

from support import checks

WAIT_S = 3


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_destination_never_comes(room, language):
    room.bystander("somebody-else")
    sender = room.sender(language, destination="nobody", wait_timeout=WAIT_S)
    sender.expect_failure(10 * WAIT_S)
    checks.assert_error(sender, "TIMEOUT", "NO_DESTINATION")
    assert not sender.matching("sent")


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_sender_never_comes(room, language):
    room.bystander("somebody-else", kind="agent")
    receiver = room.receiver(language, sender="nobody", wait_timeout=WAIT_S, segments=1)
    receiver.expect_failure(10 * WAIT_S)
    checks.assert_error(receiver, "TIMEOUT")


def test_no_agent_comes(room):
    room.bystander("human", kind="standard")
    receiver = room.receiver("c", sender=None, wait_timeout=WAIT_S, segments=1)
    receiver.expect_failure(10 * WAIT_S)
    checks.assert_error(receiver, "TIMEOUT")


def test_agent_comes_late_and_a_human_is_not_taken(room):
    receiver = room.receiver("c", sender=None, segments=1)
    human = room.sender("c", identity="human", kind="standard", segments=1, frames=10, size="160x120", finish_timeout=2)
    human.expect_failure()  # nobody finishes its segment
    assert not receiver.matching("segment_start"), receiver.report()
    agent = room.sender("cpp", identity="agent", kind="agent", segments=1, frames=20, size="320x240")
    agent.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(agent, receiver, 1, 20, ("rgba", 320, 240))
