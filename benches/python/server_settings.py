#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What settings of livekit-server do to streams of raw video: the figures of docs/deploy.md.

    python3 benches/python/server_settings.py SERVER PROGRAMS [--rounds N] [--seconds S] [--only REGEX]

SERVER is a livekit-server, PROGRAMS the folder with `frame_sender` and `frame_receiver` that `cargo xtask bench --build`
leaves. The cases take turns; a figure is the median of its rounds. The socket buffers are those that the system allows
(net.core.rmem_max, wmem_max): set them before. "overflowed" counts the datagrams that found a full socket anywhere on
the machine. A starved receiver is one whose process stands still for nine tenths of each second.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field

SECRET = "a-secret-for-tests-on-this-machine-only"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Case:
    name: str
    fps: int = 30  # 0: as fast as it goes
    rtc: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    ports: int = 1  # 0: a port for each participant
    size: str = "640x480"
    type: str = "rgba"
    pairs: int = 1  # each in a room of its own
    starved: bool = False


def threshold(bits: int) -> dict:
    return {"datachannel_slow_threshold": bits}


BATCH = {"batch_io": {"batch_size": 128, "max_flush_interval": "2ms"}}
CASES = [
    case
    for fps in (0, 30)
    for case in (
        Case("default", fps),
        Case("GOGC=400", fps, environment={"GOGC": "400"}),
        Case("two udp ports", fps, ports=2),
        Case("port_range", fps, ports=0),
        Case("batch_io", fps, rtc=BATCH),
        Case("slow_threshold 1 Mbit/s", fps, rtc=threshold(1_000_000)),
        Case("slow_threshold 100 Mbit/s", fps, rtc=threshold(100_000_000)),
    )
] + [
    Case("stream 640x480 i420", type="i420"),
    Case("stream 320x240 rgba", size="320x240"),
    Case("stream 320x240 i420", size="320x240", type="i420"),
    Case("streams 2 of 640x480 i420", type="i420", pairs=2),
    Case("streams 4 of 320x240 rgba", size="320x240", pairs=4),
    Case("starved, default", starved=True),
    Case("starved, slow_threshold 1 Mbit/s", rtc=threshold(1_000_000), starved=True),
    Case("starved, slow_threshold 100 Mbit/s", rtc=threshold(100_000_000), starved=True),
]


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_server(binary: str, case: Case) -> tuple[subprocess.Popen, str]:
    http, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    rtc = {
        "tcp_port": free_port(socket.SOCK_STREAM),
        "node_ip": "127.0.0.1",
        "use_external_ip": False,
        "enable_loopback_candidate": True,
        "interfaces": {"includes": ["lo"]},
        "stun_servers": ["127.0.0.1:9"],
    }
    if case.ports == 0:
        rtc |= {"port_range_start": 50_000, "port_range_end": 50_100}
    else:
        rtc["udp_port"] = udp if case.ports == 1 else f"{udp}-{udp + case.ports - 1}"
    configuration = {
        "port": http,
        "bind_addresses": ["127.0.0.1"],
        "rtc": rtc | case.rtc,
        "keys": {"devkey": SECRET},
        "logging": {"level": "error"},
    }
    server = subprocess.Popen([binary, "--config-body", json.dumps(configuration)], env=os.environ | case.environment)
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{http}", timeout=1).close()
            return server, f"ws://127.0.0.1:{http}"
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise SystemExit("livekit-server does not answer")


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid: int) -> float:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def overflowed() -> int:
    names, values = (line.split() for line in pathlib.Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:"))
    return int(values[names.index("RcvbufErrors")])


def starve(process: subprocess.Popen, over: threading.Event) -> None:
    while not over.is_set():
        process.send_signal(signal.SIGSTOP)
        over.wait(0.9)
        process.send_signal(signal.SIGCONT)
        over.wait(0.1)


class Pair:
    """A sender and a receiver in a room of their own."""

    def __init__(self, url: str, programs: pathlib.Path, case: Case, seconds: float, room: str):
        environment = os.environ | {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": SECRET}
        options = ["--room", room, "--fps", str(case.fps), "--seconds", str(seconds), "--size", case.size, "--type", case.type]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.receiver = subprocess.Popen([programs / "frame_receiver", *options], env=environment, **pipes)
        self.until(self.receiver, "connected")
        self.sender = subprocess.Popen([programs / "frame_sender", *options], env=environment, **pipes)
        self.frames: list = []

    @staticmethod
    def until(program: subprocess.Popen, wanted: str) -> dict:
        for line in program.stdout:
            event = json.loads(line)
            if event["event"] == wanted:
                return event
        raise SystemExit(f"no event {wanted!r}")

    def read_frames(self) -> None:
        for line in self.receiver.stdout:
            event = json.loads(line)
            if event["event"] == "frame":
                self.frames.append(event)
            elif event["event"] == "end":
                break

    def close(self) -> None:
        for program in (self.sender, self.receiver):
            program.stdin.close()
            program.stdout.close()
            program.wait()


def measure(server: subprocess.Popen, url: str, programs: pathlib.Path, case: Case, seconds: float) -> dict:
    pairs = [Pair(url, programs, case, seconds, f"room-{number}") for number in range(case.pairs)]
    full, over = overflowed(), threading.Event()
    for pair in pairs:
        pair.frames.append(Pair.until(pair.receiver, "frame"))
    began = time.monotonic(), cpu_seconds(server.pid)
    if case.starved:
        Pair.until(pairs[0].sender, "sending")
        threading.Thread(target=starve, args=(pairs[0].receiver, over)).start()
    sent = sum(Pair.until(pair.sender, "done")["frames"] for pair in pairs)
    over.set()
    for pair in pairs:
        pair.read_frames()
    used = (cpu_seconds(server.pid) - began[1]) / (time.monotonic() - began[0])
    for pair in pairs:
        pair.close()
    times = [[frame["t_us"] for frame in pair.frames] for pair in pairs]
    latency = sorted((frame["t_us"] - frame["sent_us"]) / 1000 for pair in pairs for frame in pair.frames)
    return {
        "frames/s": sum((len(t) - 1) * 1e6 / (t[-1] - t[0]) for t in times if len(t) > 1),
        "missing": sent - sum(len(t) for t in times),
        "p50 ms": latency[len(latency) // 2],
        "p99 ms": latency[int(len(latency) * 0.99)],
        "longest gap ms": max((b - a) / 1000 for t in times for a, b in zip(t, t[1:] or t)),
        "overflowed": overflowed() - full,
        "server CPU": used,
        "server MiB": peak_mib(server.pid),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="", help="regular expression: cases whose name begins so")
    wanted = parser.parse_args()
    taken: dict = {}
    for _ in range(wanted.rounds):
        for case in (case for case in CASES if re.match(wanted.only, case.name)):
            server, url = start_server(wanted.server, case)
            try:
                figures = measure(server, url, wanted.programs, case, wanted.seconds)
            finally:
                server.terminate()
                server.wait()
            print(case.name, case.fps, *(f"{value:.2f}" for value in figures.values()), file=sys.stderr, flush=True)
            taken.setdefault((case.name, case.fps), []).append(figures)
    if not taken:
        parser.error(f"no case begins with {wanted.only!r}")
    names = next(iter(taken.values()))[0]
    print("| case | asked | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    for (name, fps), rounds in taken.items():
        median = (statistics.median(figures[key] for figures in rounds) for key in names)
        print(f"| {name} | {fps or 'max'} | " + " | ".join(f"{value:.0f}" if value >= 100 else f"{value:.2f}" for value in median) + " |")


if __name__ == "__main__":
    main()
