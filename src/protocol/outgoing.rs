//! What the server says.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Encoded, MessageId, Position, RoomId, UserId};

macro_rules! frame_kinds {
    ($($variant:ident = $name:literal,)*) => {
        /// The type of a frame that the server may send.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FrameKind { $($variant,)* }

        impl FrameKind {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The type as it stands on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

frame_kinds! {
    ChatMessage = "chat_message",
    RoomJoined = "room_joined",
    RoomLeft = "room_left",
    RoomsList = "rooms_list",
    RecentMessages = "recent_messages",
    DirectMessages = "direct_messages",
    AssignRole = "assign_role",
    NoPeerAvailable = "no_peer_available",
    WebrtcOffer = "webrtc_offer",
    WebrtcAnswer = "webrtc_answer",
    WebrtcCandidate = "webrtc_candidate",
    Hangup = "hangup",
    ErrorResponse = "error_response",
    Error = "error",
    Welcome = "welcome",
    Ack = "ack",
    Availability = "availability",
    ServiceState = "service_state",
    Pong = "pong",
}

impl FrameKind {
    /// Whether a v1 client knows the type.
    #[must_use]
    pub const fn is_v1(self) -> bool {
        !matches!(
            self,
            Self::Welcome | Self::Ack | Self::Availability | Self::ServiceState | Self::Pong
        )
    }
}

impl Serialize for FrameKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One frame of the server: the envelope, absent fields left out, the payload last.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outgoing<'a, P> {
    /// The type.
    #[serde(rename = "type")]
    pub kind: FrameKind,
    /// The author, or `system`.
    pub from_user: &'a str,
    /// The recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_user: Option<&'a UserId>,
    /// The room that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<&'a RoomId>,
    /// The message that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<&'a str>,
    /// When the server made it, RFC 3339.
    pub create_time: String,
    /// The `ref` of the request that it answers.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<P>,
}

impl<P: Serialize> Outgoing<'_, P> {
    /// The frame as bytes.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        Encoded::new(self.kind, self)
    }
}

impl Outgoing<'_, ()> {
    /// The frame as bytes, with a payload whose JSON text is already written, in parts.
    #[must_use]
    pub fn encode_around(&self, payload: &[&str]) -> Encoded {
        debug_assert!(self.payload.is_none());
        let mut head = serde_json::to_string(self).expect("an envelope without payload serialises");
        head.pop();
        let mut parts = Vec::with_capacity(payload.len() + 3);
        parts.extend([head.as_str(), PAYLOAD_KEY]);
        parts.extend(payload);
        parts.push("}");
        Encoded::join(self.kind, &parts)
    }
}

/// A frame of the server itself, with nothing but its payload yet.
#[must_use]
pub fn system<P>(kind: FrameKind, now: Position, payload: P) -> Outgoing<'static, P> {
    Outgoing {
        kind,
        from_user: "system",
        to_user: None,
        room: None,
        message_id: None,
        create_time: now.to_rfc3339(),
        reference: None,
        payload: Some(payload),
    }
}

/// The text of a chat message but for its time, which is known only when it is stored.
///
/// The payload stands last and is the sender's text, byte for byte. Clones share the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The head and behind it the tail, without the time between them.
    text: Bytes,
    /// Bytes of the head.
    head: usize,
}

impl Draft {
    /// Writes a `chat_message` of `from` to a room or to a user.
    #[must_use]
    pub fn new(
        from: &UserId,
        to_user: Option<&UserId>,
        room: Option<&RoomId>,
        message_id: &MessageId,
        payload: &RawValue,
    ) -> Self {
        let fields = [
            (AUTHOR_KEY, Some(from.as_str())),
            (",\"toUser\":", to_user.map(UserId::as_str)),
            (",\"room\":", room.map(RoomId::as_str)),
            (",\"messageId\":", Some(message_id.as_str())),
        ];
        let fields = || fields.iter().filter_map(|(key, id)| Some((*key, (*id)?)));
        // Exact but for the few ids that have to be escaped, so that `Bytes` takes it as it is.
        let length = fields().map(|(key, id)| key.len() + id.len() + 2).sum::<usize>()
            + TIME_KEY.len()
            + PAYLOAD_KEY.len()
            + payload.get().len()
            + 2;
        let mut text = Vec::with_capacity(length);
        for (key, id) in fields() {
            text.extend_from_slice(key.as_bytes());
            push_id(&mut text, id);
        }
        text.extend_from_slice(TIME_KEY.as_bytes());
        let head = text.len();
        text.push(b'"');
        text.extend_from_slice(PAYLOAD_KEY.as_bytes());
        text.extend_from_slice(payload.get().as_bytes());
        text.push(b'}');
        Self { text: Bytes::from(text), head }
    }

