//! The keys as an operator sees them.

use std::time::{Duration, Instant};

use aleatoria::actors::redis_store::RedisSettings;
use aleatoria::hub::{Conversation, Fact};
use aleatoria::protocol::Position;
use aleatoria::store::Command;
use aleatoria::store::keys::KEYS;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::server::RedisServer;
use crate::store::*;

const DAY: i64 = 24 * 3600;

fn settings(server: &RedisServer) -> RedisSettings {
    RedisSettings::new(server.connection_info(), "n1")
}

/// Waits until the server holds exactly these keys.
async fn await_keys(server: &RedisServer, expected: &[&str]) {
    let begun = Instant::now();
    while server.keys() != expected {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", server.keys());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn members(server: &RedisServer, key: &str) -> Vec<String> {
    let mut members: Vec<String> = server.run(&["SMEMBERS", key]);
    members.sort();
    members
}

#[actix::test]
async fn a_room_message_makes_three_keys_that_last_a_day() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    let append = message(&in_room("lobby"), "m1", "hi");
    let (position, ..) = store.append(append.clone(), None).await.unwrap();
    assert_eq!(server.keys(), ["room:index:lobby", "room:messages:lobby", "room:state:lobby"]);
    let messages: Vec<(String, u64)> =
        server.run(&["ZRANGE", "room:messages:lobby", "0", "-1", "WITHSCORES"]);
    assert_eq!(messages, [(append.draft.at(position).json().to_owned(), position.0)]);
    let index: Vec<(String, u64)> = server.run(&["HGETALL", "room:index:lobby"]);
    assert_eq!(index, [("m1".to_owned(), position.0)]);
    for field in ["last", "began"] {
        let stored: u64 = server.run(&["HGET", "room:state:lobby", field]);
        assert_eq!(stored, position.0, "{field}");
    }
    for key in server.keys() {
        let ttl: i64 = server.run(&["TTL", &key]);
        assert!((DAY - 5..=DAY).contains(&ttl), "{key}: {ttl}");
    }
}

#[actix::test]
async fn a_direct_message_stands_in_a_list_oldest_first() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    let pair = between("bob", "alice");
    let mut texts = Vec::new();
    for id in ["m1", "m2"] {
        let append = message(&pair, id, "hi");
        let (position, ..) = store.append(append.clone(), None).await.unwrap();
        texts.push(append.draft.at(position).json().to_owned());
    }
    let keys = ["dm:alice:bob", "dm:index:alice:bob", "dm:state:alice:bob"];
    assert_eq!(server.keys(), keys);
    let list: Vec<String> = server.run(&["LRANGE", "dm:alice:bob", "0", "-1"]);
    assert_eq!(list, texts);
    for key in keys {
        let ttl: i64 = server.run(&["TTL", key]);
        assert!((DAY - 5..=DAY).contains(&ttl), "{key}: {ttl}");
    }
}

#[actix::test]
async fn what_is_trimmed_leaves_the_index_and_is_remembered_in_the_state() {
    let server = RedisServer::start();
    let mut settings = settings(&server);
    settings.retention.count = 2;
    let mut store = Client::start(settings);
    for (conversation, kind) in [(in_room("r"), "room:*:r"), (between("a", "b"), "dm:*:a:b")] {
        let mut positions = Vec::new();
        for id in ["1", "2", "3", "4"] {
            let append = message(&conversation, id, "x");
            positions.push(store.append(append, None).await.unwrap().0.0);
        }
        let mut ids: Vec<String> = server.run(&["HKEYS", &kind.replace('*', "index")]);
        ids.sort();
        assert_eq!(ids, ["3", "4"]);
        for (field, expected) in [("trimmed", positions[1]), ("began", positions[0])] {
            let stored: u64 = server.run(&["HGET", &kind.replace('*', "state"), field]);
            assert_eq!(stored, expected, "{field}");
        }
    }
}

