//! The journal on disk: an append-only file of records, each `length: u32, crc32: u32, JSON` in
//! little endian.
//!
//! What is written is in the kernel's hands and survives any end of this process; a loss of power
//! may take the last seconds, for nothing waits for the disk.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Damage, Entry};
use crate::hub::{Append, Conversation, Pair};
use crate::protocol::{Draft, Id, MessageId, Position, RoomId, UserId};

const FILE_NAME: &str = "journal.log";
const LOCK_NAME: &str = "journal.lock";
const HEADER_BYTES: usize = 8;
/// How the text of every record begins, and nothing within one: quotes in a string are escaped.
const RECORD_START: &[u8] = br#"{"position":"#;

#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole records.
    length: u64,
    /// These bytes when the file was last written anew. With many escapes they can be more than the
    /// bound, and must not make every message write the file anew.
    base: u64,
    /// Whether something else may stand behind the whole records.
    torn: bool,
    /// Held for the life of the journal, so that two processes never share one.
    _lock: File,
}

/// What an earlier process left.
pub(super) struct Left {
    pub(super) entries: Vec<Entry>,
    pub(super) damage: Option<Damage>,
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
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Left)> {
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
        let Decoded { entries, whole, skipped } = decode_all(&bytes);
        let mut journal =
            Self { path, file, length: whole as u64, base: 0, torn: true, _lock: lock };
        if skipped == 0 {
            journal.cut()?;
            return Ok((journal, Left { entries, damage: None }));
        }
        let original = journal.path.with_extension("damaged");
        fs::copy(&journal.path, &original)?;
        journal.rewrite(entries.iter())?;
        let damage = Some(Damage { bytes: skipped as u64, original });
        Ok((journal, Left { entries, damage }))
    }

    /// Whether the file keeps the bound of its growth with this entry: twice `bytes_max`, or twice
    /// what it had when it was last written anew.
    pub(super) fn fits(&self, entry: &Entry, bytes_max: usize) -> bool {
        self.length + entry.append.weight() as u64 <= self.base.max(bytes_max as u64) * 2
    }

    /// Writes an entry behind the others.
    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        // Half a record must not stand before the next one.
        self.cut()?;
        let record = encode(entry);
        self.torn = true;
        self.file.write_all(&record)?;
        self.torn = false;
        self.length += record.len() as u64;
        Ok(())
    }

    /// Writes a new file with just these entries, and puts it in the place of the old one.
    pub(super) fn rewrite<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> io::Result<()> {
        let fresh_path = self.path.with_extension("new");
        let written = write_fresh(&fresh_path, entries)
            .and_then(|fresh| fs::rename(&fresh_path, &self.path).map(|()| fresh));
        match written {
            Ok((fresh, length)) => {
                self.file = fresh;
                (self.length, self.base, self.torn) = (length, length, false);
                Ok(())
            }
            Err(error) => {
                // Where the disk is full it must not take more of it. It may not be there at all.
                drop(fs::remove_file(&fresh_path));
                Err(error)
            }
        }
    }

    /// Empties the file. If that fails, it is tried again before the next record is written; until
    /// then a crash replays again what Redis has.
    pub(super) fn clear(&mut self) {
        (self.length, self.base, self.torn) = (0, 0, true);
        drop(self.cut());
    }

    /// Cuts off what is not a whole record.
    fn cut(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.torn = false;
        }
        Ok(())
    }

    /// Lets every further write fail, as on a disk without room.
    #[cfg(test)]
    pub(super) fn fill_disk(&mut self) -> File {
        std::mem::replace(&mut self.file, open_file(Path::new("/dev/full")).unwrap())
    }

    /// Ends what [`Self::fill_disk`] began.
    #[cfg(test)]
    pub(super) fn free_disk(&mut self, file: File) {
        self.file = file;
    }
}

fn write_fresh<'a>(
    path: &Path,
    entries: impl Iterator<Item = &'a Entry>,
) -> io::Result<(File, u64)> {
    let mut file = open_file(path)?;
    file.set_len(0)?;
    let mut length = 0;
    for entry in entries {
        let record = encode(entry);
        file.write_all(&record)?;
        length += record.len() as u64;
    }
    Ok((file, length))
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

/// What a file was found to hold.
struct Decoded {
    entries: Vec<Entry>,
    /// Where the last whole record ends.
    whole: usize,
    /// Bytes that are no whole records, but for a torn last one.
    skipped: usize,
}

fn decode_all(bytes: &[u8]) -> Decoded {
    let (mut entries, mut at, mut skipped) = (Vec::new(), 0, 0);
    loop {
        while let Some((entry, length)) = decode(&bytes[at..]) {
            entries.push(entry);
            at += length;
        }
        let Some(next) = next_whole(bytes, at) else { break };
        skipped += next - at;
        at = next;
    }
    if !is_torn(&bytes[at..]) {
        skipped += bytes.len() - at;
    }
    Decoded { entries, whole: at, skipped }
}

/// Where behind `at` the next whole record begins. Each is looked for no further than to the
/// beginning of the next, so that a damaged length costs no more than its own record.
fn next_whole(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = next_start(bytes, at + 1)?;
    loop {
        let next = next_start(bytes, start + 1);
        if decode(&bytes[start..next.unwrap_or(bytes.len())]).is_some() {
            return Some(start);
        }
        start = next?;
    }
}

/// Where at or behind `at` stands what looks like the header of a record.
fn next_start(bytes: &[u8], at: usize) -> Option<usize> {
    let texts = bytes.get(at + HEADER_BYTES..)?;
    texts.windows(RECORD_START.len()).position(|window| window == RECORD_START).map(|it| at + it)
}

/// Whether these bytes are the beginning of a record that a crash cut short, or none at all.
fn is_torn(bytes: &[u8]) -> bool {
    let Some((header, text)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return true };
    let length = u32::from_le_bytes(*header.first_chunk().expect("four of eight bytes"));
    // A text that ends by itself was not cut short: its header is damaged.
    let ended_early = || serde_json::from_slice::<IgnoredAny>(text).is_err_and(|it| it.is_eof());
    u32::try_from(text.len()).is_ok_and(|there| there < length) && ended_early()
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
