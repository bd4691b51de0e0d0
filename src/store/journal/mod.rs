//! The journal: messages that wait for Redis to come back, in order, bounded, and on disk if asked.

mod file;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::Path;

use self::file::JournalFile;
use crate::hub::{Append, Conversation};
use crate::protocol::{MessageId, Position};

/// A message and the position at which its receivers saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The message.
    pub append: Append,
    /// Where it was delivered.
    pub position: Position,
}

/// What became of a message that was to be journalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The journal has it, on disk too if it has a file.
    Kept,
    /// The journal has it in memory; the file could not be written.
    Volatile,
    /// The journal is full and does not have it.
    Full,
}

/// Messages in the order in which they were delivered, up to a number of bytes.
#[derive(Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    ids: HashSet<(Conversation, MessageId)>,
    bytes: usize,
    bytes_max: usize,
    file: Option<JournalFile>,
}

impl Journal {
    /// An empty journal in memory that takes `bytes_max` bytes.
    #[must_use]
    pub fn in_memory(bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), ids: HashSet::new(), bytes: 0, bytes_max, file: None }
    }

    /// The journal in `dir`, with all that an earlier process left there. A torn record at the end,
    /// as a crash leaves it, is cut off.
    ///
    /// # Errors
    /// When the directory cannot be made, read or written, or another process holds it.
    pub fn open(dir: &Path, bytes_max: usize) -> io::Result<Self> {
        let (file, left) = JournalFile::open(dir)?;
        let mut journal = Self { file: Some(file), ..Self::in_memory(bytes_max) };
        for entry in left {
            journal.remember(entry);
        }
        Ok(journal)
    }

    /// Takes a message at the end, if there is room for it.
    pub fn push(&mut self, entry: Entry) -> Noted {
        if self.bytes + entry.append.weight() > self.bytes_max {
            return Noted::Full;
        }
        let written = match &mut self.file {
            None => Ok(()),
            Some(file) if file.fits(&entry, self.bytes_max) => file.append(&entry),
            // What was replayed since still stands in the file; write only what waits.
            Some(file) => file.rewrite(self.entries.iter().chain([&entry])),
        };
        self.remember(entry);
        if written.is_ok() { Noted::Kept } else { Noted::Volatile }
    }

    fn remember(&mut self, entry: Entry) {
        self.bytes += entry.append.weight();
        self.ids.insert(key(&entry.append));
        self.entries.push_back(entry);
    }

    /// The oldest message.
    #[must_use]
    pub fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Lets go of the oldest message. The file is emptied with the last one; until then a crash
    /// replays again what Redis already has, which Redis knows by its id.
    pub fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.append.weight();
        self.ids.remove(&key(&entry.append));
        if self.entries.is_empty()
            && let Some(file) = &mut self.file
        {
            file.clear();
        }
        Some(entry)
    }

    /// Whether the message waits here.
    #[must_use]
    pub fn holds(&self, append: &Append) -> bool {
        self.ids.contains(&key(append))
    }

    /// Messages that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that the waiting messages take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the messages survive the end of this process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.file.as_ref().is_some_and(JournalFile::is_sound)
    }
}

fn key(append: &Append) -> (Conversation, MessageId) {
    (append.conversation.clone(), append.message_id.clone())
}

#[cfg(test)]
mod tests;
