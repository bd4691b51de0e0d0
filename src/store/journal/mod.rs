//! The journal: messages that wait for Redis to come back, in order, bounded, and on disk if asked.

mod file;

use std::collections::{HashMap, VecDeque, hash_map};
use std::io;
use std::path::{Path, PathBuf};

use self::file::{JournalFile, Left};
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
    /// The journal has it in memory; the file cannot be written, as [`Journal::trouble`] says.
    Volatile,
    /// The journal is full and does not have it.
    Full,
}

/// What was wrong with the file when it was opened, beside a torn last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Bytes that were skipped, because they are no record whose checksum fits.
    pub bytes: u64,
    /// The file as it was.
    pub original: PathBuf,
}

/// Messages in the order in which they were delivered, up to a number of bytes.
#[derive(Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    /// The number of each message, counted from the first that the journal ever had.
    ids: HashMap<(Conversation, MessageId), u64>,
    /// Messages that have left.
    popped: u64,
    bytes: usize,
    bytes_max: usize,
    file: Option<JournalFile>,
    /// The newest messages that the file does not have. They are written in order and none before
    /// them, so that what a crash leaves has no gap.
    unwritten: usize,
    trouble: Option<String>,
    damage: Option<Damage>,
}

impl Journal {
    /// An empty journal in memory that takes `bytes_max` bytes.
    #[must_use]
    pub fn in_memory(bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            ids: HashMap::new(),
            popped: 0,
            bytes: 0,
            bytes_max,
            file: None,
            unwritten: 0,
            trouble: None,
            damage: None,
        }
    }

    /// The journal in `dir`, with all that an earlier process left there. A torn record at the end,
    /// as a crash leaves it, is cut off; any other damage is skipped, and the file as it was kept
    /// beside it.
    ///
    /// # Errors
    /// When the directory cannot be made, read or written, or another process holds it.
    pub fn open(dir: &Path, bytes_max: usize) -> io::Result<Self> {
        let (file, Left { entries, damage }) = JournalFile::open(dir)?;
        let mut journal = Self { file: Some(file), damage, ..Self::in_memory(bytes_max) };
        for entry in entries {
            journal.remember(entry);
        }
        Ok(journal)
    }

    /// What was wrong with the file when it was opened.
    #[must_use]
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Takes a message at the end, if there is room for it. One that waits already stays where it is.
    pub fn push(&mut self, entry: Entry) -> Noted {
        if let Some((_, noted)) = self.find(&entry.append) {
            return noted;
        }
        if self.bytes + entry.append.weight() > self.bytes_max {
            return Noted::Full;
        }
        self.remember(entry);
        if self.file.is_some() {
            self.unwritten += 1;
            // Behind others that the file does not have it waits with them for the next `save`.
            if self.unwritten == 1 {
                self.save();
            }
        }
        if self.unwritten == 0 { Noted::Kept } else { Noted::Volatile }
    }

    /// Lets go of the oldest messages until this one fits, for a journal from which nothing is missed.
    pub fn make_room(&mut self, append: &Append) {
        while self.bytes + append.weight() > self.bytes_max && self.pop_front().is_some() {}
    }

    /// Takes a message that was sent again: if it waits here, whoever sent it last will be told of
    /// its fate. Gives where it was delivered, and what became of it.
    pub fn sent_again(&mut self, append: &Append) -> Option<(Position, Noted)> {
        let (place, noted) = self.find(append)?;
        let entry = &mut self.entries[place];
        if append.origin.is_some() {
            entry.append.origin.clone_from(&append.origin);
        }
        Some((entry.position, noted))
    }

    /// Writes what the file does not have, until it fails again. The caller says how often that is
    /// tried, for it may write the whole file anew.
    pub fn save(&mut self) {
        let Some(file) = &mut self.file else { return };
        while self.unwritten > 0 {
            let entry = &self.entries[self.entries.len() - self.unwritten];
            let written = if file.fits(entry, self.bytes_max) {
                file.append(entry).map(|()| self.unwritten - 1)
            } else {
                // What was replayed since still stands in the file; write only what waits.
                file.rewrite(self.entries.iter()).map(|()| 0)
            };
            match written {
                Ok(unwritten) => self.unwritten = unwritten,
                Err(error) => {
                    self.trouble = Some(error.to_string());
                    return;
                }
            }
        }
        self.trouble = None;
    }

    /// Why some messages that wait are not in the file.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Messages that wait and are not in the file, if there is one.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.unwritten
    }

    fn remember(&mut self, entry: Entry) {
        let number = self.popped + self.entries.len() as u64;
        // A file may have a message twice: replayed, sent again, and journalled again before it was
        // emptied.
        if let hash_map::Entry::Vacant(id) = self.ids.entry(key(&entry.append)) {
            id.insert(number);
            self.bytes += entry.append.weight();
            self.entries.push_back(entry);
        }
    }

    /// The place of a message, and what became of it.
    fn find(&self, append: &Append) -> Option<(usize, Noted)> {
        let number = self.ids.get(&key(append))?;
        let place = usize::try_from(number - self.popped).expect("it is below the entries' number");
        let is_written = place < self.entries.len() - self.unwritten;
        Some((place, if is_written { Noted::Kept } else { Noted::Volatile }))
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
        self.popped += 1;
        // The oldest are the last that the file would lack.
        self.unwritten = self.unwritten.min(self.entries.len());
        if self.entries.is_empty()
            && let Some(file) = &mut self.file
        {
            file.clear();
            self.trouble = None;
        }
        Some(entry)
    }

    /// Whether the message waits here.
    #[must_use]
    pub fn holds(&self, append: &Append) -> bool {
        self.ids.contains_key(&key(append))
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

    /// Whether all messages that wait survive the end of this process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.file.is_some() && self.unwritten == 0
    }
}

/// A disk that is full for a while.
#[cfg(test)]
impl Journal {
    pub(in crate::store) fn fill_disk(&mut self) -> std::fs::File {
        self.file.as_mut().unwrap().fill_disk()
    }

    pub(in crate::store) fn free_disk(&mut self, file: std::fs::File) {
        self.file.as_mut().unwrap().free_disk(file);
    }
}

fn key(append: &Append) -> (Conversation, MessageId) {
    (append.conversation.clone(), append.message_id.clone())
}

#[cfg(test)]
mod tests;
