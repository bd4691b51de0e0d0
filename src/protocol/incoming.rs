//! What a client says: from the text of a frame to a typed request, or to the reason why not.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::limits::{CANDIDATE_BYTES_MAX, HISTORY_PAGE_DEFAULT, HISTORY_PAGE_MAX, SDP_BYTES_MAX};
use super::{ErrorCode, FrameKind, Id, MessageId, Position, REFERENCE_BYTES_MAX, RoomId, UserId};

/// The client's own mark on a request; its direct reply or error carries it back.
pub type Reference = Box<str>;

/// One frame of a client, checked.
#[derive(Debug)]
pub struct Request {
    /// The `ref` of the frame.
    pub reference: Option<Reference>,
    /// The `messageId` of the frame.
    pub message_id: Option<MessageId>,
    /// What the client wants.
    pub command: Command,
}

/// What a client can ask for.
#[derive(Debug)]
pub enum Command {
    /// `chat_message`: the payload is an object with a string `content`, passed on as it came.
    Chat { to: Target, payload: Box<RawValue> },
    /// `join_room`.
    JoinRoom { room: RoomId },
    /// `leave_room`.
    LeaveRoom { room: RoomId },
    /// `get_rooms`.
    GetRooms,
    /// `get_recent_messages`.
    RecentMessages { room: RoomId, page: Page },
    /// `get_direct_messages`.
    DirectMessages { with: UserId, page: Page },
    /// `user_available_webrtc`.
    Available,
    /// `user_unavailable_webrtc`.
    Unavailable,
    /// `request_random_peer`; `except` is the `currentPeerId`, which must not be drawn again.
    RandomPeer { except: Option<UserId> },
    /// A signalling frame, relayed as it came.
    Signal { signal: Signal, to: UserId, room: Option<RoomId>, payload: Option<Box<RawValue>> },
    /// `ping`.
    Ping,
}

/// Whom a chat message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The members of a room.
    Room(RoomId),
    /// One user.
    User(UserId),
}

/// Which part of a history is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many messages, 1 to 200.
    pub limit: u16,
    /// Only what is older than this.
    pub before: Option<Position>,
}

/// The frames that are relayed between two peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Offer,
    Answer,
    Candidate,
    Hangup,
}

impl Signal {
    /// The frame that carries it.
    #[must_use]
    pub fn kind(self) -> FrameKind {
        match self {
            Self::Offer => FrameKind::WebrtcOffer,
            Self::Answer => FrameKind::WebrtcAnswer,
            Self::Candidate => FrameKind::WebrtcCandidate,
            Self::Hangup => FrameKind::Hangup,
        }
    }

    fn payload_bytes_max(self) -> usize {
        match self {
            Self::Offer | Self::Answer => SDP_BYTES_MAX,
            Self::Candidate | Self::Hangup => CANDIDATE_BYTES_MAX,
        }
    }
}

/// Why a frame was not taken, with what the answer needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code of the error.
    pub code: ErrorCode,
    /// A sentence for people.
    pub error: Cow<'static, str>,
    /// The field at fault, by its name on the wire.
    pub field: Option<&'static str>,
    /// The `ref` of the frame, if it could be read.
    pub reference: Option<Reference>,
    /// The `messageId` of the frame, if it could be read.
    pub message_id: Option<MessageId>,
}

impl Rejection {
    /// A rejection of a frame that could not be read at all: answered by `error_response`.
    #[must_use]
    pub fn unreadable(error: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: ErrorCode::InvalidFrame,
            error: error.into(),
            field: None,
            reference: None,
            message_id: None,
        }
    }
}

/// What is wrong with one frame, before it is known whose it is.
struct Fault {
    code: ErrorCode,
    error: Cow<'static, str>,
    field: Option<&'static str>,
}

impl Fault {
    fn missing(field: &'static str) -> Self {
        let error = format!("the field {field} is missing").into();
        Self { code: ErrorCode::MissingField, error, field: Some(field) }
    }

    fn invalid(field: &'static str, why: impl std::fmt::Display) -> Self {
        let error = format!("{field} {why}").into();
        Self { code: ErrorCode::InvalidField, error, field: Some(field) }
    }
}

/// The envelope with its fields unread, so that a wrong one spoils only itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    to_user: Option<&'a RawValue>,
    #[serde(borrow)]
    room: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    message_id: Option<&'a RawValue>,
    #[serde(rename = "ref", borrow)]
    reference: Option<&'a RawValue>,
}

/// Keeps a null, which is relayed as such, apart from an absent field.
fn even_null<'de, D: Deserializer<'de>>(field: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(field).map(Some)
}

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

