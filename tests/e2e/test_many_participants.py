# SPDX-License-Identifier: Apache-2.0
"""Several senders and receivers in one room: everybody gets what is meant for them, and nothing else."""

from support import checks

SHAPE = ("rgba", 320, 240)
VIDEO = {"segments": 1, "frames": 60, "size": "320x240"}


def test_two_pairs_at_once(room):
    receivers = {name: room.receiver("c", identity=f"receiver-{name}", sender=f"sender-{name}", segments=1) for name in "ab"}
    senders = {name: room.sender("cpp", identity=f"sender-{name}", destination=f"receiver-{name}", **VIDEO) for name in "ab"}
    for name in "ab":
        senders[name].expect_exit(0)
        receivers[name].expect_exit(0)
        checks.assert_same_frames(senders[name], receivers[name], 1, 60, SHAPE)
        checks.assert_finishes(senders[name], [2.0])


def test_receiver_takes_the_sender_it_was_given(room):
    receiver = room.receiver("c", sender="wanted", segments=1)
    unwanted = room.sender("c", identity="unwanted", finish_timeout=2, **{**VIDEO, "type": "i420"})
    unwanted.wait_event("sent")
    wanted = room.sender("c", identity="wanted", **VIDEO)
    wanted.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(wanted, receiver, 1, 60, SHAPE)
    unwanted.expect_failure()
    checks.assert_finishes(unwanted, [])


def test_receiver_stays_for_the_next_sender(room):
    receiver = room.receiver("c", sender=None, stay=True, segments=2)
    for segment, identity in ((1, "first"), (2, "second")):
        sender = room.sender("c", identity=identity, **VIDEO)
        sender.expect_exit(0)
        checks.assert_same_segment(sender, 1, receiver, segment)
    receiver.expect_exit(0)
