# SPDX-License-Identifier: Apache-2.0
"""What a situation asserts about events: frames equal by crc32, segments with one start and one end, positions."""

from . import pixels
from .programs import Event, Program

FRAME_KEYS = ("number", "width", "height", "type", "bytes", "crc32")
POSITION_TOLERANCE_S = 0.001
MOST_UNDER_WAY_BYTES = 16 * 2**20  # the largest window of version 1

# The C API's result codes that a situation may ask for (lkvideo.h).
ERROR_NAMES = {
    -3: "TIMEOUT",
    -5: "UNSUPPORTED",
    -6: "URL",
    -7: "RESOLVE",
    -8: "UNREACHABLE",
    -9: "TLS",
    -10: "UNAUTHORIZED",
    -11: "SERVER",
    -13: "NO_DESTINATION",
}


def frames(program: Program, kind: str, segment: int) -> list[tuple]:
    """What identifies each `sent` or `frame` of a segment, in order."""
    return [tuple(event[key] for key in FRAME_KEYS) for event in program.matching(kind) if event["segment"] == segment]


def assert_same_frames(sender: Program, receiver: Program, segments: int, count: int, shape: tuple[str, int, int]) -> None:
    """Every frame of every segment is on both sides, with one crc32, and no other frame is on either."""
    name, width, height = shape
    expected = (width, height, pixels.TYPES[name], pixels.frame_bytes(name, width, height))
    for kind, program in (("sent", sender), ("frame", receiver)):
        assert len(program.matching(kind)) == segments * count, program.report()
    for segment in range(1, segments + 1):
        assert_same_segment(sender, segment, receiver, segment)
        assert [frame[1:5] for frame in frames(sender, "sent", segment)] == [expected] * count
    crcs = {event["crc32"] for event in sender.matching("sent")}
    assert len(crcs) > 1, "all frames are alike: equal crc32 would prove nothing"


def assert_same_segment(sender: Program, sent_segment: int, receiver: Program, received_segment: int) -> None:
    """One segment as it was sent is one segment as it was received, whole and in order."""
    sent = frames(sender, "sent", sent_segment)
    got = frames(receiver, "frame", received_segment)
    assert sent and [frame[0] for frame in sent] == list(range(len(sent))), sender.report()
    assert got == sent, f"{len(got)} frames got, {len(sent)} sent\n{receiver.report()}"
    end = segment_end(receiver, received_segment)
    assert (end["cause"].upper(), end["frames"]) == ("FLUSHED", len(sent)), end


def assert_continued(sender: Program, sent_segment: int, receiver: Program, received_segment: int) -> None:
    """One segment of version 1 over one full reconnect: it goes on and ends whole; what is missing was on its way when
    the stream was lost, so that it is one run of frames, and the end says how many."""
    sent = frames(sender, "sent", sent_segment)
    got = frames(receiver, "frame", received_segment)
    numbers = [frame[0] for frame in got]
    assert got == [sent[number] for number in numbers], f"not what was sent\n{receiver.report()}"
    steps = [later - earlier for earlier, later in zip([-1, *numbers], numbers)]
    assert min(steps) > 0 and len([step for step in steps if step > 1]) <= 1, f"not one run is missing: {numbers}"
    end = segment_end(receiver, received_segment)
    assert (end["cause"].upper(), end["frames"] + end["lost"]) == ("FLUSHED", len(sent)), end
    assert_little_is_missing(sender, receiver)


def assert_little_is_missing(sender: Program, receiver: Program) -> None:
    """With version 1 a break costs no more than what was on its way, since the sender waits for a receiver that is not
    heard of."""
    sent, got = sender.matching("sent"), receiver.matching("frame")
    missing = sum(event["bytes"] for event in sent) - sum(event["bytes"] for event in got)
    assert 0 <= missing <= MOST_UNDER_WAY_BYTES, f"{len(sent) - len(got)} frames are missing\n{receiver.report()}"


def segment_end(receiver: Program, segment: int) -> Event:
    """The one end of a segment."""
    ends = [event for event in receiver.matching("segment_end") if event["segment"] == segment]
    assert len(ends) == 1, f"segment {segment} has {len(ends)} ends\n{receiver.report()}"
    return ends[0]


