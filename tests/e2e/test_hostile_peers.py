# SPDX-License-Identifier: Apache-2.0
"""Participants that send what nobody should: what they get is refused and counted, and good video goes on whole.

What they send, and through which SDK, is in support/hostile.py and support/nonsense.py. The counters that are asserted are
exact: nothing is refused in silence, and nothing good is refused.
"""

import pytest

from support import checks, hostile, nonsense
from support.programs import Program, where

MOST_GROWTH_BYTES = 16 * 2**20
VIDEO = {"segments": 1, "size": "16x8", "fps": 30}
CALLS = len(hostile.METHODS) * len(nonsense.JSON)
ERROR = "1500"


def last_stats(program: Program, **counters) -> dict:
    """The counters of a program, once these have the values that they are to have."""
    reached = lambda event: all(event[name] >= count for name, count in counters.items())  # noqa: E731
    try:
        stats = program.wait_event(lambda event: event["event"] == "stats" and reached(event), limit_s=20)
    except AssertionError:
        stats = program.matching("stats")[-1]
    assert {name: stats[name] for name in counters} == counters, program.report()
    return program.matching("stats")[-1]


def only(stats: dict, *names: str) -> dict:
    """What was refused or went wrong, by the counters that are not 0, but for these."""
    causes = ("refused_", "chunks_", "messages_", "frames_lost", "dropped_", "playback_unmatched", "events_dropped")
    return {name: count for name, count in stats.items() if count and name.startswith(causes) and name not in names}


def assert_answers(peer: Program, to: str, method: str, kinds: list[str]) -> None:
    """All calls of a method so far were answered with one of these."""
    events = peer.matching(where("answers", to=to, method=method))
    got = {kind for event in events for kind in event["kinds"]}
    assert events and got == set(kinds), f"{method} of {to}: {got}"


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_stranger(room, language):
    """Neither's peer, and an agent at that: servers let those speak for others. 20,000 headers without chunks, chunks
    without headers, streams, calls and messages of both versions, at a receiver and at a sender."""
    headers = 20_000 if language == "c" else 500
    receiver = room.receiver(language, stay=True)
    sender = room.sender(language, frames=5000, **VIDEO)
    receiver.wait_event("frame", 30)
    before = {program: program.memory_bytes() for program in (receiver, sender)}
    peers = {"receiver": "receiver", "sender": "sender"}
    mallory = room.start("hostile", "stranger", "mallory", kind="agent", headers=headers, **peers)
    mallory.wait_event("done")

    messages = len(nonsense.CONTROL) + len(nonsense.FOREIGN)
    rejected = {"receiver": 6, "sender": 5}
    stats = last_stats(receiver, refused_foreign=headers + 2, messages_stale=messages + CALLS + rejected["receiver"])
    assert not only(stats, "refused_foreign", "messages_stale"), stats
    stats = last_stats(sender, messages_stale=messages + CALLS + rejected["sender"])
    assert not only(stats, "messages_stale"), stats
    for identity in peers:
        assert_answers(mallory, identity, hostile.CLEAR, [ERROR, "reject"])
        assert_answers(mallory, identity, hostile.PLAYBACK_STARTED, [ERROR, "reject"])
        assert_answers(mallory, identity, hostile.PLAYBACK_FINISHED, [ERROR, "reject"])

    receiver.wait_event("frame", len(receiver.matching("frame")) + 30)
    growth = {program.name: program.memory_bytes() - bytes for program, bytes in before.items()}
    assert max(growth.values()) < MOST_GROWTH_BYTES, growth
    sender.interrupt()
    sender.wait_exit()
    receiver.interrupt()
    receiver.wait_exit()
    checks.assert_promises(sender, receiver, unreported=1)
    got, sent = checks.frames(receiver, "frame", 1), checks.frames(sender, "sent", 1)
    assert got == sent[: len(got)] and len(sent) - len(got) <= 1, "a frame is missing"
    assert not receiver.matching("error") and not receiver.matching("cleared"), receiver.report()


