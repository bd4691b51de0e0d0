//! Every key name is made here, and listed in [`KEYS`] for the document.

use std::borrow::Cow;
use std::fmt::Write;

use crate::hub::{Conversation, SessionId};
use crate::protocol::{RoomId, UserId};

/// What a key holds, as REDIS_INTEGRATION.md shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDoc {
    /// The name without `KEY_PREFIX`; capitals stand for encoded ids.
    pub pattern: &'static str,
    /// The Redis type.
    pub kind: &'static str,
    /// What is in it.
    pub content: &'static str,
    /// When it goes.
    pub expiry: &'static str,
}

/// Every key that this program writes.
pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        pattern: "room:messages:R",
        kind: "sorted set",
        content: "message JSON, scored by its position (time in µs)",
        expiry: "MESSAGE_TTL_HOURS after the last message",
    },
    KeyDoc {
        pattern: "room:index:R",
        kind: "hash",
        content: "messageId → position",
        expiry: "as room:messages:R",
    },
    KeyDoc {
        pattern: "room:state:R",
        kind: "hash",
        content: "last: the last position; trimmed: the newest position no longer kept; began: the first position; at:T: the position of the message with createTime T if that is another instant; strays: 1 if there ever was such a field",
        expiry: "as room:messages:R",
    },
    KeyDoc {
        pattern: "dm:A:B",
        kind: "list",
        content: "message JSON, oldest first; A before B in byte order",
        expiry: "as room:messages:R",
    },
    KeyDoc {
        pattern: "dm:index:A:B",
        kind: "hash",
        content: "messageId → position",
        expiry: "as room:messages:R",
    },
    KeyDoc {
        pattern: "dm:state:A:B",
        kind: "hash",
        content: "as room:state:R",
        expiry: "as room:messages:R",
    },
    KeyDoc {
        pattern: "room:members:R",
        kind: "set",
        content: "ids of the users in the room",
        expiry: "2 minutes, renewed while there are members; gone with the last one",
    },
    KeyDoc {
        pattern: "connections:R",
        kind: "set",
        content: "the room's connections, `user|node|session`",
        expiry: "2 minutes, renewed while there are any; gone with the last one",
    },
    KeyDoc {
        pattern: "user:rooms:U",
        kind: "set",
        content: "ids of the rooms that the user is in",
        expiry: "2 minutes, renewed while there are any; gone with the last one",
    },
    KeyDoc {
        pattern: "rooms:active",
        kind: "sorted set",
        content: "ids of occupied rooms, scored by creation time (ms)",
        expiry: "2 minutes, renewed while there are any; gone with the last one",
    },
    KeyDoc {
        pattern: "available:webrtc",
        kind: "set",
        content: "ids of the users that may be drawn for a call",
        expiry: "2 minutes, renewed while there are any; gone with the last one",
    },
    KeyDoc {
        pattern: "nodes:probe:N",
        kind: "string",
        content: "written by a node to see whether writes are taken and data is kept",
        expiry: "60 seconds, renewed every second",
    },
];

/// The three keys of one conversation, which one script touches together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationKeys {
    /// The messages: a sorted set (room) or a list (pair).
    pub messages: String,
    /// The hash from message id to position.
    pub index: String,
    /// The hash with the last position.
    pub state: String,
}

