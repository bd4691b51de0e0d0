//! Sessions: one connection each, several per user; how they come, are admitted and go.

use serde::Serialize;

use super::rate::{Rate, Verdict};
use super::{Audience, Effect, Fact, Health, Hub, Now, SessionId};
use crate::protocol::limits::ToldLimits;
use crate::protocol::{CloseCode, FrameKind, Outgoing, Position, RoomId, UserId, Version, system};

/// Where a session goes that names no room.
const DEFAULT_ROOM: &str = "Lobby";

/// One live connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: UserId,
    pub(super) version: Version,
    /// In the order of joining; bounded by `rooms_max`.
    pub(super) rooms: Vec<RoomId>,
    rate: Rate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Welcome<'a> {
    session_id: String,
    user_id: &'a UserId,
    rooms: &'a [RoomId],
    ping_interval_ms: u128,
    limits: ToldLimits,
    node: &'a str,
    service_state: ServiceState,
}

#[derive(Serialize)]
struct ServiceState {
    store: Health,
    cluster: Health,
    since: String,
}

impl Hub {
    pub(super) fn connect(
        &mut self,
        now: Now,
        session: SessionId,
        user: UserId,
        version: Version,
        room: Option<RoomId>,
        out: &mut Vec<Effect>,
    ) {
        if self.draining {
            return out.push(goodbye(session, 0));
        }
        let rate = Rate::new(&self.config.limits, now.elapsed);
        let room = room.unwrap_or_else(|| RoomId::new(DEFAULT_ROOM).expect("a valid id"));
        self.users.entry(user.clone()).or_default().push(session);
        self.sessions.insert(session, Session { user, version, rooms: Vec::new(), rate });
        self.enter(session, &room, out);
        if version == Version::V2 {
            self.welcome(now, session, out);
        }
    }

    fn welcome(&self, now: Now, id: SessionId, out: &mut Vec<Effect>) {
        let session = &self.sessions[&id];
        let payload = Welcome {
            session_id: id.to_string(),
            user_id: &session.user,
            rooms: &session.rooms,
            ping_interval_ms: self.config.limits.ping_interval.as_millis(),
            limits: self.config.limits.told(),
            node: &self.config.node,
            service_state: self.service_state(),
        };
        let frame = Outgoing {
            to_user: Some(&session.user),
            ..system(FrameKind::Welcome, now.wall, payload)
        };
        out.push(Effect::Send { to: Audience::One(id), frame: frame.encode() });
    }

    fn service_state(&self) -> ServiceState {
        // A single node is always one cluster with itself.
        let cluster = Health::Ok;
        ServiceState { store: self.store, cluster, since: self.store_since.to_rfc3339() }
    }

    /// Whether a frame of the session is to be handled: it is live and within its rate.
    pub(super) fn admit(&mut self, now: Now, id: SessionId, out: &mut Vec<Effect>) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        match session.rate.count(&self.config.limits, now.elapsed) {
            Verdict::Take => return true,
            Verdict::Drop => {}
            Verdict::DropAndTell { dropped, retry_after_ms } => {
                self.tell_rate_limited(now, id, dropped, retry_after_ms, out);
            }
            Verdict::Close => {
                self.forget(id, out);
                let code = CloseCode::TooMany;
                let reason = r#"{"retryAfterMs":10000}"#.to_owned();
                out.push(Effect::Close { session: id, code, reason });
            }
        }
        self.counters.rate_limited += 1;
        false
    }

    /// Removes all traces of a session. Once it is forgotten, this does nothing.
    pub(super) fn forget(&mut self, id: SessionId, out: &mut Vec<Effect>) {
        // Out of the pool first: a user who left must not be drawn.
        self.leave_pool(id, out);
        let Some(session) = self.sessions.get(&id) else { return };
        for room in session.rooms.clone() {
            self.exit(id, &room, out);
        }
        let session = self.sessions.remove(&id).expect("looked up above");
        let of_user = self.users.get_mut(&session.user).expect("every session stands in users");
        of_user.retain(|other| *other != id);
        if of_user.is_empty() {
            self.users.remove(&session.user);
        }
    }

    /// Notes how the store is and tells it to those who know the frame.
    pub(super) fn store_health(&mut self, now: Now, health: Health, out: &mut Vec<Effect>) {
        if self.store == health {
            return;
        }
        self.store = health;
        self.store_since = now.wall;
        let payload = self.service_state();
        let frame = system(FrameKind::ServiceState, now.wall, payload).encode();
        let mut audience: Vec<SessionId> = self.sessions.keys().copied().collect();
        audience.retain(|id| self.is_v2(*id));
        audience.sort_unstable();
        out.push(Effect::Send { to: Audience::Many(audience.into()), frame });
    }

    /// Tells all facts that hold, for a store that has lost them.
    pub(super) fn tell_facts(&self, out: &mut Vec<Effect>) {
        for (id, session) in &self.sessions {
            out.extend(session.rooms.iter().map(|room| {
                Effect::Tell(Fact::Joined {
                    session: *id,
                    user: session.user.clone(),
                    room: room.clone(),
                })
            }));
        }
        out.extend(self.pool.users().map(|user| Effect::Tell(Fact::Available { user })));
    }

    /// Says goodbye to everybody, each with a time of its own to come back.
    pub(super) fn drain(&mut self, out: &mut Vec<Effect>) {
        self.draining = true;
        let mut sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        sessions.sort_unstable();
        let spread = u64::try_from(self.config.drain.as_millis()).unwrap_or(u64::MAX);
        for (place, id) in (0..).zip(&sessions) {
            self.forget(*id, out);
            out.push(goodbye(*id, spread.saturating_mul(place) / sessions.len() as u64));
        }
    }

    /// The wall clock of the last change of the store's health.
    #[must_use]
    pub fn store_since(&self) -> Position {
        self.store_since
    }
}

fn goodbye(session: SessionId, reconnect_after_ms: u64) -> Effect {
    let reason = format!(r#"{{"reconnectAfterMs":{reconnect_after_ms}}}"#);
    Effect::Close { session, code: CloseCode::ShuttingDown, reason }
}
