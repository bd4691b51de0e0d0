use std::path::Path;

use serde_json::value::RawValue;

use super::*;
use crate::hub::Pair;
use crate::protocol::{Draft, RoomId, UserId};

fn entry(number: u64) -> Entry {
    let author = UserId::new("a\"na").unwrap();
    let message_id = MessageId::new(&format!("m{number}")).unwrap();
    let payload = RawValue::from_string(r#"{"content":"\u00e9 ö"}"#.to_owned()).unwrap();
    let (conversation, draft) = if number.is_multiple_of(2) {
        let room = RoomId::new("lobby").unwrap();
        let draft = Draft::new(&author, None, Some(&room), &message_id, &payload);
        (Conversation::Room(room), draft)
    } else {
        let bob = UserId::new("bob").unwrap();
        let draft = Draft::new(&author, Some(&bob), None, &message_id, &payload);
        (Conversation::Direct(Pair::new(author.clone(), bob)), draft)
    };
    let append = Append { origin: None, conversation, author, message_id, draft };
    Entry { append, position: Position(1_700_000_000_000_000 + number) }
}

fn numbers(journal: &Journal) -> Vec<u64> {
    journal.iter().map(|entry| entry.position.0 - 1_700_000_000_000_000).collect()
}

#[test]
fn a_full_journal_refuses_the_next_message_and_takes_it_after_one_has_left() {
    let mut journal = Journal::in_memory(entry(2).append.weight() * 3);
    for number in [2, 4, 6] {
        assert_eq!(journal.push(entry(number)), Noted::Kept);
    }
    assert_eq!(journal.push(entry(8)), Noted::Full);
    assert_eq!(journal.pop_front(), Some(entry(2)));
    assert_eq!(journal.push(entry(8)), Noted::Kept);
    assert_eq!(numbers(&journal), [4, 6, 8]);
    assert!(journal.holds(&entry(8).append) && !journal.holds(&entry(2).append));
}

#[test]
fn what_was_written_is_there_after_a_crash_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    for number in 0..10 {
        assert_eq!(journal.push(entry(number)), Noted::Kept);
    }
    drop(journal);
    let journal = Journal::open(dir.path(), 1 << 20).unwrap();
    assert!(journal.iter().cloned().eq((0..10).map(entry)));
}

#[test]
fn a_torn_last_record_is_cut_off_wherever_it_was_torn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    journal.push(entry(1));
    let whole = std::fs::metadata(&path).unwrap().len();
    journal.push(entry(2));
    drop(journal);
    let bytes = std::fs::read(&path).unwrap();
    for length in usize::try_from(whole).unwrap()..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(numbers(&journal), [1], "torn at {length}");
        // What comes after the tear must be readable again.
        assert_eq!(journal.push(entry(3)), Noted::Kept);
        drop(journal);
        assert_eq!(numbers(&Journal::open(dir.path(), 1 << 20).unwrap()), [1, 3]);
    }
}

/// A journal of messages 0 to 9 as bytes, and where each record begins.
fn ten(dir: &Path) -> (Vec<u8>, Vec<usize>) {
    let path = dir.join("journal.log");
    let mut journal = Journal::open(dir, 1 << 20).unwrap();
    let mut starts = Vec::new();
    for number in 0..10 {
        starts.push(usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap());
        journal.push(entry(number));
    }
    (std::fs::read(&path).unwrap(), starts)
}

/// The numbers in a journal of these bytes, which is opened twice: what was damaged is mended then.
fn reopened(dir: &Path, bytes: &[u8]) -> (Vec<u64>, Option<Damage>) {
    std::fs::write(dir.join("journal.log"), bytes).unwrap();
    let journal = Journal::open(dir, 1 << 20).unwrap();
    let found = (numbers(&journal), journal.damage().cloned());
    drop(journal);
    let again = Journal::open(dir, 1 << 20).unwrap();
    assert_eq!((numbers(&again), again.damage()), (found.0.clone(), None));
    found
}

