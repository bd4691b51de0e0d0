//! The messages of one conversation, in order.

use std::collections::{BTreeMap, VecDeque, hash_map};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::hub::{History, Stored};
use crate::protocol::{MessageId, Page, Position};

/// What a message costs beside its text: its entry, its place in the index, and what the allocator
/// adds. Measured with 500,000 messages in 500 conversations.
const MESSAGE_OVERHEAD: usize = 160;

#[derive(Debug)]
struct Entry {
    position: Position,
    /// Finds the entry of the index when the message goes. Its id is not kept: it is in the text.
    id_hash: u64,
    json: Bytes,
}

impl Entry {
    fn weight(&self) -> usize {
        self.json.len() + MESSAGE_OVERHEAD
    }
}

/// One conversation: messages in ascending order of their positions.
#[derive(Debug, Default)]
pub(super) struct Log {
    messages: VecDeque<Entry>,
    /// From the hash of a message id to the position. An id whose hash is taken over by another id
    /// is merely no longer recognised when it comes again.
    index: FxHashMap<u64, Position>,
    /// From the positions of those messages whose `createTime` is another instant to that instant.
    strays: BTreeMap<Position, Position>,
    /// The position of the newest message, kept or not.
    pub(super) last: Position,
    /// The newest position that is no longer kept.
    pub(super) trimmed: Position,
    /// When something was last added.
    pub(super) active: Position,
}

impl Log {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Where the message with this id stands.
    pub(super) fn find(&self, id_hash: u64, id: &MessageId) -> Option<Position> {
        let position = *self.index.get(&id_hash)?;
        let place = self.place(position);
        self.messages.get(place).is_some_and(|entry| has_id(&entry.json, id)).then_some(position)
    }

    /// The position before `position`.
    pub(super) fn previous(&self, position: Position) -> Position {
        match self.place(position).checked_sub(1) {
            Some(place) => self.messages[place].position,
            None => self.trimmed,
        }
    }

    /// Adds a message, at the end unless its position stands before the last; returns its weight.
    pub(super) fn insert(&mut self, position: Position, id_hash: u64, json: Bytes) -> usize {
        let entry = Entry { position, id_hash, json };
        let weight = entry.weight();
        if position > self.last {
            self.last = position;
            self.messages.push_back(entry);
        } else {
            let place = self.place(position);
            self.messages.insert(place, entry);
        }
        self.index.insert(id_hash, position);
        weight
    }

    /// Whether the text of the message at `position` begins so.
    pub(super) fn begins_with(&self, position: Position, head: &str) -> bool {
        let entry = self.messages.get(self.place(position));
        entry.is_some_and(|entry| entry.json.starts_with(head.as_bytes()))
    }

    /// Gives the message at `position` the time `at` and the text with it, and the position `at`, or
    /// the next one after that of the message before it, unless a later message stands in the way.
    /// Returns its position and its weights before and after.
    pub(super) fn retime(
        &mut self,
        position: Position,
        at: Position,
        json: Bytes,
    ) -> (Position, usize, usize) {
        let wanted = self.previous(position).next(at);
        let place = self.place(position);
        let newer = self.messages.get(place + 1).map(|entry| entry.position);
        let moved = if newer.is_none_or(|newer| wanted < newer) { wanted } else { position };
        if newer.is_none() {
            self.last = moved;
        }
        self.strays.remove(&position);
        self.note_time(moved, at);
        let entry = &mut self.messages[place];
        let before = entry.weight();
        entry.json = json;
        entry.position = moved;
        self.index.insert(entry.id_hash, moved);
        (moved, before, entry.weight())
    }

    /// Notes that the `createTime` of the message at `position` is `time`.
    pub(super) fn note_time(&mut self, position: Position, time: Position) {
        if position != time {
            self.strays.insert(position, time);
        }
    }

    /// Takes the message at `position` out; returns its weight.
    pub(super) fn remove(&mut self, position: Position) -> Option<usize> {
        let place = self.place(position);
        let entry = self.messages.remove(place)?;
        self.forget(&entry);
        Some(entry.weight())
    }

    /// Takes the oldest message out; returns its weight.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let entry = self.messages.pop_front()?;
        self.forget(&entry);
        self.trimmed = self.trimmed.max(entry.position);
        Some(entry.weight())
    }

    /// The position of the oldest message.
    pub(super) fn oldest(&self) -> Option<Position> {
        self.messages.front().map(|entry| entry.position)
    }

    /// The newest messages of a page that are not older than `cutoff`.
    pub(super) fn read(&self, cutoff: Position, page: &Page) -> History {
        let kept = self.place(cutoff);
        let end =
            page.before.map_or(self.len(), |before| self.place(self.cursor(before))).max(kept);
        let start = end.saturating_sub(usize::from(page.limit)).max(kept);
        let messages = self
            .messages
            .range(start..end)
            .map(|entry| Stored { position: entry.position, json: entry.json.clone() })
            .collect();
        History { messages, more: start > kept, degraded: false }
    }

    /// Where the message with this `createTime` stands; where it would stand if there is none.
    fn cursor(&self, time: Position) -> Position {
        let mut strays = self.strays.iter();
        strays.find(|(_, it)| **it == time).map_or(time, |(position, _)| *position)
    }

    /// The place of the first message that does not stand before `position`.
    fn place(&self, position: Position) -> usize {
        self.messages.partition_point(|entry| entry.position < position)
    }

    fn forget(&mut self, entry: &Entry) {
        self.strays.remove(&entry.position);
        if let hash_map::Entry::Occupied(indexed) = self.index.entry(entry.id_hash)
            && *indexed.get() == entry.position
        {
            indexed.remove();
        }
    }
}

/// Whether a message's text carries `id`. Quotes inside JSON strings are escaped, so the first
/// occurrence of the key is the key.
fn has_id(json: &[u8], id: &MessageId) -> bool {
    const KEY: &[u8] = br#","messageId":"#;
    let Some(at) = json.windows(KEY.len()).position(|window| window == KEY) else { return false };
    let id = serde_json::to_vec(id).expect("an id serialises");
    json[at + KEY.len()..].starts_with(&id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_the_text_whatever_it_looks_like() {
        let text = br#"{"type":"chat_message","fromUser":",\"messageId\":\"x","messageId":"a\"b","payload":{"messageId":"y"}}"#;
        assert!(has_id(text, &MessageId::new("a\"b").unwrap()));
        for other in ["x", "y", "a", "a\\\"b"] {
            assert!(!has_id(text, &MessageId::new(other).unwrap()), "{other}");
        }
    }
}
