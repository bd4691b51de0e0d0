//! What this node has put into shared keys, so that it can renew it.

use std::collections::{BTreeSet, HashSet};

use crate::hub::{Fact, SessionId};
use crate::protocol::{RoomId, UserId};

/// A key that this node has a part in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Held {
    /// `room:members:R`
    Members(RoomId),
    /// `connections:R`
    Connections(RoomId),
    /// `user:rooms:U`
    UserRooms(UserId),
    /// `rooms:active`
    RoomsActive,
    /// `available:webrtc`
    Available,
}

/// The facts that hold by what the hub said last.
#[derive(Debug, Default)]
pub struct Book {
    members: BTreeSet<(RoomId, UserId, SessionId)>,
    available: HashSet<UserId>,
}

impl Book {
    /// Notes what the hub says.
    pub fn note(&mut self, fact: &Fact) {
        match fact.clone() {
            Fact::Joined { session, user, room } => {
                self.members.insert((room, user, session));
            }
            Fact::Left { session, user, room, .. } => {
                self.members.remove(&(room, user, session));
            }
            Fact::Available { user } => {
                self.available.insert(user);
            }
            Fact::Unavailable { user } => {
                self.available.remove(&user);
            }
        }
    }

    /// The keys that this node has a part in, each once.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let mut held = Vec::new();
        let mut users = HashSet::new();
        let mut room_before = None;
        for (room, user, _) in &self.members {
            if room_before.replace(room) != Some(room) {
                held.extend([Held::Members(room.clone()), Held::Connections(room.clone())]);
            }
            if users.insert(user) {
                held.push(Held::UserRooms(user.clone()));
            }
        }
        held.extend((!self.members.is_empty()).then_some(Held::RoomsActive));
        held.extend((!self.available.is_empty()).then_some(Held::Available));
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    fn room(id: &str) -> RoomId {
        RoomId::new(id).unwrap()
    }

    fn joined(serial: u64, name: &str, place: &str) -> Fact {
        Fact::Joined { session: SessionId::new(0, serial, 0), user: user(name), room: room(place) }
    }

    fn left(serial: u64, name: &str, place: &str) -> Fact {
        let session = SessionId::new(0, serial, 0);
        Fact::Left { session, user: user(name), room: room(place), last: true }
    }

    #[test]
    fn each_key_is_held_once() {
        let mut book = Book::default();
        for fact in [joined(1, "ana", "a"), joined(2, "ana", "b"), joined(3, "bob", "b")] {
            book.note(&fact);
        }
        for name in ["ana", "bob"] {
            book.note(&Fact::Available { user: user(name) });
        }
        let expected = [
            Held::Members(room("a")),
            Held::Connections(room("a")),
            Held::UserRooms(user("ana")),
            Held::Members(room("b")),
            Held::Connections(room("b")),
            Held::UserRooms(user("bob")),
            Held::RoomsActive,
            Held::Available,
        ];
        assert_eq!(book.held(), expected);
    }

    #[test]
    fn what_was_taken_back_is_held_no_longer() {
        let mut book = Book::default();
        book.note(&joined(1, "ana", "a"));
        book.note(&joined(1, "ana", "a"));
        book.note(&joined(2, "ana", "a"));
        book.note(&Fact::Available { user: user("ana") });
        book.note(&left(1, "ana", "a"));
        assert_eq!(book.held().len(), 5);
        book.note(&left(2, "ana", "a"));
        book.note(&Fact::Unavailable { user: user("ana") });
        assert_eq!(book.held(), []);
    }
}
