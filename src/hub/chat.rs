//! Chat: a message is stored first, then delivered at its place, then acknowledged.

use serde::Serialize;
use serde_json::value::RawValue;

use super::reply::Asked;
use super::{Append, Audience, Conversation, Effect, Hub, Kept, Now, Pair, Placed};
use crate::protocol::{
    Draft, Encoded, ErrorCode, FrameKind, MessageId, Outgoing, Position, Target, UserId,
    insert_before_payload, system,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ack {
    position: Position,
    create_time: String,
    stored: Kept,
}

impl Hub {
    pub(super) fn chat(
        &mut self,
        mut asked: Asked,
        to: Target,
        payload: &RawValue,
        out: &mut Vec<Effect>,
    ) {
        if let Target::Room(room) = &to
            && !self.is_member(asked.session, room)
        {
            let error = "join the room before writing to it";
            return self.refuse(&asked, ErrorCode::NotInRoom, error, out);
        }
        let author = self.sessions[&asked.session].user.clone();
        let message_id = asked.message_id.take().unwrap_or_else(|| self.rng.message_id(asked.now));
        let (recipient, room) = match &to {
            Target::Room(room) => (None, Some(room)),
            Target::User(user) => (Some(user), None),
        };
        let draft = Draft::new(&author, recipient, room, &message_id, payload);
        let conversation = match to {
            Target::Room(room) => Conversation::Room(room),
            Target::User(user) => Conversation::Direct(Pair::new(author.clone(), user)),
        };
        let origin = Some(asked.into());
        out.push(Effect::Append(Append { origin, conversation, author, message_id, draft }));
    }

    pub(super) fn appended(
        &mut self,
        now: Now,
        append: &Append,
        placed: Placed,
        message: Option<Encoded>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(frame) = message {
            match &append.conversation {
                Conversation::Room(room) => {
                    out.extend(self.audience(room).map(|to| Effect::Send { to, frame }));
                }
                Conversation::Direct(_) => self.deliver_direct(append, &frame, out),
            }
        }
        self.acknowledge(now, append, placed.position, placed.kept, out);
    }

    fn deliver_direct(&self, append: &Append, message: &Encoded, out: &mut Vec<Effect>) {
        let recipient = append.recipient().filter(|user| **user != append.author);
        let mut send = |user: &UserId, incoming: &str| {
            let Some(to) = self.sessions_of(user.as_str()) else { return };
            let text = insert_before_payload(message.json(), incoming);
            out.push(Effect::Send { to, frame: Encoded::join(FrameKind::ChatMessage, &text) });
        };
        if let Some(recipient) = recipient {
            send(recipient, INCOMING);
        }
        send(&append.author, OUTGOING);
    }

    /// Says again that a message is kept, now that Redis has it.
    pub(super) fn confirmed(
        &mut self,
        now: Now,
        append: &Append,
        position: Position,
        out: &mut Vec<Effect>,
    ) {
        self.acknowledge(now, append, position, Kept::Redis, out);
    }

    fn acknowledge(
        &self,
        now: Now,
        append: &Append,
        position: Position,
        stored: Kept,
        out: &mut Vec<Effect>,
    ) {
        let Some(origin) = append.origin.as_ref().filter(|origin| self.is_v2(origin.session))
        else {
            return;
        };
        let payload = Ack { position, create_time: position.to_rfc3339(), stored };
        let room = match &append.conversation {
            Conversation::Room(room) => Some(room),
            Conversation::Direct(_) => None,
        };
        let frame = Outgoing {
            to_user: Some(&append.author),
            room,
            message_id: Some(MessageId::as_str(&append.message_id)),
            reference: origin.reference.as_deref(),
            ..system(FrameKind::Ack, now.wall, payload)
        };
        out.push(Effect::Send { to: Audience::One(origin.session), frame: frame.encode() });
    }
}

/// What the recipient of a direct message sees in it.
pub(super) const INCOMING: &str = r#","incoming":true"#;
/// What its author sees in it.
pub(super) const OUTGOING: &str = r#","incoming":false"#;
