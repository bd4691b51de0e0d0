//! Answers to the session that asked: replies, errors, acknowledgements.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::{Audience, Effect, Hub, Now, Origin, SessionId};
use crate::protocol::{
    ErrorCode, FrameKind, MessageId, Outgoing, Reference, Rejection, RoomId, Version, system,
};

/// Who asked, when, and what the answer carries back.
pub(super) struct Asked {
    pub(super) now: Now,
    pub(super) session: SessionId,
    pub(super) reference: Option<Reference>,
    pub(super) message_id: Option<MessageId>,
}

impl From<Asked> for Origin {
    fn from(asked: Asked) -> Self {
        Self { session: asked.session, reference: asked.reference }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorPayload<'a> {
    error: &'a str,
    code: ErrorCode,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u32>,
}

impl Hub {
    /// Answers a request.
    pub(super) fn reply<P: Serialize>(
        &self,
        asked: &Asked,
        kind: FrameKind,
        room: Option<&RoomId>,
        payload: P,
        out: &mut Vec<Effect>,
    ) {
        let Some(session) = self.sessions.get(&asked.session) else { return };
        let frame = Outgoing {
            to_user: Some(&session.user),
            room,
            reference: asked.reference.as_deref(),
            ..system(kind, asked.now.wall, payload)
        };
        out.push(Effect::Send { to: Audience::One(asked.session), frame: frame.encode() });
    }

    /// Tells a session that its request failed.
    pub(super) fn refuse(
        &mut self,
        asked: &Asked,
        code: ErrorCode,
        error: impl Into<Cow<'static, str>>,
        out: &mut Vec<Effect>,
    ) {
        let rejection = Rejection {
            code,
            error: error.into(),
            field: None,
            reference: asked.reference.clone(),
            message_id: asked.message_id.clone(),
        };
        self.send_error(asked.now, asked.session, &rejection, None, out);
    }

    /// Answers a frame that was not understood.
    pub(super) fn reject(
        &mut self,
        now: Now,
        session: SessionId,
        rejection: Rejection,
        out: &mut Vec<Effect>,
    ) {
        if rejection.code != ErrorCode::InvalidFrame {
            return self.send_error(now, session, &rejection, None, out);
        }
        #[derive(Serialize)]
        struct Unreadable<'a> {
            error: &'a str,
            details: &'a str,
            code: ErrorCode,
        }
        self.count_error(rejection.code);
        let message_id = format!("err-{}", self.rng.message_id(now));
        let Some(live) = self.sessions.get(&session) else { return };
        let payload =
            Unreadable { error: "invalid frame", details: &rejection.error, code: rejection.code };
        let frame = Outgoing {
            to_user: Some(&live.user),
            message_id: Some(&message_id),
            ..system(FrameKind::ErrorResponse, now.wall, payload)
        };
        out.push(Effect::Send { to: Audience::One(session), frame: frame.encode() });
    }

    /// Refuses a binary message.
    pub(super) fn binary(&mut self, now: Now, session: SessionId, out: &mut Vec<Effect>) {
        if self.admit(now, session, out) {
            let rejection = Rejection::unreadable("binary frames are not taken");
            self.send_error(now, session, &rejection, None, out);
        }
    }

    /// Says that frames were dropped because they came too fast.
    pub(super) fn tell_rate_limited(
        &mut self,
        now: Now,
        session: SessionId,
        dropped: u32,
        retry_after_ms: u64,
        out: &mut Vec<Effect>,
    ) {
        let rejection = Rejection {
            code: ErrorCode::RateLimited,
            error: "too many frames; some were dropped".into(),
            field: None,
            reference: None,
            message_id: None,
        };
        self.send_error(now, session, &rejection, Some((dropped, retry_after_ms)), out);
    }

    fn send_error(
        &mut self,
        now: Now,
        session: SessionId,
        rejection: &Rejection,
        rate: Option<(u32, u64)>,
        out: &mut Vec<Effect>,
    ) {
        self.count_error(rejection.code);
        let Some(live) = self.sessions.get(&session) else { return };
        let payload = ErrorPayload {
            error: &rejection.error,
            code: rejection.code,
            retryable: rejection.code.retryable(),
            field: rejection.field,
            retry_after_ms: rate.map(|(_, retry_after_ms)| retry_after_ms),
            dropped: rate.map(|(dropped, _)| dropped),
        };
        let frame = Outgoing {
            to_user: Some(&live.user),
            message_id: rejection.message_id.as_ref().map(MessageId::as_str),
            reference: rejection.reference.as_deref(),
            ..system(FrameKind::Error, now.wall, payload)
        };
        out.push(Effect::Send { to: Audience::One(session), frame: frame.encode() });
    }

    fn count_error(&mut self, code: ErrorCode) {
        self.counters.errors[code as usize] += 1;
    }

    /// Answers a `ping` of the client.
    pub(super) fn pong(&self, asked: &Asked, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get(&asked.session) else { return };
        let frame = Outgoing {
            to_user: Some(&session.user),
            reference: asked.reference.as_deref(),
            payload: None,
            ..system(FrameKind::Pong, asked.now.wall, ())
        };
        out.push(Effect::Send { to: Audience::One(asked.session), frame: frame.encode() });
    }

    /// Whether the session may be sent frames that a v1 client does not know.
    pub(super) fn is_v2(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.version == Version::V2)
    }

    /// All live sessions of a user.
    pub(super) fn sessions_of(&self, user: &str) -> Option<Audience> {
        match self.users.get(user)?.as_slice() {
            [one] => Some(Audience::One(*one)),
            several => {
                let mut several: Arc<[SessionId]> = several.into();
                Arc::get_mut(&mut several).expect("just made").sort_unstable();
                Some(Audience::Many(several))
            }
        }
    }
}
