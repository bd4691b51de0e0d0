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

#[test]
fn a_damaged_record_ends_what_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.log");
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    journal.push(entry(1));
    let whole = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
    journal.push(entry(2));
    drop(journal);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[whole + 20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(numbers(&Journal::open(dir.path(), 1 << 20).unwrap()), [1]);
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
