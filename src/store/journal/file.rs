//! The journal on disk: an append-only file of records, each `length: u32, crc32: u32, JSON` in
//! little endian.
//!
//! What is written is in the kernel's hands and survives any end of this process; a loss of power
//! may take the last seconds, for nothing waits for the disk.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::hub::{Append, Conversation, Pair};
use crate::protocol::{Draft, Id, MessageId, Position, RoomId, UserId};

const FILE_NAME: &str = "journal.log";
const LOCK_NAME: &str = "journal.lock";
const HEADER_BYTES: usize = 8;

#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole records; what stands behind them is torn.
    length: u64,
    /// Whether the last write went well.
    sound: bool,
    /// Held for the life of the journal, so that two processes never share one.
    _lock: File,
}

/// One record as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    position: u64,
    author: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<[Cow<'a, str>; 2]>,
    id: Cow<'a, str>,
    head: Cow<'a, str>,
    tail: Cow<'a, str>,
}

impl JournalFile {
    /// Opens or makes the file and reads what is whole in it.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Vec<Entry>)> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join(LOCK_NAME))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let error = "another process holds this journal";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, error));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let path = dir.join(FILE_NAME);
        let mut file = open_file(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (entries, whole) = decode_all(&bytes);
        let length = whole as u64;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self { path, file, length, sound: true, _lock: lock }, entries))
    }

    /// Whether the file stays below twice `bytes_max` with this entry, the bound of its growth.
    pub(super) fn fits(&self, entry: &Entry, bytes_max: usize) -> bool {
        self.length + entry.append.weight() as u64 <= bytes_max as u64 * 2
    }

    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let record = encode(entry);
        let result = self.file.write_all(&record);
        match &result {
            Ok(()) => self.length += record.len() as u64,
            // Half a record must not stand before the next one.
            Err(_) => self.cut(),
        }
        self.sound = result.is_ok();
        result
    }

    /// Writes a new file with just these entries, and puts it in the place of the old one.
    pub(super) fn rewrite<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> io::Result<()> {
        let result = self.try_rewrite(entries);
        self.sound = result.is_ok();
        result
    }

    fn try_rewrite<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) -> io::Result<()> {
        let fresh_path = self.path.with_extension("new");
        let mut fresh = open_file(&fresh_path)?;
        fresh.set_len(0)?;
        let mut length = 0;
        for entry in entries {
            let record = encode(entry);
            fresh.write_all(&record)?;
            length += record.len() as u64;
        }
        fs::rename(&fresh_path, &self.path)?;
        self.file = fresh;
        self.length = length;
        Ok(())
    }

    /// Empties the file.
    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.cut();
    }

    fn cut(&mut self) {
        let cut = self
            .file
            .set_len(self.length)
            .and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
        self.sound = cut.is_ok();
    }

    pub(super) fn is_sound(&self) -> bool {
        self.sound
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn encode(entry: &Entry) -> Vec<u8> {
    let Append { conversation, author, message_id, draft, origin: _ } = &entry.append;
    let (room, pair) = match conversation {
        Conversation::Room(room) => (Some(room.as_str().into()), None),
        Conversation::Direct(pair) => {
            (None, Some([pair.low(), pair.high()].map(|user| user.as_str().into())))
        }
    };
    let record = Record {
        position: entry.position.0,
        author: author.as_str().into(),
        room,
        pair,
        id: message_id.as_str().into(),
        head: draft.head().into(),
        tail: draft.tail().into(),
    };
    let mut bytes = vec![0; HEADER_BYTES];
    serde_json::to_writer(&mut bytes, &record).expect("a record of strings serialises");
    let length = u32::try_from(bytes.len() - HEADER_BYTES).expect("a frame is far below 4 GiB");
    let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The whole records at the beginning of `bytes`, and how many bytes they take.
fn decode_all(bytes: &[u8]) -> (Vec<Entry>, usize) {
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some((entry, length)) = decode(&bytes[at..]) {
        entries.push(entry);
        at += length;
    }
    (entries, at)
}

fn decode(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let text = rest.get(..length)?;
    if crc32fast::hash(text) != u32::from_le_bytes(*checksum) {
        return None;
    }
    Some((entry(text)?, HEADER_BYTES + length))
}

fn entry(text: &[u8]) -> Option<Entry> {
    let record: Record = serde_json::from_slice(text).ok()?;
    let conversation = match (record.room, record.pair) {
        (Some(room), None) => Conversation::Room(RoomId::new(&room).ok()?),
        (None, Some([one, other])) => {
            Conversation::Direct(Pair::new(Id::new(&one).ok()?, Id::new(&other).ok()?))
        }
        _ => return None,
    };
    let append = Append {
        origin: None,
        conversation,
        author: UserId::new(&record.author).ok()?,
        message_id: MessageId::new(&record.id).ok()?,
        draft: Draft::from_parts(&record.head, &record.tail),
    };
    Some(Entry { append, position: Position(record.position) })
}
