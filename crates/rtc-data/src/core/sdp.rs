// SPDX-License-Identifier: Apache-2.0
//! Session descriptions as text: what the stack gets to see of a remote one, and what the far end
//! gets to see of ours.
//!
//! The stack negotiates exactly one section, `m=application`. Media sections are taken out of remote
//! descriptions and put back, rejected (port 0), at the same place and with the same mid into ours
//! (RFC 8829, section 5.3.1). Candidates are taken out as well: they go the lenient way of trickled
//! ones, as a single odd line must not refuse a whole description.

use crate::Error;

/// A remote description, cut down to what the stack negotiates.
pub(super) struct Reduced {
    pub sdp: String,
    pub ufrag: String,
    pub candidates: Vec<String>,
    pub rejected: Vec<Rejected>,
}

/// A section that we do not take part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    index: usize,
    mid: Option<String>,
    /// `audio 0 UDP/TLS/RTP/SAVPF 111`
    line: String,
}

/// The first value of an attribute (`a=name:`), wherever it stands.
pub(super) fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    value(&sdp.lines().map(str::trim).collect::<Vec<_>>(), name)
}

pub(super) fn reduce(sdp: &str) -> Result<Reduced, Error> {
    let (session, sections) = split(sdp);
    if !session.first().is_some_and(|l| l.starts_with("v=")) {
        return Err(Error::Sdp("does not begin with v=".into()));
    }
    let at = sections
        .iter()
        .position(|s| s.first().is_some_and(|l| is_data_channels(l)))
        .ok_or_else(|| Error::Sdp("has no m=application section for data channels".into()))?;

    let mid = value(&sections[at], "mid").map_or_else(|| at.to_string(), str::to_owned);
    let mut lines: Vec<String> = Vec::new();
    let keep = |l: &&str| !["a=candidate:", "a=end-of-candidates", "a=mid:"].iter().any(|p| l.starts_with(p));
    for l in session.iter().copied().filter(keep) {
        lines.push(if l.starts_with("a=group:BUNDLE") { format!("a=group:BUNDLE {mid}") } else { l.to_owned() });
    }
    lines.extend(sections[at].iter().copied().filter(keep).map(str::to_owned));
    lines.push(format!("a=mid:{mid}"));
    // In a bundle the transport's attributes may stand in one section for all (RFC 8843, 7.1.3).
    for name in ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] {
        if value(&session, name).is_none() && value(&sections[at], name).is_none() {
            if let Some(v) = sections.iter().find_map(|s| value(s, name)) {
                lines.push(format!("a={name}:{v}"));
            }
        }
    }
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    let need = |name| value(&all, name).ok_or_else(|| Error::Sdp(format!("has no a={name}")));
    let ufrag = need("ice-ufrag")?.to_owned();
    need("ice-pwd")?;
    if need("fingerprint")?.split(' ').count() != 2 {
        return Err(Error::Sdp("has a malformed a=fingerprint".into()));
    }

    let candidates = std::iter::once(&session)
        .chain(&sections)
        .flatten()
        .filter(|l| l.starts_with("a=candidate:"))
        .map(|l| l["a=".len()..].to_owned())
        .collect();
    let rejected = sections.iter().enumerate().filter(|(i, _)| *i != at).map(|(i, s)| reject(i, s)).collect();
    Ok(Reduced { sdp: join(&lines), ufrag, candidates, rejected })
}

/// The media line that the stack takes part in: other kinds of `application` are not for it, and it answers nothing.
fn is_data_channels(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words[..], ["m=application", _port, _protocol, "webrtc-datachannel"])
}

/// Our description as the far end gets it: with its version (RFC 3264, section 8; the stack's own is
/// random), and with the sections in it that the far end knows and we reject.
pub(super) fn present(sdp: &str, version: u64, rejected: &[Rejected]) -> String {
    let (session, ours) = split(sdp);
    let mut lines: Vec<String> = session.iter().map(|l| with_version(l, version)).collect();
    let mut ours = ours.into_iter();
    let mut rejected = rejected.iter().peekable();
    for index in 0.. {
        if let Some(r) = rejected.next_if(|r| r.index == index) {
            lines.push(format!("m={}", r.line));
            lines.push("c=IN IP4 0.0.0.0".into());
            lines.extend(r.mid.iter().map(|mid| format!("a=mid:{mid}")));
            lines.push("a=inactive".into());
        } else if let Some(section) = ours.next() {
            lines.extend(section.into_iter().map(str::to_owned));
        } else if rejected.peek().is_none() {
            break;
        }
    }
    join(&lines)
}