#[actix::test]
async fn the_place_of_a_message_with_another_time_is_known_while_it_is_kept() {
    let server = RedisServer::start();
    let mut settings = settings(&server);
    settings.retention.count = 3;
    let mut store = Client::start(settings);
    for (conversation, state) in
        [(in_room("r"), "room:state:r"), (between("a", "b"), "dm:state:a:b")]
    {
        let times = || {
            let fields: Vec<String> = server.run(&["HKEYS", state]);
            fields.into_iter().filter(|field| field.starts_with("at:")).collect::<Vec<_>>()
        };
        let past = |second: u64| Position(1_700_000_000_000_000 + second * 1_000_000);
        store.append(message(&conversation, "1", "x"), None).await.unwrap();
        assert_eq!(times(), [""; 0]);
        let (behind, ..) =
            store.append(message(&conversation, "2", "x"), Some(past(1))).await.unwrap();
        assert_eq!(times(), [format!("at:{}", past(1).to_rfc3339())]);
        let field = format!("at:{}", past(1).to_rfc3339());
        assert_eq!(server.run::<u64>(&["HGET", state, &field]), behind.0);
        store.append(message(&conversation, "2", "x"), Some(past(2))).await.unwrap();
        assert_eq!(times(), [format!("at:{}", past(2).to_rfc3339())]);
        store.append(message(&conversation, "2", "x"), Some(behind)).await.unwrap();
        assert_eq!(times(), [""; 0], "it stands where its time says");
        store.append(message(&conversation, "2", "x"), Some(past(3))).await.unwrap();
        for id in ["3", "4"] {
            store.append(message(&conversation, id, "x"), None).await.unwrap();
            assert_eq!(times().len(), 1);
        }
        store.append(message(&conversation, "5", "x"), None).await.unwrap();
        assert_eq!(times(), [""; 0], "it is not kept");
        store.append(message(&conversation, "6", "x"), Some(past(4))).await.unwrap();
        assert_eq!(times().len(), 1);
        for key in server.keys() {
            let ttl: i64 = server.run(&["TTL", &key]);
            assert!(ttl > DAY - 5, "{key}: {ttl}");
        }
    }
}

#[actix::test]
async fn the_only_message_of_a_room_keeps_its_expiry_and_the_beginning_when_it_is_replayed() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    for (conversation, state) in
        [(in_room("r"), "room:state:r"), (between("a", "b"), "dm:state:a:b")]
    {
        let append = message(&conversation, "1", "x");
        let (stored, ..) = store.append(append.clone(), None).await.unwrap();
        let seen = Position(stored.0 - 3_000_000);
        assert_eq!(store.append(append, Some(seen)).await.unwrap(), (seen, Position(0), true));
        for field in ["last", "began"] {
            assert_eq!(server.run::<u64>(&["HGET", state, field]), seen.0, "{field}");
        }
        for key in server.keys() {
            let ttl: i64 = server.run(&["TTL", &key]);
            assert!((DAY - 5..=DAY).contains(&ttl), "{key}: {ttl}");
        }
    }
}

#[actix::test]
async fn what_was_trimmed_last_is_not_forgotten_when_the_index_has_lost_a_message() {
    let server = RedisServer::start();
    let mut settings = settings(&server);
    settings.retention.count = 2;
    let mut store = Client::start(settings);
    let pair = between("a", "b");
    let mut positions = Vec::new();
    for id in ["1", "2", "3"] {
        positions.push(store.append(message(&pair, id, "x"), None).await.unwrap().0.0);
    }
    let trimmed = || server.run::<u64>(&["HGET", "dm:state:a:b", "trimmed"]);
    assert_eq!(trimmed(), positions[0]);
    let () = server.run(&["HDEL", "dm:index:a:b", "2"]);
    store.append(message(&pair, "4", "x"), None).await.unwrap();
    assert_eq!(trimmed(), positions[0]);
    store.append(message(&pair, "5", "x"), None).await.unwrap();
    assert_eq!(trimmed(), positions[2]);
}

