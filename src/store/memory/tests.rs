use std::time::Duration;

use serde_json::value::RawValue;

use super::*;
use crate::protocol::{Draft, RoomId, UserId};

fn message(room: &str, id: &str, bytes: usize) -> Append {
    let (author, room) = (UserId::new("ana").unwrap(), RoomId::new(room).unwrap());
    let message_id = MessageId::new(id).unwrap();
    let payload = RawValue::from_string(format!(r#"{{"content":"{}"}}"#, "x".repeat(bytes)));
    let draft = Draft::new(&author, None, Some(&room), &message_id, &payload.unwrap());
    Append { origin: None, conversation: Conversation::Room(room), author, message_id, draft }
}

fn ids(store: &MemoryStore, now: Position, room: &str) -> Vec<String> {
    let room = Conversation::Room(RoomId::new(room).unwrap());
    let page = Page { limit: 200, before: None };
    let history = store.read(now, &room, &page).messages.into_iter();
    history
        .map(|stored| {
            let json: serde_json::Value = serde_json::from_slice(&stored.json).unwrap();
            json["messageId"].as_str().unwrap().to_owned()
        })
        .collect()
}

const NOW: Position = Position(1_700_000_000_000_000);

fn store(bytes_max: usize) -> MemoryStore {
    MemoryStore::new(Retention::default(), bytes_max)
}

/// What one message of `bytes` in a room of its own adds to the counter.
fn weight(bytes: usize) -> usize {
    let mut store = store(usize::MAX);
    store.append(NOW, &message("a", "1", bytes));
    store.counters().bytes
}

#[test]
fn what_is_delivered_is_what_is_kept() {
    let mut store = store(usize::MAX);
    let append = message("a", "1", 10);
    let delivered = store.append(NOW, &append).message.unwrap();
    let kept =
        store.read(NOW, &append.conversation, &Page { limit: 1, before: None }).messages.remove(0);
    assert_eq!(kept.json.as_ptr(), delivered.json().as_ptr());
}

#[test]
fn the_quietest_room_goes_first_when_the_bytes_are_full() {
    let mut store = store(3 * weight(100));
    for (room, id) in [("a", "1"), ("b", "1"), ("c", "1"), ("a", "2")] {
        store.append(NOW, &message(room, id, 100));
    }
    assert_eq!(ids(&store, NOW, "b"), [""; 0]);
    assert_eq!(ids(&store, NOW, "a"), ["1", "2"]);
    assert_eq!(ids(&store, NOW, "c"), ["1"]);
    assert_eq!(store.counters().evicted, 1);
}

#[test]
fn the_bytes_hold_exactly_their_bound() {
    let mut exact = store(2 * weight(100));
    let mut short = store(2 * weight(100) - 1);
    for store in [&mut exact, &mut short] {
        store.append(NOW, &message("a", "1", 100));
        store.append(NOW, &message("b", "1", 100));
    }
    assert_eq!(
        exact.counters(),
        MemoryCounters { messages: 2, bytes: 2 * weight(100), evicted: 0 }
    );
    assert_eq!(short.counters(), MemoryCounters { messages: 1, bytes: weight(100), evicted: 1 });
}

#[test]
fn a_message_larger_than_the_whole_store_is_delivered_and_not_kept() {
    let mut store = store(1000);
    let appended = store.append(NOW, &message("a", "1", 5000));
    assert_eq!(appended.position, NOW);
    assert!(appended.message.is_some());
    assert_eq!(store.counters(), MemoryCounters { messages: 0, bytes: 0, evicted: 1 });
    assert_eq!(store.append(Position(5), &message("a", "2", 1)).position, NOW.next(Position(0)));
}

#[test]
fn a_room_without_activity_is_forgotten_after_the_age() {
    let mut store = store(usize::MAX);
    store.append(NOW, &message("a", "1", 1));
    let age = u64::try_from(Retention::default().age.as_micros()).unwrap();
    store.purge(Position(NOW.0 + age));
    assert_eq!(store.counters().messages, 1);
    store.purge(Position(NOW.0 + age + 1));
    assert_eq!(store.counters(), MemoryCounters::default());
    assert_eq!(store.conversations().count(), 0);
}

#[test]
fn messages_put_from_elsewhere_stand_in_their_order_once() {
    let mut store = store(usize::MAX);
    let put = |store: &mut MemoryStore, position: u64, id: &str| {
        let append = message("a", id, 1);
        let position = Position(NOW.0 + position);
        let encoded = append.draft.at(position);
        store.put(NOW, &append.conversation, position, &append.message_id, &encoded);
    };
    for (position, id) in [(10, "1"), (30, "3"), (20, "2"), (30, "3")] {
        put(&mut store, position, id);
    }
    assert_eq!(ids(&store, NOW, "a"), ["1", "2", "3"]);
    put(&mut store, 40, "1");
    assert_eq!(ids(&store, NOW, "a"), ["2", "3", "1"]);
    assert_eq!(store.counters().messages, 3);
}

#[test]
fn counters_return_to_zero_when_all_is_gone() {
    let retention = Retention { age: Duration::from_secs(1), count: 3 };
    let mut store = MemoryStore::new(retention, 4 * weight(50));
    for step in 0..100 {
        let room = ["a", "b", "c", "d", "e"][step % 5];
        let append = message(room, &format!("{}", step % 17), step);
        let now = Position(NOW.0 + step as u64 * 100_000);
        if step % 3 == 0 {
            store.append_at(now, &append, Position(now.0 - 50_000));
        } else {
            store.append(now, &append);
        }
    }
    store.purge(Position(NOW.0 + 60_000_000));
    let MemoryCounters { messages, bytes, .. } = store.counters();
    assert_eq!((messages, bytes), (0, 0));
}
