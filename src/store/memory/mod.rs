//! The embedded store: all messages in the memory of this process, bounded by age, count and bytes.
//!
//! It is synchronous and has no clock; while Redis is the store it serves as the hot window.

mod log;
mod recency;

use std::collections::HashMap;
use std::hash::BuildHasher;

// Seeded at random, for clients choose the names; cheaper than the standard library's.
use foldhash::{fast, quality};
use slab::Slab;

use self::log::Log;
use self::recency::Recency;
use super::Retention;
use crate::hub::{Append, Conversation, History};
use crate::protocol::{Encoded, MessageId, Page, Position};

/// What a conversation costs beside its messages.
const CONVERSATION_OVERHEAD: usize = 512;

/// Where an append put its message.
#[derive(Debug)]
pub struct Appended {
    /// Its position; the old one for a message that was already there.
    pub position: Position,
    /// The position before it, 0 for the first of a conversation.
    pub previous: Position,
    /// The message at its place, sharing its bytes with the store; `None` if it was already there.
    pub message: Option<Encoded>,
}

impl Appended {
    /// Whether the message was already there.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.message.is_none()
    }
}

/// What the store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryCounters {
    /// Messages kept.
    pub messages: usize,
    /// Bytes that they take, roughly, at most `MEMORY_STORE_MAX_BYTES`.
    pub bytes: usize,
    /// Messages that went before their time because the bytes did not suffice.
    pub evicted: u64,
}

#[derive(Debug)]
struct Slot {
    conversation: Conversation,
    log: Log,
}

/// Keeps the newest messages of every conversation.
///
/// An append takes constant time beside what it removes, a page its length and a binary search.
#[derive(Debug)]
pub struct MemoryStore {
    /// The age of messages in microseconds, and their number, at which they go.
    age_micros: u64,
    count: usize,
    bytes_max: usize,
    slots: Slab<Slot>,
    names: HashMap<Conversation, usize, fast::RandomState>,
    recency: Recency,
    /// Of message ids.
    hasher: quality::RandomState,
    counters: MemoryCounters,
    /// The newest position of all conversations that were forgotten, so that none begins again
    /// below it when the clock was set back.
    floor: Position,
}

impl MemoryStore {
    /// An empty store with its bounds; `bytes_max` holds for all conversations together.
    #[must_use]
    pub fn new(retention: Retention, bytes_max: usize) -> Self {
        Self {
            age_micros: u64::try_from(retention.age.as_micros()).unwrap_or(u64::MAX),
            count: retention.count,
            bytes_max,
            slots: Slab::new(),
            names: HashMap::default(),
            recency: Recency::new(),
            hasher: quality::RandomState::default(),
            counters: MemoryCounters::default(),
            floor: Position(0),
        }
    }

    /// Stores a message at the next position.
    pub fn append(&mut self, now: Position, append: &Append) -> Appended {
        self.store(now, append, None)
    }

    /// Stores a message that was delivered at `at` already: it keeps that time, and that position
    /// too unless a later one is taken; then it goes behind that.
    ///
    /// If its author's message is there already, it takes that time, and that position as far as
    /// the order of what is stored allows.
    pub fn append_at(&mut self, now: Position, append: &Append, at: Position) -> Appended {
        self.store(now, append, Some(at))
    }

    fn store(&mut self, now: Position, append: &Append, at: Option<Position>) -> Appended {
        let id_hash = self.hasher.hash_one(&append.message_id);
        let slot = self.slot(&append.conversation);
        let log = &mut self.slots[slot].log;
        if let Some(position) = log.find(id_hash, &append.message_id) {
            let previous = log.previous(position);
            let mut position = position;
            if let Some(at) = at
                && log.begins_with(position, append.draft.head())
            {
                let (before, after);
                (position, before, after) =
                    log.retime(position, at, append.draft.at(at).json_bytes());
                self.counters.bytes = self.counters.bytes - before + after;
                self.evict();
            }
            return Appended { position, previous, message: None };
        }
        let previous = log.last;
        let position = previous.max(self.floor).next(at.unwrap_or(now));
        let time = at.unwrap_or(position);
        log.note_time(position, time);
        let message = append.draft.at(time);
        self.insert(slot, now, position, id_hash, &message);
        Appended { position, previous, message: Some(message) }
    }