/// Makes key names with one prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Names that begin with `prefix` (`KEY_PREFIX`).
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The keys of a conversation's history.
    #[must_use]
    pub fn conversation(&self, conversation: &Conversation) -> ConversationKeys {
        match conversation {
            Conversation::Room(room) => {
                let name = slot(&encode(room.as_str())).into_owned();
                ConversationKeys {
                    messages: self.key("room:messages:", &name),
                    index: self.key("room:index:", &name),
                    state: self.key("room:state:", &name),
                }
            }
            Conversation::Direct(pair) => {
                let pair =
                    format!("{}:{}", encode(pair.low().as_str()), encode(pair.high().as_str()));
                let name = slot(&pair).into_owned();
                ConversationKeys {
                    messages: self.key("dm:", &name),
                    index: self.key("dm:index:", &name),
                    state: self.key("dm:state:", &name),
                }
            }
        }
    }

    /// The users in a room.
    #[must_use]
    pub fn members(&self, room: &RoomId) -> String {
        self.key("room:members:", &slot(&encode(room.as_str())))
    }

    /// The connections in a room.
    #[must_use]
    pub fn connections(&self, room: &RoomId) -> String {
        self.key("connections:", &slot(&encode(room.as_str())))
    }

    /// A registered room.
    #[must_use]
    pub fn room(&self, room: &RoomId) -> String {
        self.key("room:", &slot(&encode(room.as_str())))
    }

    /// The rooms of a user.
    #[must_use]
    pub fn user_rooms(&self, user: &UserId) -> String {
        self.key("user:rooms:", &encode(user.as_str()))
    }

    /// The occupied rooms.
    #[must_use]
    pub fn rooms_active(&self) -> String {
        self.key("rooms:active", "")
    }

    /// The users that may be drawn for a call.
    #[must_use]
    pub fn available(&self) -> String {
        self.key("available:webrtc", "")
    }

    /// What `node` writes to see whether writes are taken.
    #[must_use]
    pub fn probe(&self, node: &str) -> String {
        self.key("nodes:probe:", &encode(node))
    }

    fn key(&self, kind: &str, name: &str) -> String {
        [&self.prefix, kind, name].concat()
    }
}

/// A connection as `connections:R` names it.
#[must_use]
pub fn connection(user: &UserId, node: &str, session: SessionId) -> String {
    format!("{}|{}|{session}", encode(user.as_str()), encode(node))
}

/// Where the hash tag of a cluster goes: `name` is the part that all keys of a conversation share.
fn slot(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(name)
}

/// Percent-encodes what has a meaning in key names: `%`, `:`, `{`, `}` and `|`.
fn encode(id: &str) -> Cow<'_, str> {
    const SPECIAL: [char; 5] = ['%', ':', '{', '}', '|'];
    if !id.contains(SPECIAL) {
        return Cow::Borrowed(id);
    }
    let mut text = String::with_capacity(id.len() + 8);
    for character in id.chars() {
        if SPECIAL.contains(&character) {
            write!(text, "%{:02X}", u32::from(character)).expect("a String takes all");
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Pair;

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    #[test]
    fn ordinary_ids_stand_in_key_names_as_they_are() {
        let keys = Keys::new("");
        let lobby = RoomId::new("Lobby é 7").unwrap();
        assert_eq!(keys.members(&lobby), "room:members:Lobby é 7");
        let direct = Conversation::Direct(Pair::new(user("bob"), user("alice")));
        assert_eq!(
            keys.conversation(&direct),
            ConversationKeys {
                messages: "dm:alice:bob".into(),
                index: "dm:index:alice:bob".into(),
                state: "dm:state:alice:bob".into(),
            }
        );
    }

    #[test]
    fn pairs_with_colons_in_their_ids_do_not_collide() {
        let keys = Keys::new("");
        let [one, other] = [("a:b", "c"), ("a", "b:c")]
            .map(|(low, high)| Conversation::Direct(Pair::new(user(low), user(high))));
        assert_eq!(keys.conversation(&one).messages, "dm:a%3Ab:c");
        assert_eq!(keys.conversation(&other).messages, "dm:a:b%3Ac");
    }

    #[test]
    fn special_characters_are_encoded_and_the_prefix_is_not() {
        let keys = Keys::new("app:{x}:");
        let room = RoomId::new("100%|{a}:b").unwrap();
        assert_eq!(keys.room(&room), "app:{x}:room:100%25%7C%7Ba%7D%3Ab");
        let session = SessionId::new(1, 7, 3);
        assert_eq!(connection(&user("a|b"), "n:1", session), "a%7Cb|n%3A1|1.7");
    }

    #[test]
    fn every_key_is_documented() {
        let keys = Keys::new("");
        let [room, name] = [RoomId::new("R").unwrap(), RoomId::new("R").unwrap()];
        let of_room = keys.conversation(&Conversation::Room(room));
        let of_pair = keys.conversation(&Conversation::Direct(Pair::new(user("A"), user("B"))));
        let made = [
            of_room.messages,
            of_room.index,
            of_room.state,
            of_pair.messages,
            of_pair.index,
            of_pair.state,
            keys.members(&name),
            keys.connections(&name),
            keys.user_rooms(&user("U")),
            keys.rooms_active(),
            keys.available(),
            keys.probe("N"),
        ];
        assert_eq!(made.to_vec(), KEYS.iter().map(|key| key.pattern).collect::<Vec<_>>());
    }
}
