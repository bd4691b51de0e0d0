//! History on request: rooms newest first, direct messages oldest first, as v1 clients know it.

use super::chat::{INCOMING, OUTGOING};
use super::reply::Asked;
use super::{Audience, Conversation, Effect, History, Hub, Now, Pair, Read, StoreError, Stored};
use crate::protocol::{
    ErrorCode, FrameKind, Outgoing, Page, RoomId, UserId, Version, authored_by,
    insert_before_payload, system,
};

impl Hub {
    pub(super) fn recent_messages(
        &mut self,
        asked: Asked,
        room: RoomId,
        page: Page,
        out: &mut Vec<Effect>,
    ) {
        let conversation = Conversation::Room(room);
        out.push(Effect::Read(Read { origin: asked.into(), conversation, page }));
    }

    pub(super) fn direct_messages(
        &mut self,
        asked: Asked,
        with: UserId,
        page: Page,
        out: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&asked.session) else { return };
        let conversation = Conversation::Direct(Pair::new(session.user.clone(), with));
        out.push(Effect::Read(Read { origin: asked.into(), conversation, page }));
    }

    pub(super) fn loaded(
        &mut self,
        now: Now,
        read: &Read,
        result: Result<History, StoreError>,
        out: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&read.origin.session) else { return };
        let history = match (result, session.version) {
            (Ok(history), _) => shorten(history, self.config.limits.page_bytes_max),
            // A v1 client knows no such error.
            (Err(StoreError::Unavailable), Version::V1) => History::default(),
            (Err(StoreError::Unavailable), Version::V2) => {
                let asked = Asked {
                    now,
                    session: read.origin.session,
                    reference: read.origin.reference.clone(),
                    message_id: None,
                };
                let error = "the history cannot be read now; try again later";
                return self.refuse(&asked, ErrorCode::StoreUnavailable, error, out);
            }
        };
        let frame = Outgoing {
            to_user: Some(&session.user),
            reference: read.origin.reference.as_deref(),
            payload: None,
            ..system(FrameKind::RecentMessages, now.wall, ())
        };
        let flags = flags(&history, session.version);
        let frame = match &read.conversation {
            Conversation::Room(room) => {
                let payload = room_payload(room, &history, &flags);
                Outgoing { room: Some(room), ..frame }.encode_around(&as_parts(&payload))
            }
            Conversation::Direct(pair) => {
                let payload = direct_payload(pair, &session.user, &history, &flags);
                Outgoing { kind: FrameKind::DirectMessages, ..frame }
                    .encode_around(&as_parts(&payload))
            }
        };
        out.push(Effect::Send { to: Audience::One(read.origin.session), frame });
    }
}

/// Leaves the newest messages that fit; the others are on the next page.
fn shorten(mut history: History, bytes_max: usize) -> History {
    let mut bytes = 0;
    let fitting = history.messages.iter().rev().take_while(|message| {
        bytes += message.json.len();
        bytes <= bytes_max
    });
    let kept = fitting.count().max(1);
    if kept < history.messages.len() {
        history.messages.drain(..history.messages.len() - kept);
        history.more = true;
    }
    history
}

/// The end of the payload: what v2 says beyond v1.
fn flags(history: &History, version: Version) -> String {
    match version {
        Version::V1 => "]}".to_owned(),
        Version::V2 => {
            let degraded = if history.degraded { r#","degraded":true"# } else { "" };
            format!(r#"],"hasMore":{}{degraded}}}"#, history.more)
        }
    }
}

fn room_payload(room: &RoomId, history: &History, flags: &str) -> Vec<String> {
    let room = serde_json::to_string(room).expect("ids serialise");
    let mut parts = vec![format!(r#"{{"room":{room},"messages":["#)];
    for (place, message) in history.messages.iter().rev().enumerate() {
        parts.push(format!("{}{}", separator(place), text(message)));
    }
    parts.push(flags.to_owned());
    parts
}

fn direct_payload(pair: &Pair, reader: &UserId, history: &History, flags: &str) -> Vec<String> {
    let with = if pair.low() == reader { pair.high() } else { pair.low() };
    let name = serde_json::to_string(with).expect("ids serialise");
    let mut parts = vec![format!(r#"{{"withUser":{name},"messages":["#)];
    for (place, message) in history.messages.iter().enumerate() {
        let message = text(message);
        let direction = if authored_by(message, reader) { OUTGOING } else { INCOMING };
        let [head, field, tail] = insert_before_payload(message, direction);
        parts.push(format!("{}{head}{field}{tail}", separator(place)));
    }
    parts.push(flags.to_owned());
    parts
}

fn separator(place: usize) -> &'static str {
    if place == 0 { "" } else { "," }
}

/// A text that is not UTF-8 can only have been put into Redis by somebody else; it is shown as null.
fn text(message: &Stored) -> &str {
    std::str::from_utf8(&message.json).unwrap_or("null")
}

fn as_parts(parts: &[String]) -> Vec<&str> {
    parts.iter().map(String::as_str).collect()
}
