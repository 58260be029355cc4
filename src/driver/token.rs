// SPDX-License-Identifier: Apache-2.0
//! Access tokens (JWT, HS256) for tests, demos and single-machine set-ups. Production tokens belong on the
//! application's server, where the API secret is.
//!
//! Claims: LiveKit's "Authentication" documentation; RFC 7519 (JWT), RFC 7515 (compact serialisation).

use super::{participant::ParticipantKind, DriverError};
use base64::{engine::general_purpose::URL_SAFE_NO_PAD, Engine as _};
use ring::hmac;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Six hours, as LiveKit's own tools give.
pub const DEFAULT_TTL: Duration = Duration::from_secs(6 * 3600);

/// What a token says.
#[derive(Debug, Clone)]
pub struct TokenRequest<'a> {
    /// The API key, as in the server's configuration.
    pub api_key: &'a str,
    /// Its secret.
    pub api_secret: &'a str,
    /// Who the bearer is in the room.
    pub identity: &'a str,
    /// The room that may be joined.
    pub room: &'a str,
    /// A display name.
    pub name: Option<&'a str>,
    /// The participant's metadata.
    pub metadata: Option<&'a str>,
    /// The participant's kind.
    pub kind: ParticipantKind,
    /// From now on, how long the token is good to join with.
    pub ttl: Duration,
}

impl TokenRequest<'_> {
    /// Makes the token: join the room, publish data, see others.
    ///
    /// # Errors
    /// [`DriverError::InvalidArgument`] if key, secret, identity or room is empty.
    pub fn sign(&self) -> Result<String, DriverError> {
        self.sign_at(SystemTime::now())
    }

    fn sign_at(&self, now: SystemTime) -> Result<String, DriverError> {
        for (what, value) in [
            ("api_key", self.api_key),
            ("api_secret", self.api_secret),
            ("identity", self.identity),
            ("room", self.room),
        ] {
            if value.is_empty() {
                return Err(DriverError::InvalidArgument(format!("{what} is empty")));
            }
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({
            "iss": self.api_key,
            "sub": self.identity,
            "nbf": now,
            "exp": now.saturating_add(self.ttl.as_secs()),
            "name": self.name.unwrap_or_default(),
            "metadata": self.metadata.unwrap_or_default(),
            "kind": self.kind.claim(),
            "video": {
                "roomJoin": true,
                "room": self.room,
                "canPublish": true,
                "canSubscribe": true,
                "canPublishData": true,
            },
        });
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.api_secret.as_bytes());
        let signature = hmac::sign(&key, signed.as_bytes());
        Ok(format!("{signed}.{}", encode(signature)))
    }
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> TokenRequest<'static> {
        TokenRequest {
            api_key: "devkey",
            api_secret: "secret",
            identity: "alice",
            room: "studio",
            name: None,
            metadata: None,
            kind: ParticipantKind::Agent,
            ttl: Duration::from_secs(60),
        }
    }

    fn claims(token: &str) -> serde_json::Value {
        let part = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_token_says_who_where_and_how_long() {
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let claims = claims(&request().sign_at(at).unwrap());
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["video"]["room"], "studio");
        assert_eq!(claims["kind"], "agent");
        assert_eq!(claims["exp"], 1_700_000_060_u64);
    }

    #[test]
    fn the_signature_is_hs256_of_both_parts() {
        let token = request().sign().unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    }

    #[test]
    fn empty_fields_are_refused_by_name() {
        let e = TokenRequest { room: "", ..request() }.sign().unwrap_err();
        assert_eq!(e, DriverError::InvalidArgument("room is empty".into()));
    }
}
