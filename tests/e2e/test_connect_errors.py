# SPDX-License-Identifier: Apache-2.0
"""What cannot connect says why, within a bounded time and with a failure as its exit status."""

import socket

import pytest

from support import checks, tokens
from support.room import CONNECTED
from support.server import free_port

LIMIT_S = 30  # the library gives a connect 15 s


def assert_fails(room, *codes, **options):
    """A sender and a receiver, one of each language, fail alike."""
    parts = [room.sender("c", **options), room.receiver("cpp", wait=False, **options)]
    for program in parts:
        program.expect_failure(LIMIT_S)
        checks.assert_error(program, *codes)
        assert not program.matching(CONNECTED)


def test_wrong_secret(room):
    assert_fails(room, "UNAUTHORIZED", token=tokens.join_token(room.name, "someone", secret="x" * 32))


def test_expired_token(room):
    assert_fails(room, "UNAUTHORIZED", token=tokens.join_token(room.name, "someone", ttl_s=-3600))


def test_token_without_a_grant(room):
    assert_fails(room, "UNAUTHORIZED", token=tokens.sign({"iss": tokens.API_KEY, "sub": "someone", "exp": 2**32}))


def test_token_that_is_none(room):
    assert_fails(room, "UNAUTHORIZED", token="not-a-token")


def test_closed_port(room):
    assert_fails(room, "UNREACHABLE", url=f"ws://127.0.0.1:{free_port()}")


def test_name_that_does_not_resolve(room):
    assert_fails(room, "RESOLVE", url="ws://no-such-host.invalid:7880")


def test_port_that_never_answers(room):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert_fails(room, "TIMEOUT", "UNREACHABLE", url=f"ws://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:7880", "127.0.0.1:7880", "ws://"])
def test_url_of_no_use(room, url):
    for program in (room.sender("c", url=url), room.receiver("cpp", url=url, wait=False)):
        program.expect_failure(LIMIT_S)
        checks.assert_error(program, "URL")


def test_unknown_pixel_type(room):
    for language in ("c", "cpp"):
        room.sender(language, type="rgb48").expect_failure(LIMIT_S)
