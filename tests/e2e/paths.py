#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast video goes over paths that are not good: a sender on a far host, the relay between it and the server.

    python3 tests/e2e/paths.py [--path NAME ...] [--fps N] [--seconds N] [--size WxH] [--policy P]

For each path one line of JSON: frames a second and megabits a second of pixels that arrived, the longest gap between
two frames, latency (send call to callback, both on one clock), frames that did not arrive, what the link dropped, its
longest queue, and the processors' time. `--conditions '{"delay_ms":20,"loss":0.002}'` is a path of one's own. Needs
what tests/e2e/run.py needs: a server, the examples, root, and the relay (`cargo xtask test --only faults` builds it).
"""

import argparse
import json
import pathlib
import signal
import sys
import tempfile

import run

# Delays are one way; rates are of IP packets.
PATHS = {
    "unshaped": {},
    "40ms": {"delay_ms": 20},
    "40ms-0.1%": {"delay_ms": 20, "loss": 0.001},
    "40ms-1%": {"delay_ms": 20, "loss": 0.01},
    "60mbit-100kB-40ms": {"delay_ms": 20, "rate_mbit": 60, "queue_bytes": 100_000},
    "200ms": {"delay_ms": 100},
}


def measure(name: str, conditions: dict, options) -> dict:
    """Plays one sender's video over one path."""
    from support.network import ShapedHost
    from support.room import Room
    from support.server import Server

    with tempfile.TemporaryDirectory() as folder, ShapedHost(options.seed, **conditions) as host:
        server = Server(pathlib.Path(folder) / "livekit-server.log", media_ip=host.near_ip)
        server.start()
        room = Room(server, "paths")
        try:
            with host.signalling(server.port) as url:
                return {"path": name, **play(room, host, {"prefix": host.prefix, "url": url}, conditions, options)}
        finally:
            room.end()
            server.kill()


def play(room, host, far: dict, conditions: dict, options) -> dict:
    """Sends for so many seconds and evaluates what arrived until then."""
    near_side = room.receiver("c", stay=True)
    sender = room.sender(
        "c",
        segments=1,
        frames=1_000_000,
        fps=options.fps,
        size=options.size,
        policy=options.policy,
        **far,
    )
    near_side.wait_event("frame")
    before = host.counters()
    begin_us = near_side.matching("frame")[-1]["t_us"] + int(options.settle * 1e6)
    end_us = begin_us + int(options.seconds * 1e6)
    cpu_s = host.relay_cpu_s()
    near_side.wait_event(lambda event: event.get("t_us", 0) >= end_us, limit_s=options.seconds + options.settle + 60)
    relay = (host.relay_cpu_s() - cpu_s) / (options.seconds + options.settle)
    after = host.counters()
    dropped = {kind: after["to_near"][kind] - before["to_near"][kind] for kind in ("packets", "lost", "overflowed")}
    in_time = lambda event: begin_us <= event["t_us"] < end_us  # noqa: E731
    return {
        "conditions": conditions,
        **evaluate(list(filter(in_time, sender.matching("sent"))), list(filter(in_time, near_side.matching("frame"))), sender, options),
        "link": dropped,
        "longest_queue_kB": after["to_near"]["longest_queue_bytes"] // 1000,
        "relay_cpu": round(relay, 2),
    }


def evaluate(sent: list, frames: list, sender, options) -> dict:
    """Frames that came within the measured seconds."""
    if len(frames) < 2:
        return {"frames": len(frames), "sent": len(sent)}
    origins = {(event["segment"], event["number"], event["crc32"]): event["t_us"] for event in sender.matching("sent")}
    delays = [frame["t_us"] - origins.get((frame["segment"], frame["number"], frame["crc32"]), frame["t_us"]) for frame in frames]
    delays.sort()
    gaps = [later["t_us"] - earlier["t_us"] for earlier, later in zip(frames, frames[1:])]
    at = lambda percent: round(delays[(len(delays) - 1) * percent // 100] / 1e3, 1)  # noqa: E731
    return {
        "fps": round(len(frames) / options.seconds, 1),
        "mbit_s": round(sum(frame["bytes"] for frame in frames) * 8 / 1e6 / options.seconds, 1),
        "sent_fps": round(len(sent) / options.seconds, 1),
        "longest_gap_ms": round(max(gaps) / 1e3, 1),
        "latency_ms": {"p50": at(50), "p99": at(99), "max": at(100)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", nargs="+", choices=list(PATHS), default=["60mbit-100kB-40ms", "40ms-0.1%"])
    parser.add_argument("--conditions", type=json.loads, help="a path of one's own, as JSON")
    parser.add_argument("--fps", type=float, default=0, help="0: as fast as it goes")
    parser.add_argument("--seconds", type=float, default=10, help="that are measured")
    parser.add_argument("--settle", type=float, default=3, help="seconds on the path before")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--policy", default="block")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    run.enter_environment()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    paths = {"own": options.conditions} if options.conditions else {name: PATHS[name] for name in options.path}
    for name, conditions in paths.items():
        print(json.dumps(measure(name, conditions, options)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