#[actix::test]
async fn a_replay_keeps_the_order_when_the_index_has_lost_its_neighbours() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    let pair = between("a", "b");
    let past = |second: u64| Position(1_700_000_000_000_000 + second * 1_000_000);
    let retention = Duration::from_secs(50 * 365 * 24 * 3600);
    let mut long = Client::start(RedisSettings {
        retention: aleatoria::store::Retention { age: retention, count: 1000 },
        ..settings(&server)
    });
    for (id, second) in [("1", 10), ("2", 20), ("3", 30)] {
        long.append(message(&pair, id, "x"), Some(past(second))).await.unwrap();
    }
    let () = server.run(&["HDEL", "dm:index:a:b", "1", "3"]);
    for (seen, expected) in [(15, 15), (5, 15), (12, 12), (40, 12)] {
        let append = message(&pair, "2", "x");
        let (position, ..) = store.append(append, Some(past(seen))).await.unwrap();
        assert_eq!(position, past(expected), "{seen}");
    }
}

/// Fills a conversation and lets a store that keeps only ten messages of it do its work once.
async fn surplus(server: &RedisServer, conversation: &Conversation, count: usize) -> Client {
    let mut large = Client::start(settings(server));
    let commands = (0..count)
        .map(|id| large.append_command(message(conversation, &format!("old{id}"), "x"), None));
    let commands: Vec<_> = commands.collect();
    large.send(commands);
    large.collect(count).await;
    let mut settings = settings(server);
    settings.retention.count = 10;
    Client::start(settings)
}

#[actix::test]
async fn one_append_trims_64_messages_at_most() {
    let server = RedisServer::start();
    for (surplus_count, left) in [(63, 10), (64, 10), (65, 11)] {
        for (conversation, messages, index, length) in [
            (in_room("r"), "room:messages:r", "room:index:r", "ZCARD"),
            (between("a", "b"), "dm:a:b", "dm:index:a:b", "LLEN"),
        ] {
            let mut small = surplus(&server, &conversation, surplus_count + 9).await;
            small.append(message(&conversation, "new", "x"), None).await.unwrap();
            for key in [(length, messages), ("HLEN", index)] {
                assert_eq!(server.run::<usize>(&[key.0, key.1]), left, "{surplus_count} {key:?}");
            }
            // The next one takes the rest.
            small.append(message(&conversation, "newer", "x"), None).await.unwrap();
            assert_eq!(server.run::<usize>(&[length, messages]), 10);
        }
        let () = server.run(&["FLUSHALL"]);
    }
}

#[actix::test]
async fn a_purge_takes_256_messages_at_a_time() {
    let server = RedisServer::start();
    for (surplus_count, purges) in [(0, 1), (255, 1), (256, 1), (257, 2), (512, 2), (513, 3)] {
        for (conversation, messages, index, length) in [
            (in_room("r"), "room:messages:r", "room:index:r", "ZCARD"),
            (between("a", "b"), "dm:a:b", "dm:index:a:b", "LLEN"),
        ] {
            let mut small = surplus(&server, &conversation, surplus_count + 10).await;
            small.send(vec![Command::Purge(conversation)]);
            small.settle().await;
            assert_eq!(small.counter("purges"), purges, "{surplus_count}");
            for key in [(length, messages), ("HLEN", index)] {
                assert_eq!(server.run::<usize>(&[key.0, key.1]), 10, "{surplus_count} {key:?}");
            }
        }
        let () = server.run(&["FLUSHALL"]);
    }
}

#[actix::test]
async fn activity_renews_the_expiry() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    for conversation in [in_room("r"), between("a", "b")] {
        // The first message of a second renews; this one is of an earlier second.
        let past = Position(1_700_000_000_000_000);
        store.append(message(&conversation, "1", "x"), Some(past)).await.unwrap();
        for key in server.keys() {
            let () = server.run(&["EXPIRE", &key, "100"]);
        }
        store.append(message(&conversation, "2", "x"), None).await.unwrap();
        for key in server.keys() {
            let ttl: i64 = server.run(&["TTL", &key]);
            assert!(ttl > DAY - 5, "{key}: {ttl}");
        }
        let _: () = server.run(&["FLUSHALL"]);
    }
}

