#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What settings of livekit-server do to a stream of raw 640x480 RGBA: the figures of docs/deploy.md.

    python3 benches/python/server_settings.py SERVER PROGRAMS [--rounds N] [--seconds S] [--only NAME]

SERVER is a livekit-server, PROGRAMS the folder with `frame_sender` and `frame_receiver` that `cargo xtask bench --build`
leaves. The settings take turns; a figure is the median of its rounds. Two runs of a setting: as fast as it goes, and 30
frames a second.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import time
import urllib.request

SECRET = "a-secret-for-tests-on-this-machine-only"
SETTINGS = {
    "default": {},
    "GOGC=400": {"environment": {"GOGC": "400"}},
    "two udp ports": {"ports": 2},
    "port_range": {"range": True},
    "batch_io": {"rtc": {"batch_io": {"batch_size": 128, "max_flush_interval": "2ms"}}},
    "slow_threshold": {"rtc": {"datachannel_slow_threshold": 1_000_000}},
}
TICKS = os.sysconf("SC_CLK_TCK")


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_server(binary: str, setting: dict) -> tuple[subprocess.Popen, str]:
    http, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    rtc = {
        "tcp_port": free_port(socket.SOCK_STREAM),
        "node_ip": "127.0.0.1",
        "use_external_ip": False,
        "enable_loopback_candidate": True,
        "interfaces": {"includes": ["lo"]},
        "stun_servers": ["127.0.0.1:9"],
    }
    if setting.get("range"):
        rtc |= {"port_range_start": 50_000, "port_range_end": 50_100}
    else:
        rtc["udp_port"] = f"{udp}-{udp + setting['ports'] - 1}" if "ports" in setting else udp
    configuration = {
        "port": http,
        "bind_addresses": ["127.0.0.1"],
        "rtc": rtc | setting.get("rtc", {}),
        "keys": {"devkey": SECRET},
        "logging": {"level": "error"},
    }
    environment = os.environ | setting.get("environment", {})
    server = subprocess.Popen([binary, "--config-body", json.dumps(configuration)], env=environment)
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


def measure(server: subprocess.Popen, url: str, programs: pathlib.Path, fps: int, seconds: float) -> dict:
    environment = os.environ | {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": SECRET}
    options = ["--room", "settings", "--fps", str(fps), "--seconds", str(seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    receiver = subprocess.Popen([programs / "frame_receiver", *options], env=environment, **pipes)
    for line in receiver.stdout:
        if json.loads(line)["event"] == "connected":
            break
    sender = subprocess.Popen([programs / "frame_sender", *options], env=environment, **pipes)
    frames, began = [], None
    for line in receiver.stdout:
        event = json.loads(line)
        if event["event"] == "frame":
            began = began or (time.monotonic(), cpu_seconds(server.pid))
            frames.append(event)
        elif event["event"] == "end":
            break
    used = (cpu_seconds(server.pid) - began[1]) / (time.monotonic() - began[0])
    for program in (sender, receiver):
        program.stdin.close()
        program.stdout.close()
        program.wait()
    times = [frame["t_us"] for frame in frames]
    latency = sorted((frame["t_us"] - frame["sent_us"]) / 1000 for frame in frames)
    return {
        "frames/s": (len(frames) - 1) * 1e6 / (times[-1] - times[0]),
        "p50 ms": latency[len(latency) // 2],
        "p99 ms": latency[int(len(latency) * 0.99)],
        "server CPU": used,
        "server MiB": peak_mib(server.pid),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only")
    wanted = parser.parse_args()
    settings = {name: s for name, s in SETTINGS.items() if wanted.only is None or wanted.only in name}
    taken: dict = {}
    for _ in range(wanted.rounds):
        for name, setting in settings.items():
            for fps in (0, 30):
                server, url = start_server(wanted.server, setting)
                try:
                    figures = measure(server, url, wanted.programs, fps, wanted.seconds)
                finally:
                    server.terminate()
                    server.wait()
                taken.setdefault((name, fps), []).append(figures)
    print("| setting | asked | frames/s | p50 ms | p99 ms | server CPU s/s | server MiB |\n|---|---|---|---|---|---|---|")
    for (name, fps), rounds in taken.items():
        median = {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}
        print(f"| {name} | {fps or 'max'} | " + " | ".join(f"{value:.1f}" if value >= 10 else f"{value:.2f}" for value in median.values()) + " |")


if __name__ == "__main__":
    main()
