# SPDX-License-Identifier: Apache-2.0
"""A peer that is killed, or stands still: the other one ends in a known state, or goes on as if nothing had been."""

import time

import pytest

from support import checks, pixels

pytestmark = pytest.mark.fault
VIDEO = {"size": "160x120", "type": "rgba", "fps": 30}
# The server gives a vanished participant up after 20 s or so.
GONE_LIMIT_S = 90
SLOW_SECONDS = 60
MOST_GROWTH_BYTES = 64 * 2**20
MOST_AHEAD = 16  # frames: the sender's queue, a window of 1 MiB, and one more


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_sender_is_killed(room, language):
    receiver = room.receiver(language)
    sender = room.sender("c", segments=1, frames=3000, **VIDEO)
    receiver.wait_event("frame", 20)
    sender.crash()
    receiver.wait_event("segment_end", limit_s=GONE_LIMIT_S)
    receiver.expect_failure(GONE_LIMIT_S)  # by itself: the sender left
    assert checks.assert_promises(sender, receiver, unreported=1) in (["SENDER_LEFT"], ["TIMED_OUT"])  # whichever is first


@pytest.mark.long
def test_killed_sender_comes_again(room):
    receiver = room.receiver("c", stay=True)
    killed = room.sender("c", segments=1, frames=3000, **VIDEO)
    receiver.wait_event("frame", 20)
    killed.crash()
    sender = room.sender("cpp", segments=1, frames=30, **VIDEO)
    sender.expect_exit(0, GONE_LIMIT_S)
    receiver.interrupt()
    receiver.wait_exit()
    causes = checks.assert_segments_in_order(receiver)
    assert len(causes) == 2 and causes[0] != "FLUSHED" and causes[1] == "FLUSHED", causes
    checks.assert_same_segment(sender, 1, receiver, 2)


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_receiver_is_killed(room, language):
    receiver = room.receiver("c")
    sender = room.sender(language, segments=2, frames=90, finish_timeout=GONE_LIMIT_S, **VIDEO)
    receiver.wait_event("frame", 20)
    receiver.crash()
    sender.expect_failure(GONE_LIMIT_S)  # nobody saw the rest
    assert len(sender.matching("playback_made_up")) == len({event["segment"] for event in sender.matching("sent")}), sender.report()
    assert not sender.matching("playback_finished"), sender.report()


@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_stands_still_for_five_seconds(room, side):
    receiver = room.receiver("c", segments=2)
    sender = room.sender("c", segments=2, frames=150, finish_timeout=60, **VIDEO)
    receiver.wait_event("frame", 20)
    paused = {"sender": sender, "receiver": receiver}[side]
    paused.pause()
    time.sleep(5)  # how long the fault lasts
    paused.resume()
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 150, ("rgba", 160, 120))
    checks.assert_finishes(sender, [5.0, 10.0])


def watch_memory(receiver, everybody: dict) -> int:
    """How many bytes all of them need more while the receiver takes a frame each second."""
    receiver.wait_event("frame")
    memory = [{name: one.memory_bytes() for name, one in everybody.items()}]
    for frame in range(2, SLOW_SECONDS + 1):
        receiver.wait_event("frame", frame)
        memory.append({name: one.memory_bytes() for name, one in everybody.items()})
    growth = max(sum(now.values()) for now in memory) - sum(memory[0].values())
    each = {name: f"{(max(now[name] for now in memory) - memory[0][name]) / 2**20:.1f}" for name in everybody}
    print(f"growth {growth / 2**20:.1f} MiB: {each}")
    return growth


@pytest.mark.long
def test_receiver_takes_a_frame_a_second(room, server):
    """Credit slows the sender down: nobody piles anything up, and nobody drops a frame."""
    receiver = room.receiver("c", slow=1000)
    sender = room.sender("c", segments=1, frames=3000, size="320x240", type="rgba", fps=30)
    growth = watch_memory(receiver, {"sender": sender, "receiver": receiver, "server": server})
    taken, sent = len(receiver.matching("frame")), len(sender.matching("sent"))
    counters = [program.matching("stats")[-1] for program in (sender, receiver)]
    sender.interrupt()
    sender.wait_exit()
    receiver.interrupt()
    receiver.wait_exit()
    checks.assert_promises(sender, receiver, unreported=1, left=True)
    got = checks.frames(receiver, "frame", 1)
    assert [frame[0] for frame in got] == list(range(len(got))), "a frame is missing"
    dropped = {name: count for one in counters for name, count in one.items() if name.startswith("dropped_") and count}
    assert not dropped, dropped
    assert sent <= taken + MOST_AHEAD, f"{sent} frames sent, {taken} taken"
    assert growth < MOST_GROWTH_BYTES, f"grew by {growth / 2**20:.1f} MiB"


@pytest.mark.long
def test_receiver_takes_a_frame_a_second_of_version_0(room, server):
    """Without flow control its queue drops the oldest frames, so that nobody piles up what it does not take."""
    receiver = room.receiver("c", slow=1000)
    sender = room.sender("peer", segments=1, frames=3000, size="320x240", type="rgba", fps=10)
    growth = watch_memory(receiver, {"receiver": receiver, "server": server})
    not_taken = len(sender.matching("sent")) - len(receiver.matching("frame"))
    dropped = receiver.matching("stats")[-1]["dropped_oldest"]
    sender.crash()
    receiver.interrupt()
    receiver.wait_exit()
    checks.assert_promises(sender, receiver, unreported=1, left=True)
    not_taken_bytes = not_taken * pixels.frame_bytes("rgba", 320, 240)
    assert not_taken_bytes > MOST_GROWTH_BYTES, f"the sender was held up: {not_taken} frames more than were taken"
    assert dropped > not_taken / 4, f"{dropped} dropped of {not_taken} that were not taken"
    assert growth < MOST_GROWTH_BYTES, f"grew by {growth / 2**20:.1f} MiB"