def test_sender_of_version_0(room):
    """The sender that is listened to; in the end it begins segments faster than the application takes frames. When it has
    left and comes back with good intentions, all is well."""
    headers = 2000
    receiver = room.receiver("c", stay=True, slow=50)
    before = receiver.memory_bytes()
    sender = room.start("hostile", "sender", "sender", kind="agent", receiver="receiver", version=0, headers=headers)
    sender.wait_event("done")
    orders = len(nonsense.ORDERS)
    streams = len(nonsense.ATTRIBUTES) + len(nonsense.LARGE) + orders + 1 + headers
    came = lambda stats: stats["segments_started"] + stats["streams_refused"]  # noqa: E731
    receiver.wait_event(lambda event: event["event"] == "stats" and came(event) == streams)
    counters = {"refused_bad": len(nonsense.ATTRIBUTES), "refused_large": len(nonsense.LARGE), "chunks_refused": 1}
    counters |= {"chunks_repeated": 2, "chunks_lost": 3, "messages_stale": CALLS + len(nonsense.CONTROL)}
    stats = last_stats(receiver, **counters)
    causes = sum(stats[f"refused_{cause}"] for cause in ("bad", "large", "many"))
    assert stats["refused_many"] and stats["streams_refused"] == causes, stats
    assert not only(stats, *counters, "refused_many", "chunks_unknown"), stats
    for method in hostile.METHODS:
        assert_answers(sender, "receiver", method, [ERROR])
    assert receiver.memory_bytes() - before < MOST_GROWTH_BYTES
    receiver.wait_event("notified", stats["segments_started"] - 1)  # all but the open one's
    sender.end()

    good = room.sender("peer", segments=1, frames=5, fps=10, size="160x120")
    receiver.wait_event(where("notified", answer="ok"), 2)  # that of the segment that was left open, too
    receiver.interrupt()
    receiver.wait_exit()
    good.expect_exit(0)
    causes = checks.assert_segments_in_order(receiver)
    assert causes[:orders] == ["FLUSHED", "TRUNCATED", "TRUNCATED", "TRUNCATED"], causes
    assert checks.frames(receiver, "frame", orders + 1) == checks.frames(sender, "sent", 1)
    assert causes[orders] == causes[-1] == "FLUSHED" and "FLUSHED" not in causes[orders + 1 : -1], causes
    checks.assert_same_segment(good, 1, receiver, len(causes))


def test_sender_of_version_1(room):
    """The sender that is listened to: records that lie, beside good ones; more than was granted; other lives."""
    receiver = room.receiver("c", stay=True)
    before = receiver.memory_bytes()
    sender = room.start("hostile", "sender", "sender", kind="agent", receiver="receiver", version=1)
    sender.wait_event("done")
    receiver.wait_event("segment_end", 3)

    lies = nonsense.lies(hostile.SESSION)
    stats = last_stats(
        receiver,
        refused_bad=len(nonsense.STREAMS),
        refused_stale=3,
        chunks_refused=len(nonsense.CHUNKS) + len(nonsense.HEADERS) + 1,
        # The record that is beyond the credit is refused as a claim, too.
        messages_stale=CALLS + len(nonsense.CONTROL) + len(lies) + 1,
        frames_lost=3,
        chunks_lost=2,
        chunks_repeated=1,
        dropped_truncated=1,
    )
    assert not stats["refused_foreign"] and not stats["refused_many"], stats
    for method in hostile.METHODS[1:]:
        assert_answers(sender, "receiver", method, [ERROR])
    assert checks.assert_segments_in_order(receiver) == ["FLUSHED", "TRUNCATED", "FLUSHED"]
    sent = checks.frames(sender, "sent", 1)
    first, last = sent[: hostile.GOOD_FRAMES], sent[hostile.GOOD_FRAMES :]
    assert checks.frames(receiver, "frame", 1) == [frame for frame in first if frame[0] not in (1, 3, 5)]
    assert checks.frames(receiver, "frame", 3) == last and len(last) == hostile.GOOD_FRAMES
    assert receiver.memory_bytes() - before < MOST_GROWTH_BYTES


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_receiver(room, language):
    """The sender's destination: nonsense for answers, credit of other lives, finishes of segments that never were."""
    receiver = room.start("hostile", "receiver", "receiver", sender="sender")
    sender = room.sender(language, frames=30, finish_timeout=30, **VIDEO)
    sender.expect_exit(0)
    sent = checks.frames(sender, "sent", 1)
    assert checks.frames(receiver, "frame", 1) == sent and len(sent) == 30
    lies = nonsense.receiver_lies(hostile.SESSION)
    stats = sender.matching("stats")[-1]
    # And a playback-started of another life.
    assert stats["messages_stale"] == CALLS + len(nonsense.CONTROL) + len(lies) + 1, stats
    # Of unknown segments while the first is under way, and of the first once more.
    assert stats["playback_unmatched"] == 4, stats
    checks.assert_finishes(sender, [1.0])
    for method in hostile.METHODS[:3]:
        assert_answers(receiver, "sender", method, [ERROR, "ok"] if method == hostile.PLAYBACK_STARTED else [ERROR])
