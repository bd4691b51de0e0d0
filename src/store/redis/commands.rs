//! Puts what the hub wants into the words of Redis.

use std::time::Duration;

use redis::Cmd;

use super::{Held, Script};
use crate::hub::{Append, Conversation, Fact, Read};
use crate::protocol::{Position, RoomId, UserId};
use crate::store::Retention;
use crate::store::keys::{ConversationKeys, Keys, connection};

/// How long the probe key stays.
const PROBE_EXPIRY: Duration = Duration::from_secs(60);
/// Longer ages mean the same to anybody alive and would not fit into an expiry.
const AGE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Positions are doubles in Redis; beyond this one they are no longer exact.
const EXACT_MAX: u64 = 1 << 53;

/// Writes the commands of one node.
#[derive(Debug)]
pub struct Commands {
    keys: Keys,
    node: String,
    age_micros: u64,
    count: usize,
    claim_millis: u64,
}

impl Commands {
    /// For the node named `node`; what it puts into shared keys lapses after `claim_expiry` unless
    /// it is renewed.
    #[must_use]
    pub fn new(keys: Keys, node: &str, retention: Retention, claim_expiry: Duration) -> Self {
        let age_micros = u64::try_from(retention.age.min(AGE_MAX).as_micros())
            .expect("a hundred years fit into 64 bits of microseconds");
        let claim_millis = u64::try_from(claim_expiry.min(AGE_MAX).as_millis())
            .expect("a hundred years fit into 64 bits of milliseconds");
        Self { keys, node: node.to_owned(), age_micros, count: retention.count, claim_millis }
    }

    /// Stores a message; at `at` if it was delivered there already.
    #[must_use]
    pub fn append(&self, append: &Append, at: Option<Position>) -> Cmd {
        let mut command = self.on_conversation(Script::Append, &append.conversation);
        command
            .arg(self.count)
            .arg(append.message_id.as_str())
            .arg(append.draft.head())
            .arg(append.draft.tail());
        if let Some(Position(at)) = at {
            command.arg(at.min(EXACT_MAX));
        }
        command
    }

    /// Reads a page.
    #[must_use]
    pub fn read(&self, read: &Read) -> Cmd {
        let mut command = self.on_conversation(Script::Read, &read.conversation);
        command.arg(read.page.limit);
        if let Some(Position(before)) = read.page.before {
            command.arg(before);
        }
        command
    }

    /// Removes what the bounds no longer allow; answers how much is left to do.
    #[must_use]
    pub fn purge(&self, conversation: &Conversation) -> Cmd {
        let mut command = self.on_conversation(Script::Purge, conversation);
        command.arg(self.count);
        command
    }

    /// Notes a fact.
    #[must_use]
    pub fn tell(&self, fact: &Fact) -> Cmd {
        match fact {
            Fact::Joined { session, user, room } => {
                let mut command = self.on_membership(Script::Joined, 4, room, user);
                command
                    .arg(user.as_str())
                    .arg(room.as_str())
                    .arg(connection(user, &self.node, *session))
                    .arg(self.claim_millis);
                command
            }
            Fact::Left { session, user, room, last } => {
                let mut command = self.on_membership(Script::Left, 5, room, user);
                command
                    .arg(self.keys.room(room))
                    .arg(user.as_str())
                    .arg(room.as_str())
                    .arg(connection(user, &self.node, *session))
                    .arg(u8::from(*last));
                command
            }
            Fact::Available { user } => {
                let mut command = Script::Available.call(1);
                command.arg(self.keys.available()).arg(user.as_str()).arg(self.claim_millis);
                command
            }
            Fact::Unavailable { user } => {
                let mut command = redis::cmd("SREM");
                command.arg(self.keys.available()).arg(user.as_str());
                command
            }
        }
    }

    /// Renews the expiry of a key that this node has a part in.
    #[must_use]
    pub fn renew(&self, held: &Held) -> Cmd {
        let key = match held {
            Held::Members(room) => self.keys.members(room),
            Held::Connections(room) => self.keys.connections(room),
            Held::UserRooms(user) => self.keys.user_rooms(user),
            Held::RoomsActive => self.keys.rooms_active(),
            Held::Available => self.keys.available(),
        };
        let mut command = redis::cmd("PEXPIRE");
        command.arg(key).arg(self.claim_millis);
        command
    }

    /// Writes the mark of this node; answers what stood there before.
    #[must_use]
    pub fn probe(&self) -> Cmd {
        let mut command = redis::cmd("SET");
        command.arg(self.keys.probe(&self.node)).arg(1).arg("EX").arg(PROBE_EXPIRY.as_secs());
        command.arg("GET");
        command
    }

    fn on_conversation(&self, script: Script, conversation: &Conversation) -> Cmd {
        let ConversationKeys { messages, index, state } = self.keys.conversation(conversation);
        let kind = match conversation {
            Conversation::Room(_) => "room",
            Conversation::Direct(_) => "dm",
        };
        let mut command = script.call(3);
        command.arg(messages).arg(index).arg(state).arg(kind).arg(self.age_micros);
        command
    }

    fn on_membership(&self, script: Script, keys: usize, room: &RoomId, user: &UserId) -> Cmd {
        let mut command = script.call(keys);
        command
            .arg(self.keys.members(room))
            .arg(self.keys.connections(room))
            .arg(self.keys.user_rooms(user))
            .arg(self.keys.rooms_active());
        command
    }
}