#[actix::test]
async fn every_key_carries_the_prefix() {
    let server = RedisServer::start();
    let settings = RedisSettings { prefix: "app:".into(), ..settings(&server) };
    let mut store = Client::start(settings);
    store.append(message(&in_room("r"), "1", "x"), None).await.unwrap();
    store.append(message(&between("a", "b"), "1", "x"), None).await.unwrap();
    let available = Fact::Available { user: user("ana") };
    store.tell([joined(1, "ana", "r"), available]).await;
    store.probe(false).await.unwrap();
    // Every key of the document is there, and no other.
    let named = |pattern: &str| {
        let parts: Vec<_> = pattern
            .split(':')
            .map(|part| match part {
                "R" => "r",
                "U" => "ana",
                "N" => "n1",
                "A" => "a",
                "B" => "b",
                part => part,
            })
            .collect();
        format!("app:{}", parts.join(":"))
    };
    let mut expected: Vec<_> = KEYS.iter().map(|key| (named(key.pattern), key.kind)).collect();
    expected.sort();
    let found = server.keys().into_iter().map(|key| {
        let kind: String = server.run(&["TYPE", &key]);
        (key, kind)
    });
    let kinds = |kind: &str| if kind == "sorted set" { "zset".to_owned() } else { kind.to_owned() };
    let expected: Vec<_> = expected.into_iter().map(|(key, kind)| (key, kinds(kind))).collect();
    assert_eq!(found.collect::<Vec<_>>(), expected);
    for key in server.keys() {
        let ttl: i64 = server.run(&["TTL", &key]);
        assert!(ttl > 0, "{key} never expires");
    }
}

#[actix::test]
async fn membership_is_shown_while_it_lasts() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    store.tell([joined(1, "ana", "r"), joined(2, "ana", "r"), joined(3, "b|b", "r")]).await;
    assert_eq!(members(&server, "room:members:r"), ["ana", "b|b"]);
    assert_eq!(members(&server, "connections:r"), ["ana|n1|0.1", "ana|n1|0.2", "b%7Cb|n1|0.3"]);
    assert_eq!(members(&server, "user:rooms:ana"), ["r"]);
    let active: Vec<(String, f64)> =
        server.run(&["ZRANGE", "rooms:active", "0", "-1", "WITHSCORES"]);
    let age_ms = {
        let time: Vec<u64> = server.run(&["TIME"]);
        (time[0] * 1000) as f64 - active[0].1
    };
    assert_eq!(active[0].0, "r");
    assert!((-1000.0..60_000.0).contains(&age_ms), "{active:?}");
    for key in server.keys() {
        let ttl: i64 = server.run(&["TTL", &key]);
        assert!((110..=120).contains(&ttl), "{key}: {ttl}");
    }

    store.tell([left(1, "ana", "r", false)]).await;
    assert_eq!(members(&server, "room:members:r"), ["ana", "b|b"]);
    store.tell([left(2, "ana", "r", true), left(3, "b|b", "r", true)]).await;
    assert_eq!(server.keys(), [""; 0]);
}

#[actix::test]
async fn a_room_keeps_the_time_of_its_creation_and_a_registered_one_stays_listed() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    let created = || server.run::<f64>(&["ZSCORE", "rooms:active", "r"]);
    store.tell([joined(1, "ana", "r")]).await;
    let first = created();
    let () = server.run(&["HSET", "room:r", "id", "r"]);
    store.tell([joined(2, "bob", "r"), left(1, "ana", "r", true)]).await;
    assert!((created() - first).abs() < 0.5);
    store.tell([left(2, "bob", "r", true)]).await;
    assert_eq!(server.keys(), ["room:r", "rooms:active"]);
}

