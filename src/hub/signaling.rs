//! Signalling: what two peers tell each other about a call goes through unread.

use serde_json::value::RawValue;

use super::reply::Asked;
use super::{Effect, Hub};
use crate::protocol::{ErrorCode, MessageId, Outgoing, RoomId, Signal, UserId};

impl Hub {
    pub(super) fn signal(
        &mut self,
        asked: &Asked,
        signal: Signal,
        to_user: &UserId,
        room: Option<&RoomId>,
        payload: Option<&RawValue>,
        out: &mut Vec<Effect>,
    ) {
        let Some(to) = self.sessions_of(to_user.as_str()) else {
            let error = format!("{to_user} is not connected");
            return self.refuse(asked, ErrorCode::PeerUnavailable, error, out);
        };
        let frame = Outgoing {
            kind: signal.kind(),
            from_user: self.sessions[&asked.session].user.as_str(),
            to_user: Some(to_user),
            room,
            message_id: asked.message_id.as_ref().map(MessageId::as_str),
            create_time: asked.now.wall.to_rfc3339(),
            reference: None,
            payload,
        };
        out.push(Effect::Send { to, frame: frame.encode() });
    }
}
