# SPDX-License-Identifier: Apache-2.0
"""`wss://` through a TLS proxy in front of the server: with the given root it works, with any other it is a TLS error."""

import pytest

from support import checks
from support.certificates import Authority
from support.tcp_proxy import TcpProxy


@pytest.fixture
def authority(tmp_path):
    """The root that has signed the proxy's certificate."""
    return Authority.create(tmp_path, "our-root")


@pytest.fixture
def url(server, authority):
    """The server behind TLS, as `localhost`."""
    with TcpProxy(server.port, authority.sign("localhost")) as proxy:
        yield f"wss://localhost:{proxy.port}"


@pytest.mark.parametrize("languages", [("c", "cpp"), ("cpp", "c")], ids="-to-".join)
def test_given_root(room, authority, url, languages):
    receiver = room.receiver(languages[1], url=url, ca_file=authority.certificate, segments=2)
    sender = room.sender(languages[0], url=url, ca_file=authority.certificate, segments=2, frames=30, size="320x240")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, 30, ("rgba", 320, 240))


@pytest.mark.parametrize("trust", ["another-root", "system-roots"])
@pytest.mark.parametrize("language", ["c", "cpp"])
def test_untrusted_certificate(room, tmp_path, url, language, trust):
    ca_file = Authority.create(tmp_path, trust).certificate if trust == "another-root" else None
    for program in (room.sender(language, url=url, ca_file=ca_file), room.receiver(language, url=url, ca_file=ca_file, wait=False)):
        program.expect_failure()
        assert "certificate" in checks.assert_error(program, "TLS")["message"].lower()


def test_certificate_for_another_host(room, server, authority):
    with TcpProxy(server.port, authority.sign("elsewhere.test")) as proxy:
        sender = room.sender("c", url=f"wss://localhost:{proxy.port}", ca_file=authority.certificate)
        sender.expect_failure()
        checks.assert_error(sender, "TLS")


@pytest.mark.parametrize("content", [None, "no certificate at all"], ids=["no-file", "no-pem"])
def test_unusable_ca_file(room, tmp_path, url, content):
    path = tmp_path / "roots.pem"
    if content:
        path.write_text(content)
    sender = room.sender("c", url=url, ca_file=path)
    sender.expect_failure()
    assert sender.matching("error")[0]["message"]
