//! Rooms and who is in them. A room lives here while it has members; its history lives in the store.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::Serialize;

use super::reply::Asked;
use super::{Audience, Effect, Fact, Hub, SessionId};
use crate::protocol::{ErrorCode, FrameKind, RoomId};

/// The members of one room.
#[derive(Debug, Default)]
pub(super) struct Room {
    members: FxHashSet<SessionId>,
    /// The members in ascending order, until one comes or goes.
    audience: Option<Arc<[SessionId]>>,
}

#[derive(Serialize)]
struct Changed<'a> {
    room: &'a RoomId,
    action: &'static str,
}

#[derive(Serialize)]
struct RoomsList<'a> {
    rooms: &'a [RoomId],
}

impl Hub {
    pub(super) fn join_room(&mut self, asked: &Asked, room: &RoomId, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get(&asked.session) else { return };
        if !session.rooms.contains(room) && session.rooms.len() >= self.config.limits.rooms_max {
            let limit = self.config.limits.rooms_max;
            let error = format!("a session may be in {limit} rooms; leave one first");
            return self.refuse(asked, ErrorCode::TooManyRooms, error, out);
        }
        self.enter(asked.session, room, out);
        self.reply(
            asked,
            FrameKind::RoomJoined,
            Some(room),
            Changed { room, action: "joined" },
            out,
        );
    }

    pub(super) fn leave_room(&mut self, asked: &Asked, room: &RoomId, out: &mut Vec<Effect>) {
        self.exit(asked.session, room, out);
        self.reply(asked, FrameKind::RoomLeft, Some(room), Changed { room, action: "left" }, out);
    }

    pub(super) fn list_rooms(&self, asked: &Asked, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get(&asked.session) else { return };
        let payload = RoomsList { rooms: &session.rooms };
        self.reply(asked, FrameKind::RoomsList, None, payload, out);
    }

    /// Makes a session a member; nothing happens when it is one.
    pub(super) fn enter(&mut self, id: SessionId, room: &RoomId, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.rooms.contains(room) {
            return;
        }
        session.rooms.push(room.clone());
        let user = session.user.clone();
        let members = self.rooms.entry(room.clone()).or_default();
        members.members.insert(id);
        members.audience = None;
        out.push(Effect::Tell(Fact::Joined { session: id, user, room: room.clone() }));
    }

    /// Ends a membership; nothing happens when there is none. A room without members is forgotten.
    pub(super) fn exit(&mut self, id: SessionId, room: &RoomId, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(at) = session.rooms.iter().position(|joined| joined == room) else { return };
        session.rooms.remove(at);
        let user = session.user.clone();
        let members = self.rooms.get_mut(room).expect("a joined room is in rooms");
        members.members.remove(&id);
        members.audience = None;
        let empty = members.members.is_empty();
        if empty {
            self.rooms.remove(room);
        }
        let last = !self.users[&user].iter().any(|other| self.is_member(*other, room));
        out.push(Effect::Tell(Fact::Left { session: id, user, room: room.clone(), last }));
    }

    pub(super) fn is_member(&self, id: SessionId, room: &RoomId) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.rooms.contains(room))
    }

    /// All members of a room that has any.
    pub(super) fn audience(&mut self, room: &RoomId) -> Option<Audience> {
        let room = self.rooms.get_mut(room)?;
        let members = &room.members;
        let audience = room.audience.get_or_insert_with(|| {
            let mut sorted: Vec<SessionId> = members.iter().copied().collect();
            sorted.sort_unstable();
            sorted.into()
        });
        Some(Audience::Many(Arc::clone(audience)))
    }
}