#[test]
fn a_flipped_bit_costs_one_message_wherever_it_is_and_the_file_as_it_was_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, starts) = ten(dir.path());
    let record_5 = starts[5]..starts[6];
    for at in record_5.clone() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let (numbers, damage) = reopened(dir.path(), &bytes);
            assert_eq!(numbers, [0, 1, 2, 3, 4, 6, 7, 8, 9], "bit {bit} of byte {at}");
            let damage = damage.unwrap();
            assert_eq!(damage.bytes, record_5.len() as u64);
            assert_eq!(damage.original, dir.path().join("journal.damaged"));
            assert_eq!(std::fs::read(damage.original).unwrap(), bytes);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_first_or_last_record_is_damage_too() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, starts) = ten(dir.path());
    for (number, start) in [(0, starts[0]), (9, starts[9])] {
        // In the length, which is made shorter and longer, in the checksum and in the text.
        for (offset, bit) in [(0, 1), (0, 2), (1, 4), (3, 128), (5, 1), (30, 1)] {
            let mut bytes = bytes.clone();
            bytes[start + offset] ^= bit;
            let (numbers, damage) = reopened(dir.path(), &bytes);
            let others: Vec<u64> = (0..10).filter(|it| *it != number).collect();
            assert_eq!(numbers, others, "byte {offset} of record {number}");
            assert!(damage.is_some(), "byte {offset} of record {number}");
        }
    }
}

#[test]
fn two_damaged_records_and_a_torn_one_cost_three_messages() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bytes, starts) = ten(dir.path());
    bytes[starts[2] + 3] ^= 1;
    bytes[starts[6] + 20] ^= 1;
    bytes.truncate(starts[9] + 20);
    let (numbers, damage) = reopened(dir.path(), &bytes);
    assert_eq!(numbers, [0, 1, 3, 4, 5, 7, 8]);
    let skipped = starts[3] - starts[2] + starts[7] - starts[6];
    assert_eq!(damage.unwrap().bytes, skipped as u64, "the torn record is no damage");
}

#[test]
fn garbage_at_the_end_is_cut_off_and_kept_beside_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, _) = ten(dir.path());
    // Blocks of zeros, as a loss of power may leave them, and text of another program.
    for garbage in [vec![0; 4096], vec![0xff; 100], b"x\n".repeat(100)] {
        let (numbers, damage) = reopened(dir.path(), &[&bytes[..], &garbage].concat());
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        assert_eq!(damage.unwrap().bytes, garbage.len() as u64);
    }
}

#[test]
fn a_torn_last_record_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, starts) = ten(dir.path());
    for length in starts[9]..bytes.len() {
        let (numbers, damage) = reopened(dir.path(), &bytes[..length]);
        assert_eq!((numbers.len(), damage), (9, None), "torn at {length}");
    }
    assert!(!dir.path().join("journal.damaged").exists());
}

#[test]
fn a_message_that_waits_is_not_taken_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    for number in [1, 2, 1, 2] {
        assert_eq!(journal.push(entry(number)), Noted::Kept);
    }
    assert_eq!(numbers(&journal), [1, 2]);
    assert_eq!(journal.pop_front(), Some(entry(1)));
    assert!(!journal.holds(&entry(1).append) && journal.holds(&entry(2).append));
    // It stands in the file twice now: as what was replayed, and as what came anew.
    assert_eq!(journal.push(entry(1)), Noted::Kept);
    assert_eq!(numbers(&journal), [2, 1]);
    drop(journal);
    assert_eq!(numbers(&Journal::open(dir.path(), 1 << 20).unwrap()), [1, 2]);
}

