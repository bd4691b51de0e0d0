//! The short way of the most frequent frame: a chat message with which nothing is wrong.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Command, Request, Target, Text};
use crate::protocol::{Id, REFERENCE_BYTES_MAX};

/// A chat message as nearly all are: every field that is there is of its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainChat<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    to_user: Option<Text<'a>>,
    #[serde(borrow)]
    room: Option<Text<'a>>,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
    #[serde(rename = "ref", borrow)]
    reference: Option<Text<'a>>,
}

/// Reads a chat message in fewer passes than [`parse_any`](super::parse_any), if nothing is wrong with it; it takes
/// nothing that [`parse_any`](super::parse_any) would not take.
pub(super) fn parse(text: &str) -> Option<Request> {
    // Clients write the type first. Those that do not are read with more care and less haste.
    if !text.starts_with(r#"{"type":"chat_message""#) {
        return None;
    }
    let chat: PlainChat = serde_json::from_str(text).ok()?;
    let to = match (chat.room, chat.to_user) {
        (Some(room), None) => Target::Room(Id::new(&room.0).ok()?),
        (None, Some(user)) => Target::User(Id::new(&user.0).ok()?),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    if chat.kind.0 != "chat_message" || !has_content(chat.payload.get()) {
        return None;
    }
    let reference = match chat.reference {
        Some(text) if text.0.len() > REFERENCE_BYTES_MAX => return None,
        reference => reference.map(|text| text.0.into()),
    };
    let message_id = match chat.message_id {
        Some(text) => Some(Id::new(&text.0).ok()?),
        None => None,
    };
    let command = Command::Chat { to, payload: chat.payload.to_owned() };
    Some(Request { reference, message_id, command })
}

/// Whether a payload, which is valid JSON, is an object with a `content` that is not empty.
fn has_content(payload: &str) -> bool {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        content: Text<'a>,
    }
    // Most payloads hold nothing else, and where its string ends is seen without reading it.
    if let Some(rest) = payload.strip_prefix(r#"{"content":""#)
        && let Some(end) = memchr::memchr2(b'"', b'\\', rest.as_bytes())
        && &rest[end..] == "\"}"
    {
        return end > 0;
    }
    payload.starts_with('{')
        && serde_json::from_str::<Fields>(payload).is_ok_and(|fields| !fields.content.0.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::parse_any;
    use super::*;

    #[test]
    fn the_short_way_takes_only_what_the_long_way_takes_and_reads_the_same() {
        let fields = [
            ("room", [r#""tea""#, r#""t\u0065a""#, "null", "7", r#""""#, r#"" tea""#]),
            ("toUser", [r#""bob""#, "null", "[]", r#""\ud800""#, r#""b\u0007""#, r#""é""#]),
            ("messageId", [r#""m1""#, "null", "1", r#""""#, r#""m\"1""#, "{}"]),
            ("ref", [r#""r1""#, "null", "1", r#""""#, r#""r\n""#, "{}"]),
            ("extra", ["1", "null", "[{}]", r#""\ud800""#, "{\"content\":1}", "1e999"]),
        ];
        let payloads = [
            r#","payload":{"content":"hi"}"#,
            r#","payload": { "n" : [1, {"content":2}], "content" : "h\u0069" } "#,
            r#","payload":{"content":""}"#,
            r#","payload":{"content":"","image":1}"#,
            r#","payload":{"content":"a","content":"b"}"#,
            r#","payload":{"content":"\ud800"}"#,
            r#","payload":{"content":"\\"}"#,
            r#","payload":{"content":"}"}"#,
            r#","payload":{"content":"a","n":"\"}"}"#,
            r#","payload":{"content":7}"#,
            r#","payload":{"content":null}"#,
            r#","payload":{}"#,
            r#","payload":["hi"]"#,
            r#","payload":"hi""#,
            r#","payload":null"#,
            r#","payload":{"content":"hi"},"payload":{"content":"hi"}"#,
            r#","room":"tea","payload":{"content":"hi"}"#,
            "",
        ];
        let mut plain = 0;
        let mut check = |text: &str| {
            let Some(short) = parse(text) else { return };
            let long = parse_any(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
            assert_eq!(format!("{short:?}"), format!("{long:?}"), "{text}");
            plain += 1;
        };
        let long_reference = [64, 65].map(|length| format!("\"{}\"", "r".repeat(length)));
        for payload in payloads {
            for reference in &long_reference {
                check(&format!(
                    r#"{{"type":"chat_message","room":"tea","ref":{reference}{payload}}}"#
                ));
            }
            // Every pair of fields with every pair of values.
            for (one, values) in &fields {
                for (other, others) in &fields {
                    for value in values {
                        for another in others {
                            for kind in [r#""chat_message""#, r#""chat_messag\u0065""#] {
                                let fields = format!(r#""{one}":{value},"{other}":{another}"#);
                                check(&format!(r#"{{"type":{kind},{fields}{payload}}}"#));
                            }
                        }
                    }
                }
            }
        }
        assert!(plain > 300, "{plain} of them went the short way");
    }

    #[test]
    fn what_clients_send_goes_the_short_way() {
        for text in [
            r#"{"type":"chat_message","room":"tea","payload":{"content":"hi"}}"#,
            r#"{"type":"chat_message","toUser":"bob","messageId":"m","ref":"r","payload":{"content":"a\nb","n":1}}"#,
        ] {
            assert!(parse(text).is_some(), "{text}");
        }
    }
}