/// Reads a chat message in fewer passes than [`parse_any`], if nothing is wrong with it; it takes
/// nothing that [`parse_any`] would not take.
fn parse_plain_chat(text: &str) -> Option<Request> {
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

/// Reads one text frame.
///
/// # Errors
/// A [`Rejection`] that says what is wrong and carries back `ref` and `messageId` where it can.
pub fn parse(text: &str) -> Result<Request, Rejection> {
    parse_plain_chat(text).map_or_else(|| parse_any(text), Ok)
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

fn parse_any(text: &str) -> Result<Request, Rejection> {
    // serde would take a JSON array for the struct as well.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Rejection::unreadable("a frame is a JSON object"));
    }
    let envelope: Envelope = serde_json::from_str(text)
        .map_err(|error| Rejection::unreadable(format!("not a JSON object: {error}")))?;
    let kind = match text_of(envelope.kind) {
        Some(Ok(kind)) => kind,
        Some(Err(())) => return Err(Rejection::unreadable("type is not a string")),
        None => return Err(Rejection::unreadable("type is missing")),
    };
    let reference = reference(envelope.reference);
    let message_id = id(envelope.message_id, "messageId");
    let attribute = |fault: Fault| Rejection {
        code: fault.code,
        error: fault.error,
        field: fault.field,
        reference: reference.as_ref().ok().cloned().flatten(),
        message_id: message_id.as_ref().ok().cloned().flatten(),
    };
    let command = match command(&kind, &envelope) {
        Ok(command) => command,
        Err(fault) => return Err(attribute(fault)),
    };
    match (reference, message_id) {
        (Ok(reference), Ok(message_id)) => Ok(Request { reference, message_id, command }),
        (Err(fault), message_id) => {
            Err(Rejection { message_id: message_id.ok().flatten(), ..orphan(fault) })
        }
        (Ok(reference), Err(fault)) => Err(Rejection { reference, ..orphan(fault) }),
    }
}

fn orphan(fault: Fault) -> Rejection {
    Rejection {
        code: fault.code,
        error: fault.error,
        field: fault.field,
        reference: None,
        message_id: None,
    }
}

fn command(kind: &str, envelope: &Envelope) -> Result<Command, Fault> {
    Ok(match kind {
        "chat_message" => {
            Command::Chat { to: target(envelope)?, payload: chat_payload(envelope.payload)? }
        }
        "join_room" => Command::JoinRoom { room: required(envelope.room, "room")? },
        "leave_room" => Command::LeaveRoom { room: required(envelope.room, "room")? },
        "get_rooms" => Command::GetRooms,
        "get_recent_messages" => Command::RecentMessages {
            room: required(envelope.room, "room")?,
            page: payload::<PageFields>(envelope.payload)?.page()?,
        },
        "get_direct_messages" => {
            let fields: PageFields = payload(envelope.payload)?;
            Command::DirectMessages {
                with: required(fields.with_user, "withUser")?,
                page: fields.page()?,
            }
        }
        "user_available_webrtc" => Command::Available,
        "user_unavailable_webrtc" => Command::Unavailable,
        "request_random_peer" => {
            let fields: PeerFields = payload(envelope.payload)?;
            Command::RandomPeer { except: id(fields.current_peer_id, "currentPeerId")? }
        }
        "webrtc_offer" => signal(Signal::Offer, envelope)?,
        "webrtc_answer" => signal(Signal::Answer, envelope)?,
        "webrtc_candidate" => signal(Signal::Candidate, envelope)?,
        "hangup" => signal(Signal::Hangup, envelope)?,
        "ping" => Command::Ping,
        other if FrameKind::ALL.iter().any(|kind| kind.name() == other) => {
            return Err(Fault {
                code: ErrorCode::Forbidden,
                error: format!("only the server sends {other}").into(),
                field: Some("type"),
            });
        }
        _ => {
            return Err(Fault {
                code: ErrorCode::UnknownType,
                error: "this server does not know the type".into(),
                field: Some("type"),
            });
        }
    })
}

fn target(envelope: &Envelope) -> Result<Target, Fault> {
    match (id(envelope.room, "room")?, id(envelope.to_user, "toUser")?) {
        (Some(room), None) => Ok(Target::Room(room)),
        (None, Some(user)) => Ok(Target::User(user)),
        (Some(_), Some(_)) => Err(Fault::invalid("room", "and toUser exclude each other")),
        (None, None) => Err(Fault::invalid("room", "or toUser must be there")),
    }
}

fn chat_payload(raw: Option<&RawValue>) -> Result<Box<RawValue>, Fault> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    let raw = raw.filter(|raw| raw.get() != "null").ok_or_else(|| Fault::missing("payload"))?;
    if !raw.get().starts_with('{') {
        return Err(Fault::invalid("payload", "must be a JSON object"));
    }
    let fields: Fields = serde_json::from_str(raw.get())
        .map_err(|error| Fault::invalid("payload", format_args!("cannot be read: {error}")))?;
    let content = match text_of(fields.content) {
        None => return Err(Fault::missing("content")),
        Some(Err(())) => return Err(Fault::invalid("content", "must be a string")),
        Some(Ok(content)) => content,
    };
    if content.is_empty() && holds_one_field(raw.get()) {
        return Err(Fault::invalid("content", "is empty and nothing stands beside it"));
    }
    Ok(raw.to_owned())
}

