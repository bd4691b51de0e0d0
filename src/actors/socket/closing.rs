//! The payload of close frames, both ways (RFC 6455, sections 5.5.1 and 7.4).

use actix_web_actors::ws::{CloseCode, CloseReason};
use bytes::Bytes;

use super::frame::{self, CONTROL_BYTES_MAX};
use super::violation::Violation;

/// The longest reason: what the code leaves of a control frame.
const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// Reads the payload of a client's close frame; `None` when it is empty.
///
/// # Errors
/// When it is a single byte, its code may not be sent, or its reason is not UTF-8.
pub fn parse(payload: &[u8]) -> Result<Option<CloseReason>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(Violation::Protocol);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidUtf8)?;
    let description = (!reason.is_empty()).then(|| reason.to_owned());
    Ok(Some(CloseReason { code: CloseCode::from(code), description }))
}

/// A close frame with `code` and as much of `reason` as fits, or an empty one.
#[must_use]
pub fn encode(code: Option<u16>, reason: &str) -> Bytes {
    let Some(code) = code else { return frame::encode(actix_http::ws::OpCode::Close, &[]) };
    let end = reason.floor_char_boundary(REASON_BYTES_MAX);
    let payload = [&code.to_be_bytes()[..], &reason.as_bytes()[..end]].concat();
    frame::encode(actix_http::ws::OpCode::Close, &payload)
}

/// The codes of RFC 6455, section 7.4, with 1012 to 1014 as registered with IANA since. 1004 to
/// 1006 and 1015 stand for closes that were not sent.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_are_accepted() {
        let good = [1000, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999];
        let bad = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
        for code in good {
            let reason = parse(&u16::to_be_bytes(code)).unwrap().unwrap();
            assert_eq!(u16::from(reason.code), code);
        }
        for code in bad {
            assert_eq!(parse(&u16::to_be_bytes(code)), Err(Violation::Protocol), "{code}");
        }
    }

    #[test]
    fn a_payload_of_one_byte_and_a_broken_reason_are_refused() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&[3]), Err(Violation::Protocol));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(Violation::InvalidUtf8));
    }

    #[test]
    fn a_reason_is_cut_to_123_bytes_between_characters() {
        let frame = encode(Some(1001), &"x".repeat(123));
        assert_eq!(frame.len(), 2 + 2 + 123);
        let frame = encode(Some(1001), &"x".repeat(124));
        assert_eq!(frame.len(), 2 + 2 + 123);
        let frame = encode(Some(1001), &format!("{}é", "x".repeat(122)));
        assert_eq!(frame.len(), 2 + 2 + 122);
    }
}
