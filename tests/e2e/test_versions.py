# SPDX-License-Identifier: Apache-2.0
"""Which version is spoken: 1 between two of ours, 0 with the official SDK, and what only version 1 can do."""

import pytest

from support import checks
from support.room import CONNECTED

FPS = 20


def versions(program) -> set[int]:
    """The wire versions that its counters have told of: -1 is not known yet."""
    return {event["wire_version"] for event in program.matching("stats")} - {-1}


@pytest.mark.parametrize("languages", [("c", "c"), ("c", "cpp"), ("cpp", "c")], ids="-to-".join)
def test_two_of_ours_speak_version_1(room, languages):
    receiver = room.receiver(languages[1], segments=2, fps=FPS)
    sender = room.sender(languages[0], segments=2, frames=2 * FPS, fps=FPS, size="320x240")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 2 * FPS, ("rgba", 320, 240))
    assert (versions(sender), versions(receiver)) == ({1}, {1})
    # Each segment is reported as shown, before it is reported as played.
    told = [(event["event"], event["segment"]) for event in sender.events if event["event"].startswith("playback_")]
    for segment in (1, 2):
        shown, played = ("playback_started", segment), ("playback_finished", segment)
        assert told.count(shown) == told.count(played) == 1 and told.index(shown) < told.index(played), told


def test_version_0_with_a_peer_that_receives(room):
    receiver = room.receiver("peer", segments=1, fps=FPS)
    sender = room.sender("c", segments=1, frames=2 * FPS, fps=FPS, size="160x120")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, 2 * FPS, ("rgba", 160, 120))
    assert versions(sender) == {0}
    assert not sender.matching("error") and not sender.matching("playback_started")


def test_version_0_with_a_peer_that_sends(room):
    receiver = room.receiver("c", segments=1, fps=FPS)
    sender = room.sender("peer", segments=1, frames=2 * FPS, fps=FPS, size="160x120")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, 2 * FPS, ("rgba", 160, 120))
    assert versions(receiver) == {0}


def test_a_sender_that_is_there_first_loses_nothing(room):
    """Who receives may be in the room before its channels are up: what is sent then the server drops. The hello is not
    answered before."""
    sender = room.sender("c", segments=1, frames=5, fps=0, size="160x120")
    sender.wait_event(CONNECTED)
    receiver = room.receiver("c", segments=1, wait=False)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, 5, ("rgba", 160, 120))
    assert versions(receiver) == {1}


def test_labels_are_kept_apart(room):
    """A label that nobody listens to gets no video through; the one that somebody listens to does."""
    receiver = room.receiver("c", segments=1, label="left")
    stranger = room.sender("c", "other", segments=1, frames=5, size="160x120", label="right")
    sender = room.sender("c", segments=1, frames=5, size="160x120", label="left")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, 5, ("rgba", 160, 120))
    stranger.end()
    assert not stranger.matching("playback_finished")