#[actix::test]
async fn the_number_of_available_users_is_true_at_all_times() {
    let server = RedisServer::start();
    let mut store = Client::start(settings(&server));
    let count = || server.run::<u64>(&["SCARD", "available:webrtc"]);
    let available = |id: &str| Fact::Available { user: user(id) };
    store.tell([available("ana"), available("bob"), available("ana")]).await;
    assert_eq!(count(), 2);
    store.tell([Fact::Unavailable { user: user("ana") }]).await;
    assert_eq!(count(), 1);
    store.tell([Fact::Unavailable { user: user("bob") }]).await;
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
fn churn_leaves_no_key_behind() {
    let system = actix::System::new();
    let server = RedisServer::start();
    let mut store = system.block_on(async { Client::start(settings(&server)) });
    let config = ProptestConfig { cases: 30, ..ProptestConfig::default() };
    let step = (0..6u64, 0..3usize, any::<bool>());
    let steps = proptest::collection::vec(step, 1..40);
    let store = std::cell::RefCell::new(&mut store);
    let result = TestRunner::new(config).run(&steps, |steps| {
        system.block_on(churn(&mut store.borrow_mut(), &server, &steps));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// Session `n` belongs to user `n % 3`.
async fn churn(store: &mut Client, server: &RedisServer, steps: &[(u64, usize, bool)]) {
    let (users, rooms) = (["ana", "bob", "cem"], ["r", "a:b", "{x}"]);
    let owner = |session: u64| users[usize::try_from(session % 3).unwrap()];
    let mut present = std::collections::BTreeSet::new();
    let leave = |present: &mut std::collections::BTreeSet<(usize, u64)>, (room, session)| {
        present.remove(&(room, session));
        let last = !present.iter().any(|&(it, other)| it == room && owner(other) == owner(session));
        left(session, owner(session), rooms[room], last)
    };
    let mut facts = Vec::new();
    for &(session, room, joins) in steps {
        if joins {
            present.insert((room, session));
            facts.push(joined(session, owner(session), rooms[room]));
        } else if present.contains(&(room, session)) {
            facts.push(leave(&mut present, (room, session)));
        }
    }
    store.tell(facts).await;
    for (place, name) in rooms.iter().enumerate() {
        let encoded = name.replace(':', "%3A").replace('{', "%7B").replace('}', "%7D");
        let inside: std::collections::BTreeSet<_> =
            present.iter().filter(|it| it.0 == place).map(|it| owner(it.1).to_owned()).collect();
        let shown = members(server, &format!("room:members:{encoded}"));
        assert_eq!(shown, inside.into_iter().collect::<Vec<_>>());
        let count: usize = server.run(&["SCARD", &format!("connections:{encoded}")]);
        assert_eq!(count, present.iter().filter(|it| it.0 == place).count());
    }
    let rest: Vec<_> = present.iter().copied().collect();
    let facts: Vec<_> = rest.into_iter().map(|it| leave(&mut present, it)).collect();
    store.tell(facts).await;
    assert_eq!(server.keys(), [""; 0]);
}

#[actix::test]
async fn what_a_node_holds_is_renewed_and_lapses_when_it_is_gone() {
    let server = RedisServer::start();
    let claim_expiry = Duration::from_millis(900);
    let mut store = Client::start(RedisSettings { claim_expiry, ..settings(&server) });
    let held =
        ["available:webrtc", "connections:r", "room:members:r", "rooms:active", "user:rooms:ana"];
    store.tell([joined(1, "ana", "r"), Fact::Available { user: user("ana") }]).await;
    let begun = Instant::now();
    while begun.elapsed() < claim_expiry * 3 {
        assert_eq!(server.keys(), held);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(store.counter("renewals") >= 5);
    drop(store);
    await_keys(&server, &[]).await;
}
