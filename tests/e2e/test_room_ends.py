# SPDX-License-Identifier: Apache-2.0
"""The room ends for one side or both while a segment runs: the state says why and the segment ends with its cause."""

import pytest

from support import checks
from support.programs import where
from support.room import CONNECTED

FRAMES = 240  # at 30 a second: longer than what happens to them takes


@pytest.fixture
def running(room):
    """(sender, receiver) in the middle of a segment. The receiver comes last: so it knows the sender from the start."""
    sender = room.sender("cpp", segments=1, frames=FRAMES, size="320x240", finish_timeout=2)
    sender.wait_event(CONNECTED)
    receiver = room.receiver("c", segments=1)
    receiver.wait_event("frame", 10)
    return sender, receiver


def assert_disconnected(program, reason):
    """The state says so and why, and the process ends with a failure."""
    program.wait_event(where("room_state", state="disconnected", reason=reason))
    program.expect_failure()


def assert_cut_short(sender, receiver, *causes):
    """The one segment ended with one of `causes`; what came of it is intact."""
    assert checks.segment_end(receiver, 1)["cause"] in causes, receiver.report()
    got = checks.frames(receiver, "frame", 1)
    assert got == checks.frames(sender, "sent", 1)[: len(got)]


def test_room_is_deleted(room, server, running):
    sender, receiver = running
    server.delete_room(room.name)
    assert_disconnected(receiver, "room_closed")
    assert_disconnected(sender, "room_closed")
    # The server closes one participant after the other, and may tell the second that the first has left.
    assert_cut_short(sender, receiver, "DISCONNECTED", "SENDER_LEFT")


def test_receiver_is_removed(room, server, running):
    sender, receiver = running
    server.remove_participant(room.name, "receiver")
    assert_disconnected(receiver, "participant_removed")
    assert_cut_short(sender, receiver, "DISCONNECTED")
    sender.expect_failure()  # its destination is gone


def test_receiver_joins_twice(room, running):
    sender, receiver = running
    room.bystander("receiver")
    assert_disconnected(receiver, "duplicate_identity")
    assert_cut_short(sender, receiver, "DISCONNECTED")


def test_sender_joins_twice(room, running):
    sender, receiver = running
    room.bystander("sender", kind="agent")
    assert_disconnected(sender, "duplicate_identity")
    receiver.wait_event("segment_end")
    # The other says no hello: of a participant that is there again nobody knows that it will not go on.
    assert_cut_short(sender, receiver, "TIMED_OUT")


def test_sender_is_removed(room, server, running):
    sender, receiver = running
    server.remove_participant(room.name, "sender")
    assert_disconnected(sender, "participant_removed")
    receiver.wait_event("segment_end")
    assert_cut_short(sender, receiver, "SENDER_LEFT")
    receiver.expect_failure()


def test_sender_crashes(running):
    sender, receiver = running
    sender.crash()
    receiver.wait_event("segment_end")
    assert_cut_short(sender, receiver, "TIMED_OUT", "SENDER_LEFT")
    receiver.expect_failure()
