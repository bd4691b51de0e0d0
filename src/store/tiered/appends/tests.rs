//! A disk that fails under the journal: told once, tried seldom, and never called durable.

use super::*;
use crate::hub::{Conversation, Health};
use crate::protocol::{Draft, MessageId, RoomId, UserId};
use crate::store::{Answer, Found, Journal, MemoryStore, Retention};

struct Rig {
    store: Tiered,
    now: Now,
    turn: Turn,
}

impl Rig {
    /// A store whose Redis is away and whose journal is in `dir`.
    fn away(dir: &std::path::Path) -> Self {
        let memory = MemoryStore::new(Retention::default(), 16 << 20);
        let journal = Journal::open(dir, 1 << 20).unwrap();
        let store = Tiered::on_redis(memory, journal, Found::Away("refused".to_owned()));
        let now = Now { wall: Position(1_767_225_600_000_000), elapsed: Duration::ZERO };
        Self { store, now, turn: Turn::default() }
    }

    fn append_all(&mut self, numbers: std::ops::Range<usize>) -> Vec<Kept> {
        numbers.map(|number| self.append(number)).collect()
    }

    fn append(&mut self, number: usize) -> Kept {
        let (author, room) = (UserId::new("ana").unwrap(), RoomId::new("tea").unwrap());
        let message_id = MessageId::new(&format!("m{number}")).unwrap();
        let payload = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
        let draft = Draft::new(&author, None, Some(&room), &message_id, &payload);
        let conversation = Conversation::Room(room);
        let append = Append { origin: None, conversation, author, message_id, draft };
        self.store.append(self.now, append, &mut self.turn);
        match self.turn.inputs.pop() {
            Some(Input::Appended { placed, .. }) => placed.kept,
            other => panic!("{other:?}"),
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now.elapsed + time;
        while self.now.elapsed < end {
            self.now.elapsed += Duration::from_millis(100);
            self.store.tick(self.now, &mut self.turn);
        }
    }

    /// What the log was told of the file.
    fn told(&self) -> Vec<&str> {
        let mut told = Vec::new();
        for notice in &self.turn.notices {
            if let Notice::JournalFile { error } = notice {
                told.push(error.as_str());
            }
        }
        told
    }
}

#[test]
fn a_full_disk_is_named_once_and_its_messages_are_acknowledged_as_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::away(dir.path());
    assert_eq!(rig.append(0), Kept::Journal);
    rig.store.journal.fill_disk();
    assert_eq!(rig.append_all(1..101), [Kept::Memory; 100]);
    assert_eq!(rig.append(0), Kept::Journal, "it is on disk");
    assert_eq!(rig.append(1), Kept::Memory, "it is not");
    rig.run(Duration::from_secs(300));
    let told = rig.told();
    assert!(matches!(told[..], [error] if error.contains("No space left")), "{told:?}");
    let counts = rig.store.counts();
    assert_eq!((counts.journal_volatile, counts.journal_refused), (100, 0));
    assert!(!rig.store.journal.is_durable());
}

#[test]
fn when_the_disk_has_room_again_the_file_gets_all_that_waits_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::away(dir.path());
    rig.append(0);
    let file = rig.store.journal.fill_disk();
    rig.append_all(1..101);
    rig.store.journal.free_disk(file);
    assert_eq!(rig.append(101), Kept::Memory, "it must not stand before those that wait");
    assert!(!rig.store.journal.is_durable());
    rig.run(SAVE_PAUSE_MIN);
    assert!(rig.store.journal.is_durable());
    assert_eq!(rig.append(102), Kept::Journal);
    drop(rig);
    let left = Journal::open(dir.path(), 1 << 20).unwrap();
    let ids: Vec<String> = left.iter().map(|it| it.append.message_id.to_string()).collect();
    assert_eq!(ids, (0..=102).map(|number| format!("m{number}")).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_fails_again_and_again_is_named_once_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::away(dir.path());
    for number in 0..60 {
        let file = rig.store.journal.fill_disk();
        assert_eq!(rig.append(number), Kept::Memory);
        rig.store.journal.free_disk(file);
        rig.run(Duration::from_secs(2));
        assert!(rig.store.journal.is_durable());
    }
    assert_eq!(rig.told().len(), 2, "two minutes");
}

#[test]
fn what_was_never_on_disk_reaches_redis_too_and_is_not_called_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::away(dir.path());
    rig.store.journal.fill_disk();
    rig.append_all(0..100);
    let mut replayed = 0;
    while rig.store.health() == Health::Degraded {
        rig.run(Duration::from_millis(100));
        for command in std::mem::take(&mut rig.turn.commands) {
            let answer = match command {
                Command::Append { ticket, at: Some(at), .. } => {
                    replayed += 1;
                    Answer::Appended { ticket, result: Ok((at, Position(0), false)) }
                }
                Command::Probe { .. } => Answer::Probed(Ok(crate::store::Probe {
                    latency: Duration::from_millis(1),
                    forgot: false,
                })),
                other => panic!("{other:?}"),
            };
            rig.store.answer(rig.now, answer, &mut rig.turn);
        }
        rig.run(Duration::from_millis(100));
    }
    assert_eq!(replayed, 100);
    let restored = rig.turn.notices.iter().rev().find(|it| matches!(it, Notice::Restored { .. }));
    assert!(
        matches!(restored, Some(Notice::Restored { replayed: 100, refused: 0, .. })),
        "{restored:?}"
    );
}