fn holds_one_field(object: &str) -> bool {
    serde_json::from_str::<HashMap<Cow<str>, IgnoredAny>>(object).is_ok_and(|all| all.len() == 1)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PageFields<'a> {
    #[serde(borrow)]
    with_user: Option<&'a RawValue>,
    #[serde(borrow)]
    limit: Option<&'a RawValue>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
}

impl PageFields<'_> {
    fn page(&self) -> Result<Page, Fault> {
        let limit = match self.limit.filter(|raw| raw.get() != "null") {
            None => HISTORY_PAGE_DEFAULT,
            Some(raw) => serde_json::from_str(raw.get())
                .ok()
                .filter(|limit| (1..=HISTORY_PAGE_MAX).contains(limit))
                .ok_or_else(|| Fault::invalid("limit", "must be a whole number from 1 to 200"))?,
        };
        let before = match text_of(self.before) {
            None => None,
            Some(text) => Some(
                text.ok()
                    .and_then(|text| Position::parse_rfc3339(&text))
                    .ok_or_else(|| Fault::invalid("before", "must be an RFC 3339 time"))?,
            ),
        };
        Ok(Page { limit, before })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PeerFields<'a> {
    #[serde(borrow)]
    current_peer_id: Option<&'a RawValue>,
}

/// Reads an optional payload; an absent or null one has no fields.
fn payload<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> Result<T, Fault> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(T::default()) };
    if !raw.get().starts_with('{') {
        return Err(Fault::invalid("payload", "must be a JSON object"));
    }
    serde_json::from_str(raw.get())
        .map_err(|error| Fault::invalid("payload", format_args!("cannot be read: {error}")))
}

fn signal(signal: Signal, envelope: &Envelope) -> Result<Command, Fault> {
    let to = required(envelope.to_user, "toUser")?;
    let room = id(envelope.room, "room")?;
    if envelope.payload.is_some_and(|raw| raw.get().len() > signal.payload_bytes_max()) {
        return Err(Fault {
            code: ErrorCode::TooLarge,
            error: format!("the payload is above {} bytes", signal.payload_bytes_max()).into(),
            field: Some("payload"),
        });
    }
    Ok(Command::Signal { signal, to, room, payload: envelope.payload.map(ToOwned::to_owned) })
}

/// Borrows where the text has no escapes, which a plain `Cow` in an `Option` would not.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The string in `raw`; null counts as absent, anything else is an error.
fn text_of(raw: Option<&RawValue>) -> Option<Result<Cow<'_, str>, ()>> {
    let raw = raw?.get();
    if raw == "null" {
        return None;
    }
    Some(serde_json::from_str::<Text>(raw).map(|text| text.0).map_err(|_| ()))
}

fn id<K>(raw: Option<&RawValue>, field: &'static str) -> Result<Option<Id<K>>, Fault> {
    match text_of(raw) {
        None => Ok(None),
        Some(Err(())) => Err(Fault::invalid(field, "must be a string")),
        Some(Ok(text)) => Id::new(&text).map(Some).map_err(|why| Fault::invalid(field, why)),
    }
}

fn required<K>(raw: Option<&RawValue>, field: &'static str) -> Result<Id<K>, Fault> {
    id(raw, field)?.ok_or_else(|| Fault::missing(field))
}

fn reference(raw: Option<&RawValue>) -> Result<Option<Reference>, Fault> {
    match text_of(raw) {
        None => Ok(None),
        Some(Ok(text)) if text.len() <= REFERENCE_BYTES_MAX => Ok(Some(text.into())),
        Some(_) => Err(Fault::invalid("ref", "must be a string of at most 64 bytes")),
    }
}

#[cfg(test)]
mod tests {
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
            let Some(short) = parse_plain_chat(text) else { return };
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
            assert!(parse_plain_chat(text).is_some(), "{text}");
        }
    }
}