def assert_segments_in_order(receiver: Program) -> list[str]:
    """Each start is followed by exactly one end, frames lie between them; returns the causes in order."""
    causes, current, last = [], None, 0
    for event in receiver.events:
        match event["event"]:
            case "segment_start":
                assert current is None and event["segment"] == last + 1, receiver.report()
                current = last = event["segment"]
            case "frame":
                assert event["segment"] == current, receiver.report()
            case "segment_end":
                assert event["segment"] == current, receiver.report()
                causes.append(event["cause"].upper())
                current = None
    return causes


def assert_promises(sender: Program, receiver: Program, unreported: int = 0, left: bool = False) -> list[str]:
    """What holds whatever happens on the way: each segment that started has one end, and what was delivered was sent:
    whole, in order, at most once. Returns the causes. `unreported`: frames that a killed sender may have sent without
    saying so. `left`: the receiver left with events in its queue, maybe the last end."""
    causes = assert_segments_in_order(receiver)
    open_segments = len(receiver.matching("segment_start")) - len(causes)
    assert open_segments in ((0, 1) if left else (0,)), f"{open_segments} segments have no end\n{receiver.report()}"
    identity = lambda event: tuple(event[key] for key in FRAME_KEYS[1:])  # noqa: E731  numbers begin anew with a stream
    to_come = iter(map(identity, sender.matching("sent")))
    strangers = [event for event in receiver.matching("frame") if identity(event) not in to_come]
    assert len(strangers) <= unreported, f"not sent, damaged, repeated or out of order: {strangers[:3]}\n{receiver.report()}"
    return causes


def assert_every_segment_finished(sender: Program, receiver: Program) -> None:
    """At the end of the sender no segment is without its playback-finished, real or made up, and none has two."""
    finishes = len(sender.matching("playback_finished")) + len(sender.matching("playback_made_up"))
    segments = {event["segment"] for event in sender.matching("sent")}
    is_break = lambda event: event["event"] == "room_state" and event["state"] == "reconnecting"  # noqa: E731
    breaks = len(sender.matching(is_break)) + len(receiver.matching(is_break))  # each may cut a segment in two (v0)
    problem = f"{finishes} finishes of {len(segments)} segments, {breaks} breaks\n{sender.report()}"
    assert len(segments) <= finishes <= len(segments) + breaks, problem


def last_segment(receiver: Program) -> int:
    """The number of the last segment that has started."""
    return receiver.matching("segment_start")[-1]["segment"]


def assert_cleared_then_whole(sender: Program, receiver: Program) -> None:
    """Segment 1 was cleared: no frame of it after `cleared`, one end, what came of it is intact; segment 2 is whole."""
    assert len(receiver.matching("cleared")) == 1, receiver.report()
    assert assert_segments_in_order(receiver) == ["CLEARED", "FLUSHED"], receiver.report()
    after = receiver.events[receiver.events.index(receiver.matching("cleared")[0]) :]
    assert not [event for event in after if event["event"] == "frame" and event["segment"] == 1], receiver.report()
    got = frames(receiver, "frame", 1)
    assert got == frames(sender, "sent", 1)[: len(got)], "what came before the clear is not what was sent"
    assert_same_segment(sender, 2, receiver, 2)


def assert_finishes(sender: Program, positions: list[float], interrupted: list[bool] | None = None) -> None:
    """The playback-finished events of the sender, position by position."""
    events = sender.matching("playback_finished")
    got = [event["position"] for event in events]
    assert len(got) == len(positions), f"positions {got}, not {positions}\n{sender.report()}"
    close = [abs(one - other) <= POSITION_TOLERANCE_S for one, other in zip(got, positions)]
    assert all(close), f"positions {got}, not {positions}"
    assert [event["interrupted"] for event in events] == (interrupted or [False] * len(positions))


def assert_error(program: Program, *names: str) -> Event:
    """The first `error` event has one of the result codes `names` (without `LKV_ERROR_`) and a text; returns it."""
    errors = program.matching("error")
    assert errors, f"no error event\n{program.report()}"
    code = ERROR_NAMES.get(errors[0]["code"], errors[0]["code"])
    assert code in names, f"error {code}, not {' or '.join(names)}\n{program.report()}"
    assert errors[0]["message"], "an error without a text"
    return errors[0]