    /// Keeps a message where another store put it. A message that is already here moves there.
    pub fn put(
        &mut self,
        now: Position,
        conversation: &Conversation,
        position: Position,
        id: &MessageId,
        message: &Encoded,
    ) {
        let id_hash = self.hasher.hash_one(id);
        let slot = self.slot(conversation);
        let log = &mut self.slots[slot].log;
        if let Some(old) = log.find(id_hash, id)
            && let Some(weight) = log.remove(old)
        {
            self.counters.messages -= 1;
            self.counters.bytes -= weight;
        }
        self.insert(slot, now, position, id_hash, message);
    }

    /// A page of a conversation: what stands before the message whose `createTime` is `before`, or,
    /// if there is none, before that position. So whoever pages with the `createTime` of the oldest
    /// message that it got skips none and gets none twice, wherever that message stands.
    #[must_use]
    pub fn read(&self, now: Position, conversation: &Conversation, page: &Page) -> History {
        match self.names.get(conversation) {
            Some(&slot) => self.slots[slot].log.read(self.cutoff(now), page),
            None => History::default(),
        }
    }

    /// Removes what is older than the retention.
    pub fn purge(&mut self, now: Position) {
        let cutoff = self.cutoff(now);
        let slots: Vec<usize> = self.names.values().copied().collect();
        for slot in slots {
            self.trim(slot, cutoff);
            if self.slots[slot].log.is_empty() && self.slots[slot].log.active < cutoff {
                self.forget(slot);
            }
        }
    }

    /// Every conversation of which something is known, in no order.
    pub fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.names.keys()
    }

    /// Whether the store has seen the conversation and not forgotten it.
    #[must_use]
    pub fn holds(&self, conversation: &Conversation) -> bool {
        self.names.contains_key(conversation)
    }

    /// What is held now.
    #[must_use]
    pub fn counters(&self) -> MemoryCounters {
        self.counters
    }

    /// The slot of a conversation, a new one if it has none.
    fn slot(&mut self, conversation: &Conversation) -> usize {
        if let Some(&slot) = self.names.get(conversation) {
            return slot;
        }
        let slot =
            self.slots.insert(Slot { conversation: conversation.clone(), log: Log::default() });
        self.names.insert(conversation.clone(), slot);
        self.recency.insert(slot);
        self.counters.bytes += CONVERSATION_OVERHEAD;
        slot
    }

    fn insert(
        &mut self,
        slot: usize,
        now: Position,
        position: Position,
        id_hash: u64,
        message: &Encoded,
    ) {
        let log = &mut self.slots[slot].log;
        self.counters.bytes += log.insert(position, id_hash, message.json_bytes());
        self.counters.messages += 1;
        log.active = now;
        self.recency.touch(slot);
        self.trim(slot, self.cutoff(now));
        self.evict();
    }

    /// Removes what the bounds of one conversation do not allow.
    fn trim(&mut self, slot: usize, cutoff: Position) {
        let log = &mut self.slots[slot].log;
        while log.len() > self.count || log.oldest().is_some_and(|oldest| oldest < cutoff) {
            let Some(weight) = log.pop() else { return };
            self.counters.messages -= 1;
            self.counters.bytes -= weight;
        }
    }

    /// Removes the oldest messages of the conversations that were quiet for the longest time until
    /// all fit into the bytes.
    fn evict(&mut self) {
        while self.counters.bytes > self.bytes_max
            && let Some(slot) = self.recency.oldest()
        {
            let log = &mut self.slots[slot].log;
            if let Some(weight) = log.pop() {
                self.counters.messages -= 1;
                self.counters.bytes -= weight;
                self.counters.evicted += 1;
            }
            if log.is_empty() {
                self.forget(slot);
            }
        }
    }

    /// Removes a conversation without messages.
    fn forget(&mut self, slot: usize) {
        let Slot { conversation, log } = self.slots.remove(slot);
        debug_assert!(log.is_empty());
        self.floor = self.floor.max(log.last);
        self.names.remove(&conversation);
        self.recency.remove(slot);
        self.counters.bytes -= CONVERSATION_OVERHEAD;
    }

    /// Messages before this position are too old.
    fn cutoff(&self, now: Position) -> Position {
        Position(now.0.saturating_sub(self.age_micros))
    }
}

#[cfg(test)]
mod tests;
