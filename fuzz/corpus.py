#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what fuzzing begins with: corpus/TARGET/seed-*, of tests/vectors and of what is spelled out below.

The same files each time; others in the folders, which fuzzing found, stay. `--check` only says whether they are so.
Inputs longer than 2 kB are left out, but one: libFuzzer would mutate little else.
"""

import json
import random
import struct
import sys
from pathlib import Path

HERE = Path(__file__).parent
VECTORS = HERE.parent / "tests" / "vectors"
LONGEST = 2048

SESSION = "v=0\r\no=- 4215775240449105457 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
TRANSPORT = (
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 " + ":".join(f"{n:02X}" for n in range(32)) + "\r\na=setup:%s\r\n"
)
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n%sa=mid:%s\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:a\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n%s"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n%s"

CANDIDATES = [
    "candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host generation 0 ufrag abcd network-id 1",
    "a=candidate:2 1 UDP 1694498815 198.51.100.1 5000 typ srflx raddr 192.0.2.1 rport 4000",
    "candidate:3 1 udp 5 2001:db8::1 9 typ relay raddr :: rport 0",
    "4 1 udp 1845501695 203.0.113.7 60000 typ prflx",
    "candidate:1 1 udp 1 1a2b3c4d-0000-4000-8000-000000000000.local 4000 typ host",
    "candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active",
    "candidate:1 2 udp 1 192.0.2.1 4000 typ host",
    "candidate:1 1 udp 99999999999 0.0.0.0 70000 typ alien",
    "candidate:x y udp z ::: typ typ",
    "a=a=ndidate:3 1 udp 5 2001:db8::1 9 typ relay raddr :: rport 0",
    "a=end-of-candidates",
    "",
]

# The IPv4 answer of RFC 5769, section 2.2.
STUN_ANSWER = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)


def read(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def cases(*groups):
    return [case for group in groups for case in group["good"] + group["bad"]]


def lines(attributes):
    return "\n".join(f"{name}={value}" for name, value in attributes.items()).encode()


def payload(case):
    text, times = case.get("fill", ("%", 1))
    return case["payload"].replace("%", text * times).encode()


def wire_v0():
    for case in cases(read("packets.json")):
        yield b"\0" + bytes.fromhex(case["hex"])
    for case in cases(read("attributes.json")):
        yield b"\1" + lines(case["attributes"])


def wire_v1():
    for case in cases(read("v1/control.json")):
        yield b"\0" + bytes.fromhex(case["hex"])
    for case in cases(read("v1/frame_header.json")):
        yield b"\1" + bytes.fromhex(case["hex"])
    attributes = read("v1/attributes.json")
    for kind, group in ((b"\2", "stream"), (b"\3", "trailer")):
        for case in cases(attributes[group]):
            yield kind + lines(case["attributes"])


def rpc_payloads():
    hello, rpc = read("v1/hello.json"), read("v1/rpc.json")
    for case in cases(read("playback_finished.json"), *hello.values(), *rpc.values()):
        yield payload(case)
    yield b'{"version":1,"label":' + b"[" * 7500 + b"]" * 7500 + b"}"
    yield b'{"a":' * 200 + b"1" + b"}" * 200


def assembler():
    rng = random.Random(1)
    for kind in range(2):
        for count in (1, 3, 11):
            for length in (16, 48, 120):
                yield bytes([kind, rng.randrange(11), rng.randrange(16), rng.randrange(16), count]) + rng.randbytes(length)
    # Records in order, a chunk lost or swapped at each place.
    head = bytes([1, 3])
    frames = bytes([4, 3, 3, 10, 1, 2, 3, 4])
    for step in (0, 0xD0, 0xE1, 0xE2, 0xF0, 0xF1, 0xFF):
        yield head + frames * 4 + bytes([0, 0, step, 0, 0, step])
    for case in read("v1/records.json")["incoming"]:
        out, index = [bytes([2]) + struct.pack("<II", case["next_frame"] & 0xFFFFFFFF, case["offset"] & 0xFFFFFFFF)], 0
        for chunk in case["chunks"]:
            if "hex" not in chunk:
                break
            content = bytes.fromhex(chunk["hex"])
            step = b"\0" if chunk["index"] == index else b"\xfe" + struct.pack("<Q", chunk["index"])
            out.append(step + b"\1" + struct.pack("<H", len(content)) + content)
            index = chunk["index"] + 1
        yield b"".join(out)


def receiver_session():
    """A configuration, then steps as the target reads them."""
    open_, chunk, take = bytes([0, 0, 2, 1, 0, 0, 8]), bytes([2, 0, 0]), bytes([29, 7])
    join, leave, clear, trailer = bytes([19, 0, 1]), bytes([20, 0]), bytes([17, 0]), bytes([16, 0, 0])
    idle, notify = bytes([23, 255]), bytes([24, 1]) + struct.pack("<Q", 1 << 20) + bytes([0, 0])
    for policy in range(4):
        config = bytes([3]) + struct.pack("<H", 64) + bytes([1, policy])
        yield config + join + open_ + chunk * 3 + take + trailer + take + notify + bytes([25, 26, 0, 0]) + take
        yield config + open_ + chunk * 2 + clear + chunk + open_ + chunk * 2 + take * 2
        yield config + open_ + chunk + bytes([2, 0, 0xF3]) + chunk + open_ + bytes([2, 0, 0xF9]) + chunk + take
        yield config + open_ + chunk * 9 + idle + take + open_ + leave + join + take * 3
    for step in range(32):
        yield config + open_ + chunk + bytes([step]) * 4 + open_ + chunk + take * 2
    yield config + bytes([27, 255, 0, 2, 1, 0, 0, 8]) + clear + bytes([27, 255, 1, 2, 1, 0, 0, 8]) + take
    for seed in range(12):
        yield config + random.Random(seed).randbytes(400)


def receiver_session_v1():
    """A configuration, then steps as the target reads them. Records are of 2x2 pixels, in chunks of 9 bytes or fewer."""
    hello, open_ = bytes([0, 0, 1, 0, 0]), bytes([2, 0, 0, 0, 1, 1, 0, 0])
    record = bytes([4, 0, 0, 1, 1, 0, 0, 8, 7, 0, 0])
    first = bytes([4, 0, 1, 1, 0, 0, 8, 7, 0, 0])
    more, gap, again = bytes([4, 0, 0, 0, 0]), bytes([4, 0, 0, 0xF1, 0]), bytes([4, 0, 0, 0xF9, 0])
    resume = bytes([2, 0, 0, 0xC0, 1, 1, 0, 0])
    take, flush, clear = bytes([31, 7]), bytes([13, 0, 0, 0, 0]), bytes([15, 0, 0, 0, 1])
    blocked, keep_alive, notice = bytes([16, 0, 0, 0, 0, 9]), bytes([16, 0, 0, 0, 2, 0, 9]), bytes([16, 0, 0, 0, 3, 1])
    ping, pong = bytes([16, 0, 0, 0, 4]) + bytes(8), bytes([16, 0, 0, 0, 5, 3])
    leave, join, restart, wait = bytes([20, 0]), bytes([19, 0, 1]), bytes([21]), bytes([23, 70])
    notify, started, failed = bytes([24, 0, 1, 0]), bytes([25, 0]), bytes([26, 0, 0])
    for policy in range(4):
        config = bytes([3]) + struct.pack("<H", 40) + bytes([0, 4, policy])
        yield config + hello + open_ + first + more + record + more + take * 2 + flush + take + notify + started + failed
        yield config + hello + open_ + first + gap + again + record + more + clear + take + notice + open_ + first + take
        yield config + hello + open_ + first + restart + hello + resume + first + more + flush + take * 3
        yield config + hello + open_ + first + more + leave + wait + join + hello + blocked + keep_alive + ping + pong
        yield config + hello + open_ + (first + more) * 12 + take * 2 + blocked + take * 4
    for step in range(32):
        yield config + hello + open_ + first + more + bytes([step]) * 5 + flush + hello + open_ + first + take * 2
    for seed in range(12):
        yield config + random.Random(seed).randbytes(400)


def output_session():
    """A configuration, then steps as the target reads them."""
    send, flush, clear = bytes([0, 0, 1, 1, 0]), bytes([5]), bytes([7])
    act, done, failed = bytes([17]), bytes([12]), bytes([11, 0])
    v0, no_answer, later = bytes([20, 0, 0]), bytes([20, 0, 1]), bytes([20, 0, 2])
    v1 = bytes([20, 0, 5, 0, 1, 0, 0, 200, 40])
    goes_on = bytes([20, 0, 8, 0, 1, 0, 0, 200, 40])
    credit, ready, ping = bytes([23, 0, 0, 0, 0, 80]), bytes([23, 0, 0, 0, 3]), bytes([23, 0, 0, 0, 7]) + bytes(8)
    finished_v0, finished = bytes([25, 9, 0, 0, 1]), bytes([25, 9, 0, 0, 0, 0, 0, 0])
    playing, clear_answered = bytes([26, 0, 0, 0, 0]), bytes([22, 0, 0])
    away, back, restart = bytes([8, 0]), bytes([8, 1]), bytes([10])
    short, long, take = bytes([27, 30]), bytes([28, 24]), bytes([31, 7])
    frame = send + act + done
    for policy in range(4):
        config = bytes([5, 0, 4, 0])
        only_v0, both = config + bytes([0, policy]), config + bytes([4, policy])
        yield only_v0 + send + act + done + act + done + flush + act + done + finished_v0 + clear + act + done + take
        yield only_v0 + send * 9 + act + done + act + clear + done + act + done + act + done + frame + away + back
        yield both + send + v1 + act + done + act + done + playing + flush + act + done + finished + take
        yield both + send + v1 + act + done + act + failed + short + goes_on + act + done + act + done
        yield both + send * 8 + v1 + act + done + act + done * 2 + long + credit + act + done + clear + clear_answered
        yield both + send + v1 + act + done + act + done + restart + goes_on + send + act + done + act + done + ready
        yield both + send + no_answer + long + no_answer + long + no_answer + act + done + act + done + ping + take
        yield both + send + v0 + act + done + act + away + long + back + later + long + v1 + act + done
    for step in range(32):
        yield both + send * 2 + v1 + act + done + act + done + bytes([step]) * 5 + frame + long + frame + take
    for seed in range(12):
        yield both + random.Random(seed).randbytes(400)


def sessions_together():
    """A configuration, then steps as the target reads them; the network is well but where it says otherwise."""
    send, flush, clear, take = bytes([0, 3, 0, 1, 2, 3]), bytes([5]), bytes([7]), bytes([8, 15])
    bad, well = bytes([24, 0]), bytes([24, 1])
    deliver, lose, swap, loose = bytes([10, 3]), bytes([14]), bytes([15]), bytes([19, 0])
    fails, short, long, refused = bytes([22, 0]), bytes([25, 50]), bytes([26, 60]), bytes([31])
    again = b"".join(bytes([27, what, 1]) for what in range(5))
    for policy in range(4):
        config = bytes([policy, policy, 0, 9, 6, 20, 3])
        yield config + send + flush + take * 2 + send + clear + send + flush + take * 2
        yield config + bad + send + deliver + lose + deliver + swap + deliver + loose * 4 + well + flush + take
        yield config + send * 4 + long + take * 3 + send + refused + short + take
        yield config[:6] + bytes([11]) + send + fails + long + send + flush + take * 2
        for what in range(8):
            yield config + send + bad + send + bytes([27, what, 0]) + long + well + send + flush + long + take * 2
    yield config + send + again + send + take * 4
    for step in range(32):
        yield config + bad + send + bytes([step]) * 3 + loose + send + well + short + take
    for seed in range(12):
        yield config + random.Random(seed).randbytes(300)


def sdp():
    offer, answer = TRANSPORT % "actpass", TRANSPORT % "active"
    trickled = "".join(f"a={line}\r\n" for line in CANDIDATES[:3])
    texts = [
        SESSION + DATA % (offer, "0"),
        SESSION + "a=group:BUNDLE 0\r\na=msid-semantic: WMS\r\n" + DATA % (offer + trickled, "0"),
        SESSION + "a=group:BUNDLE a d v\r\n" + AUDIO % offer + DATA % ("c=IN IP4 0.0.0.0\r\n", "d") + VIDEO % "",
        SESSION + "a=group:BUNDLE v d\r\n" + VIDEO % offer + DATA % (offer, "d"),
        SESSION + offer + DATA % ("", "data") + AUDIO % offer,
        SESSION + DATA % (offer.replace("sha-256 ", "sha-1 "), "0"),
        SESSION + DATA % (offer, "0") + DATA % (offer, "1"),
        (SESSION + DATA % (offer, "0")).replace("\r\n", "\n"),
        SESSION + DATA % (offer.replace("a=setup", "a=ice-lite\r\na=setup"), "0"),
        SESSION + DATA % (offer.replace("a=ice-pwd", "a=pwd"), "0"),
        "v=0",
        "",
    ]
    for text in texts:
        yield b"\0" + text.encode()
    for text in (SESSION + DATA % (answer, "0"), SESSION + DATA % (answer, "0") + AUDIO % answer):
        yield b"\1" + text.encode()


def candidate():
    return (line.encode() for line in CANDIDATES)


def datagrams():
    def datagram(sender, fixes, content):
        return bytes([sender, fixes]) + struct.pack("<H", len(content)) + content

    request = b"\0\1\0\0" + STUN_ANSWER[4:20]
    hello = bytes.fromhex("16fefd0000000000000000002e0100002200000000000000") + b"\x22\xfe\xfd" + bytes(34)
    alert = bytes.fromhex("15fefd00000000000000000002022f")
    for negotiated in (b"\0", b"\1"):
        yield negotiated + datagram(0, 3, STUN_ANSWER)
        yield negotiated + datagram(1, 1, request) + datagram(2, 1, request)
        yield negotiated + datagram(1, 4, hello) + datagram(1, 4, alert) + datagram(1, 0, b"\x80" * 40)
        yield negotiated + datagram(0, 0, b"") + datagram(2, 0xF0, b"\x40" * 4) + datagram(0, 1, STUN_ANSWER[:30])


def c_api():
    """Calls as the target reads them; `zeros` give it the plainest choices."""
    zeros = bytes(8)
    room_a = bytes([0, 0, 0, 0, 8, 0, 0, 0, 0])
    room_b = bytes([0, 1, 1, 0, 8, 0, 0, 0, 0])
    output = bytes([6, 0, 0, 1, 0, 0, 0, 1])
    receiver = bytes([19, 1, 0, 0, 0, 0, 4, 1])
    frame = bytes([8, 0, 0, 1, 3, 3, 0, 0, 1]) + zeros
    begin = room_a + room_b + output + receiver
    steer = bytes([14, 0, 0])
    next_ = bytes([21, 0, 0, 4])
    yield begin
    yield begin + frame * 2 + steer + b"\0" + steer + b"\3\4" + next_ * 6
    yield begin + frame + steer + b"\2" + next_ * 4 + bytes([24, 0, 0, 18, 0, 0, 5, 0, 0])
    yield room_a + room_a + bytes([5, 0, 1]) + output + frame + bytes([3, 0, 0, 0]) * 3
    for call in range(28):
        yield begin + bytes([call]) + zeros + bytes([call, 7, 15, 255, 255, 255, 1]) + frame + bytes([call]) * 12
    for seed in range(24):
        yield begin + random.Random(seed).randbytes(300)


TARGETS = [
    wire_v0,
    wire_v1,
    assembler,
    rpc_payloads,
    receiver_session,
    receiver_session_v1,
    output_session,
    sessions_together,
    sdp,
    candidate,
    datagrams,
    c_api,
]


def seeds(target):
    made = {}
    for number, content in enumerate(target()):
        if len(content) <= LONGEST or content.startswith(b'{"version":1,"label":[[['):
            made.setdefault(content, f"seed-{number:03}")
    return {name: content for content, name in made.items()}


def main():
    check = sys.argv[1:] == ["--check"]
    different = 0
    for target in TARGETS:
        folder = HERE / "corpus" / target.__name__
        wanted = seeds(target)
        there = {path.name: path.read_bytes() for path in folder.glob("seed-*")}
        different += sum(there.get(name) != wanted.get(name) for name in there.keys() | wanted.keys())
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            for name in there.keys() - wanted.keys():
                (folder / name).unlink()
            for name, content in wanted.items():
                (folder / name).write_bytes(content)
    if check and different:
        sys.exit(f"{different} files of fuzz/corpus are not what fuzz/corpus.py writes")


if __name__ == "__main__":
    main()