    /// A draft whose [`Self::head`] and [`Self::tail`] were kept somewhere.
    #[must_use]
    pub fn from_parts(head: &str, tail: &str) -> Self {
        Self { text: Bytes::from([head, tail].concat()), head: head.len() }
    }

    /// Up to and including the quote that opens the value of `createTime`.
    #[must_use]
    pub fn head(&self) -> &str {
        text_of(&self.text[..self.head])
    }

    /// From the quote that closes it to the end.
    #[must_use]
    pub fn tail(&self) -> &str {
        text_of(&self.text[self.head..])
    }

    /// The message at its place.
    #[must_use]
    pub fn at(&self, position: Position) -> Encoded {
        let (head, tail) = self.text.split_at(self.head);
        Encoded::concat(FrameKind::ChatMessage, [head, &position.rfc3339(), tail])
    }

    /// Bytes that the draft holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Never: a draft holds at least its braces.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Writes an id as JSON. It holds no control characters, so seldom anything that is escaped.
fn push_id(text: &mut Vec<u8>, id: &str) {
    if memchr::memchr2(b'"', b'\\', id.as_bytes()).is_some() {
        return serde_json::to_writer(text, id).expect("the buffer takes all");
    }
    text.push(b'"');
    text.extend_from_slice(id.as_bytes());
    text.push(b'"');
}

fn text_of(part: &[u8]) -> &str {
    std::str::from_utf8(part).expect("written from strings and cut between them")
}

/// Whether `user` wrote the message whose text a [`Draft`] made.
#[must_use]
pub fn authored_by(message: &str, user: &UserId) -> bool {
    let author = serde_json::to_string(user).expect("ids serialise");
    message.strip_prefix(AUTHOR_KEY).is_some_and(|rest| rest.starts_with(&author))
}

/// How a message begins; its author follows.
const AUTHOR_KEY: &str = r#"{"type":"chat_message","fromUser":"#;
/// How the time of a message begins.
const TIME_KEY: &str = ",\"createTime\":\"";
/// How the payload of a message begins. Quotes inside JSON strings are escaped, so the first
/// occurrence in the text of a message is this one.
const PAYLOAD_KEY: &str = ",\"payload\":";

/// Puts `fields` (such as `,"incoming":true`) in front of the payload of a message's text.
#[must_use]
pub fn insert_before_payload<'a>(message: &'a str, fields: &'a str) -> [&'a str; 3] {
    let at = message.find(PAYLOAD_KEY).unwrap_or(message.len().saturating_sub(1));
    [&message[..at], fields, &message[at..]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_the_senders_payload_byte_for_byte() {
        let payload =
            RawValue::from_string("{ \"content\" :\"h\\u0069\",\"n\": 1.50 }".into()).unwrap();
        let (ana, lobby) = (UserId::new("ana").unwrap(), RoomId::new("lob\"by").unwrap());
        let id = MessageId::new("m1").unwrap();
        let draft = Draft::new(&ana, None, Some(&lobby), &id, &payload);
        assert_eq!(
            draft.at(Position(1)).json(),
            r#"{"type":"chat_message","fromUser":"ana","room":"lob\"by","messageId":"m1","createTime":"1970-01-01T00:00:00.000001Z","payload":{ "content" :"h\u0069","n": 1.50 }}"#
        );
    }

    #[test]
    fn a_draft_is_the_message_without_its_time() {
        let payload = RawValue::from_string(r#"{"content":"é"}"#.into()).unwrap();
        let [ana, bob] = ["ana \"\\ é", "bob"].map(|user| UserId::new(user).unwrap());
        let draft = Draft::new(&ana, Some(&bob), None, &MessageId::new("m").unwrap(), &payload);
        let head = r#"{"type":"chat_message","fromUser":"ana \"\\ é","toUser":"bob","messageId":"m","createTime":""#;
        assert_eq!((draft.head(), draft.tail()), (head, r#"","payload":{"content":"é"}}"#));
        let text = [head, "1970-01-01T00:00:00.000001Z", draft.tail()].concat();
        assert_eq!(draft.at(Position(1)).json(), text);
        assert_eq!(Draft::from_parts(draft.head(), draft.tail()), draft);
        assert!(authored_by(&text, &ana) && !authored_by(&text, &bob));
    }

    #[test]
    fn fields_are_put_before_the_payload_even_when_an_id_looks_like_one() {
        let payload = RawValue::from_string(r#"{"content":"x"}"#.into()).unwrap();
        let tricky = UserId::new(r#","payload":"#).unwrap();
        let draft =
            Draft::new(&tricky, Some(&tricky), None, &MessageId::new("m").unwrap(), &payload);
        let message = draft.at(Position(1));
        let text = insert_before_payload(message.json(), r#","incoming":true"#).concat();
        assert!(text.ends_with(r#"Z","incoming":true,"payload":{"content":"x"}}"#), "{text}");
    }
}
