//! Validated identifiers. An id that exists is well formed: every check happens here, once.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Longest id of a user, room or message, in bytes of UTF-8.
pub const ID_BYTES_MAX: usize = 128;
/// Longest `ref`, in bytes of UTF-8.
pub const REFERENCE_BYTES_MAX: usize = 64;

/// Names a user: what `userId` says at the connection, or the `sub` of a token.
pub type UserId = Id<UserKind>;
/// Names a room.
pub type RoomId = Id<RoomKind>;
/// Names a message, unique within its conversation.
pub type MessageId = Id<MessageKind>;

/// Marks an [`Id`] as the id of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserKind;
/// Marks an [`Id`] as the id of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomKind;
/// Marks an [`Id`] as the id of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageKind;

/// 1 to 128 bytes of UTF-8 without control characters and without white space at either end.
///
/// Clones share the text.
pub struct Id<K> {
    text: Arc<str>,
    kind: PhantomData<fn() -> K>,
}

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It has no characters.
    #[error("must not be empty")]
    Empty,
    /// It is longer than [`ID_BYTES_MAX`].
    #[error("must not be longer than 128 bytes")]
    TooLong,
    /// It holds a control character.
    #[error("must not contain control characters")]
    Control,
    /// It begins or ends with white space.
    #[error("must not begin or end with white space")]
    Margin,
}

impl<K> Id<K> {
    /// Checks `text` and makes an id of it.
    ///
    /// # Errors
    /// [`IdError`] names the first rule that the text breaks.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > ID_BYTES_MAX {
            return Err(IdError::TooLong);
        }
        // Most ids need no look at their characters.
        if !text.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
            if text.chars().any(char::is_control) {
                return Err(IdError::Control);
            }
            if text.trim().len() != text.len() {
                return Err(IdError::Margin);
            }
        }
        Ok(Self { text: text.into(), kind: PhantomData })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

// Written out because a derive would ask the same of the marker `K`.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self { text: Arc::clone(&self.text), kind: PhantomData }
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

// Lets a map keyed by ids be asked with a plain text.
impl<K> Borrow<str> for Id<K> {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_up_to_128_bytes() {
        assert!(UserId::new(&"a".repeat(ID_BYTES_MAX)).is_ok());
        assert_eq!(UserId::new(&"a".repeat(ID_BYTES_MAX + 1)), Err(IdError::TooLong));
        assert_eq!(UserId::new(&"é".repeat(65)), Err(IdError::TooLong));
        assert_eq!(UserId::new(""), Err(IdError::Empty));
    }

    #[test]
    fn control_characters_and_outer_white_space_are_refused() {
        assert_eq!(RoomId::new("a\u{7}b"), Err(IdError::Control));
        assert_eq!(RoomId::new("a\u{85}b"), Err(IdError::Control));
        assert_eq!(RoomId::new(" a"), Err(IdError::Margin));
        assert_eq!(RoomId::new("a\u{a0}"), Err(IdError::Margin));
        assert_eq!(RoomId::new("two words").unwrap().as_str(), "two words");
    }
}
