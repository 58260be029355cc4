# SPDX-License-Identifier: Apache-2.0
"""LiveKit access tokens, signed by hand (JWT, HS256).

Owns the claims that a livekit-server reads. It uses neither our library nor an SDK, so that a fault in
`lkv_token_create` cannot hide behind itself. A wrong secret or a past expiry is as easy to ask for as a good token.
"""

import base64
import hashlib
import hmac
import json
import time

API_KEY = "devkey"
API_SECRET = "a-secret-for-tests-of-at-least-32-bytes"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims: dict, secret: str = API_SECRET) -> str:
    """Returns `claims` as a signed JWT."""
    parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _base64url(signature)])


def join_token(room: str, identity: str, kind: str = "standard", secret: str = API_SECRET, ttl_s: int = 3600) -> str:
    """A token that lets `identity` join `room`; a negative `ttl_s` gives one that has expired."""
    now = int(time.time())
    return sign(
        {
            "iss": API_KEY,
            "sub": identity,
            "nbf": now - 7200,
            "exp": now + ttl_s,
            "kind": kind,
            "video": {"roomJoin": True, "room": room, "canPublish": True, "canPublishData": True, "canSubscribe": True},
        },
        secret,
    )


def admin_token(room: str) -> str:
    """A token for the server's RoomService, limited to `room`."""
    now = int(time.time())
    grants = {"room": room, "roomAdmin": True, "roomCreate": True, "roomList": True}
    return sign({"iss": API_KEY, "nbf": now - 60, "exp": now + 600, "video": grants})
