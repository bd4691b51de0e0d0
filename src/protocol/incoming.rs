//! What a client says: from the text of a frame to a typed request, or to the reason why not.

mod plain_chat;

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

    fn reject(self, reference: Option<Reference>, message_id: Option<MessageId>) -> Rejection {
        let Self { code, error, field } = self;
        Rejection { code, error, field, reference, message_id }
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

/// Reads one text frame.
///
/// # Errors
/// A [`Rejection`] that says what is wrong and carries back `ref` and `messageId` where it can.
pub fn parse(text: &str) -> Result<Request, Rejection> {
    plain_chat::parse(text).map_or_else(|| parse_any(text), Ok)
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
    let command = match command(&kind, &envelope) {
        Ok(command) => command,
        Err(fault) => return Err(fault.reject(reference.ok().flatten(), message_id.ok().flatten())),
    };
    match (reference, message_id) {
        (Ok(reference), Ok(message_id)) => Ok(Request { reference, message_id, command }),
        (Err(fault), message_id) => Err(fault.reject(None, message_id.ok().flatten())),
        (Ok(reference), Err(fault)) => Err(fault.reject(reference, None)),
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