#[test]
fn a_journal_is_durable_when_every_message_that_waits_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    journal.push(entry(1));
    assert!(journal.is_durable());
    let disk = journal.fill_disk();
    assert_eq!(journal.push(entry(2)), Noted::Volatile);
    assert!(journal.trouble().unwrap().contains("No space left on device"));
    journal.free_disk(disk);
    // The disk has room again, but to write this one would leave a gap before it.
    assert_eq!(journal.push(entry(3)), Noted::Volatile);
    assert_eq!((journal.is_durable(), journal.unwritten()), (false, 2));
    journal.pop_front();
    assert_eq!((journal.is_durable(), journal.unwritten()), (false, 2));
    journal.save();
    assert_eq!((journal.is_durable(), journal.trouble()), (true, None));
    drop(journal);
    assert_eq!(numbers(&Journal::open(dir.path(), 1 << 20).unwrap()), [1, 2, 3]);
}

#[test]
fn a_failing_disk_is_forgotten_when_nothing_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    let disk = journal.fill_disk();
    for number in [1, 2, 3] {
        assert_eq!(journal.push(entry(number)), Noted::Volatile);
    }
    journal.pop_front();
    assert_eq!(journal.unwritten(), 2);
    while journal.pop_front().is_some() {}
    assert_eq!((journal.unwritten(), journal.trouble()), (0, None));
    journal.free_disk(disk);
    assert_eq!(journal.push(entry(4)), Noted::Kept);
    drop(journal);
    assert_eq!(numbers(&Journal::open(dir.path(), 1 << 20).unwrap()), [4]);
}

#[test]
fn a_file_that_cannot_be_written_anew_is_tried_again_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let bytes_max = entry(2).append.weight() * 4;
    let mut journal = Journal::open(dir.path(), bytes_max).unwrap();
    // A directory stands where the new file goes.
    let obstacle = dir.path().join("journal.new");
    std::fs::create_dir(&obstacle).unwrap();
    journal.push(entry(0));
    let mut number = 1;
    while journal.push(entry(number)) == Noted::Kept {
        journal.pop_front();
        number += 1;
    }
    assert!(journal.trouble().unwrap().contains("directory"), "{:?}", journal.trouble());
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(journal.push(entry(number + 1)), Noted::Volatile);
    assert_eq!(journal.unwritten(), 2);
    journal.save();
    assert!(journal.is_durable());
    drop(journal);
    let journal = Journal::open(dir.path(), bytes_max).unwrap();
    assert_eq!(numbers(&journal), [number - 1, number, number + 1]);
}

#[test]
fn messages_of_many_escapes_do_not_make_each_message_write_the_file_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let escapes = |number| {
        let mut entry = entry(number);
        let tail = "\u{1}".repeat(4096);
        entry.append.draft = Draft::from_parts(entry.append.draft.head(), &tail);
        entry
    };
    let bytes_max = escapes(149).append.weight() * 50;
    let mut journal = Journal::open(dir.path(), bytes_max).unwrap();
    (0..50).for_each(|number| assert_eq!(journal.push(escapes(number)), Noted::Kept));
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    let (mut last, mut rewritten) = (inode(), 0);
    for number in 50..150 {
        journal.pop_front();
        assert_eq!(journal.push(escapes(number)), Noted::Kept);
        rewritten += u32::from(inode() != last);
        last = inode();
    }
    assert!(rewritten <= 4, "{rewritten} of 100");
}

#[test]
fn the_file_is_emptied_with_the_last_message_and_bounded_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let bytes_max = entry(2).append.weight() * 4;
    let mut journal = Journal::open(dir.path(), bytes_max).unwrap();
    journal.push(entry(0));
    // One always waits, so the file is never emptied but must be rewritten.
    for number in 1..100 {
        assert_eq!(journal.push(entry(number)), Noted::Kept);
        journal.pop_front();
        assert!(std::fs::metadata(&path).unwrap().len() <= bytes_max as u64 * 3);
    }
    drop(journal);
    let mut journal = Journal::open(dir.path(), bytes_max).unwrap();
    assert_eq!(numbers(&journal).last(), Some(&99));
    while journal.pop_front().is_some() {}
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn two_processes_cannot_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path(), 1 << 20).unwrap();
    assert!(Journal::open(dir.path(), 1 << 20).is_err());
    drop(journal);
    assert!(Journal::open(dir.path(), 1 << 20).is_ok());
}