/// `o=<user> <session> <version> ...`; any other line stays as it is.
fn with_version(line: &str, version: u64) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    let version = version.to_string();
    match words.get_mut(2) {
        Some(word) if line.starts_with("o=") => {
            *word = &version;
            words.join(" ")
        }
        _ => line.to_owned(),
    }
}

/// Lines of the session part, and of each section. No line is empty.
fn split(sdp: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let (mut session, mut sections) = (Vec::new(), Vec::<Vec<&str>>::new());
    for line in sdp.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if line.starts_with("m=") {
            sections.push(vec![line]);
        } else {
            sections.last_mut().unwrap_or(&mut session).push(line);
        }
    }
    (session, sections)
}

fn join(lines: &[String]) -> String {
    lines.iter().flat_map(|l| [l.as_str(), "\r\n"]).collect()
}

fn value<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|l| l.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
}

fn reject(index: usize, section: &[&str]) -> Rejected {
    let line = section.first().map_or("", |l| l.trim_start_matches("m="));
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if let Some(port) = words.get_mut(1) {
        *port = "0";
    }
    Rejected { index, mid: value(section, "mid").map(str::to_owned), line: words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a d v\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:a\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:actpass\r\n\
        a=fingerprint:sha-256 00:11\r\na=candidate:nonsense\r\na=sendrecv\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=sctp-port:5000\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n";

    #[test]
    fn media_is_taken_out_and_put_back_rejected() {
        let r = reduce(OFFER).expect("a good offer");
        assert_eq!(r.sdp.matches("m=").count(), 1);
        assert_eq!(attribute(&r.sdp, "group"), Some("BUNDLE d"));
        assert_eq!(attribute(&r.sdp, "fingerprint"), Some("sha-256 00:11"), "taken from the bundle");
        assert_eq!((r.ufrag.as_str(), r.candidates.as_slice()), ("u", &["candidate:nonsense".to_owned()][..]));

        let answer = "v=0\r\no=- 7 99 IN IP4 0.0.0.0\r\ns=-\r\nm=application 9 X y\r\na=mid:d\r\n";
        let answer = present(answer, 2, &r.rejected);
        assert!(answer.contains("o=- 7 2 IN IP4 0.0.0.0\r\n"), "{answer}");
        let heads: Vec<&str> = answer.lines().filter(|l| l.starts_with("m=") || l.starts_with("a=mid")).collect();
        assert_eq!(
            heads,
            [
                "m=audio 0 UDP/TLS/RTP/SAVPF 111 63",
                "a=mid:a",
                "m=application 9 X y",
                "a=mid:d",
                "m=video 0 UDP/TLS/RTP/SAVPF 96",
                "a=mid:v"
            ]
        );
    }

    #[test]
    fn an_application_section_that_is_not_for_data_channels_is_rejected() {
        let other = "m=application 9 UDP/BFCP *\r\na=mid:b\r\nm=application";
        let r = reduce(&OFFER.replace("m=application", other)).expect("a good offer");
        assert_eq!((r.sdp.matches("m=").count(), attribute(&r.sdp, "mid")), (1, Some("d")));
        let rejected: Vec<&str> = r.rejected.iter().map(|r| r.line.as_str()).collect();
        assert_eq!(rejected[1], "application 0 UDP/BFCP *");
        assert!(reduce(&OFFER.replace("webrtc-datachannel", "5000")).is_err());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for bad in ["", "hello", "v=0\r\n", "m=application 9 a b", &OFFER.replace("a=ice-pwd:p\r\n", "")] {
            assert!(matches!(reduce(bad), Err(Error::Sdp(_))), "{bad:?}");
        }
    }
}
