//! Redis is killed, frozen and made read-only under live chat: nothing is late, nothing is lost.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::redis_server::RedisServer;
use crate::server::{PATIENCE, Server};

/// The longest that a message may take to its receiver, whatever Redis does.
const LATEST: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Killed,
    Frozen,
    ReadOnly,
}

impl Trouble {
    fn begin(self, redis: &mut RedisServer) {
        match self {
            Self::Killed => redis.kill(),
            Self::Frozen => redis.stop(),
            // A replica of nobody takes no writes.
            Self::ReadOnly => redis.run(&["REPLICAOF", "127.0.0.1", "1"]),
        }
    }

    fn end(self, redis: &mut RedisServer) {
        match self {
            Self::Killed => redis.restart(),
            Self::Frozen => redis.resume(),
            Self::ReadOnly => redis.run(&["REPLICAOF", "NO", "ONE"]),
        }
    }
}

/// Two members of a room: one writes, the other sees it in time.
struct Chat {
    ana: Client,
    bob: Client,
    sent: Vec<String>,
    /// What the acks of each message said, in order.
    acks: HashMap<String, Vec<String>>,
}

impl Chat {
    fn begin(server: &Server) -> Self {
        let mut ana = server.connect("userId=ana&room=tea&v=2");
        let mut bob = server.connect("userId=bob&room=tea");
        ana.expect("welcome");
        bob.expect_silence();
        Self { ana, bob, sent: Vec::new(), acks: HashMap::new() }
    }

    fn say(&mut self) {
        let id = format!("m{}", self.sent.len());
        let sent = Instant::now();
        self.ana.chat("tea", &id);
        self.sent.push(id.clone());
        assert_eq!(self.bob.expect("chat_message")["messageId"], id.as_str(), "in order, once");
        assert!(sent.elapsed() < LATEST, "{id} took {:?}", sent.elapsed());
        while !self.acks.contains_key(&id) {
            self.take_one();
        }
    }

    fn take_one(&mut self) -> Value {
        let frame = self.ana.next();
        if frame["type"] == "ack" {
            let id = frame["messageId"].as_str().unwrap().to_owned();
            let stored = frame["payload"]["stored"].as_str().unwrap().to_owned();
            self.acks.entry(id).or_default().push(stored);
        }
        frame
    }

    fn wait_for_store(&mut self, state: &str) {
        loop {
            let frame = self.take_one();
            if frame["type"] == "service_state" && frame["payload"]["store"] == state {
                return;
            }
        }
    }

    /// Checks that Redis has every message once and in order, and that each was acknowledged as so.
    fn check(&self, redis: &RedisServer) {
        let stored: Vec<String> = redis.run(&["ZRANGE", "room:messages:tea", "0", "-1"]);
        let stored: Vec<Value> =
            stored.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
        let ids: Vec<&str> = stored.iter().map(|it| it["messageId"].as_str().unwrap()).collect();
        let differs = ids.iter().zip(&self.sent).position(|(stored, sent)| stored != sent);
        assert_eq!((ids.len(), differs), (self.sent.len(), None), "stored, first difference");
        for id in &self.sent {
            let acks: Vec<&str> = self.acks[id].iter().map(String::as_str).collect();
            assert!(matches!(&acks[..], ["redis"] | ["journal", "redis"]), "{id}: {acks:?}");
        }
    }

    fn journalled(&self) -> usize {
        self.acks.values().filter(|acks| acks[0] == "journal").count()
    }
}

#[test]
fn no_message_is_late_or_lost_when_redis_is_killed_frozen_or_read_only() {
    for trouble in [Trouble::Killed, Trouble::Frozen, Trouble::ReadOnly] {
        let mut redis = RedisServer::start_persistent();
        let server =
            Server::start(&[("VALKEY_URL", &redis.url()), ("HISTORY_MAX_MESSAGES", "1000000")]);
        let mut chat = Chat::begin(&server);
        for _ in 0..20 {
            chat.say();
        }
        trouble.begin(&mut redis);
        for _ in 0..300 {
            chat.say();
        }
        assert!(chat.journalled() >= 299, "{trouble:?}: {}", chat.journalled());
        trouble.end(&mut redis);
        chat.wait_for_store("ok");
        for _ in 0..20 {
            chat.say();
        }
        chat.check(&redis);
        let log = server.log();
        let lines = log.iter().filter(|line| line.contains("store")).count();
        assert!((2..=6).contains(&lines), "{trouble:?}: {log:#?}");
    }
}

#[test]
fn a_journal_on_disk_survives_kill_9_of_the_hub_during_the_outage() {
    let mut redis = RedisServer::start_persistent();
    let journal = tempfile::tempdir().unwrap();
    let directory = journal.path().to_str().unwrap();
    let server = Server::start(&[("VALKEY_URL", &redis.url()), ("JOURNAL_DIR", directory)]);
    let mut chat = Chat::begin(&server);
    chat.say();
    redis.kill();
    for _ in 0..50 {
        chat.say();
    }
    let server = server.kill_and_restart();
    // Redis is still away: what the next process takes goes behind what the first one left.
    let Chat { sent, acks, .. } = chat;
    let mut chat = Chat { sent, acks, ..Chat::begin(&server) };
    for _ in 0..50 {
        chat.say();
    }
    redis.restart();
    chat.wait_for_store("ok");
    chat.say();
    // The acks of the first process went to sessions that ended with it.
    for id in &chat.sent[1..51] {
        chat.acks.get_mut(id).unwrap().push("redis".to_owned());
    }
    chat.check(&redis);
}

#[test]
fn redis_comes_and_goes_many_times_under_chat() {
    let mut redis = RedisServer::start_persistent();
    let server =
        Server::start(&[("VALKEY_URL", &redis.url()), ("HISTORY_MAX_MESSAGES", "1000000")]);
    let mut chat = Chat::begin(&server);
    for round in 0..4 {
        let trouble = [Trouble::Frozen, Trouble::Killed][round % 2];
        trouble.begin(&mut redis);
        for _ in 0..30 {
            chat.say();
        }
        trouble.end(&mut redis);
        // Not waiting for its return: messages are sent while the journal is replayed.
        for _ in 0..200 {
            chat.say();
        }
        let begun = Instant::now();
        while !server.get("/ready").1.contains("store: ok") {
            assert!(begun.elapsed() < PATIENCE);
            chat.say();
        }
    }
    // All second acks are on their way by now, ahead of this one.
    chat.say();
    chat.check(&redis);
}

#[test]
fn a_stop_during_an_outage_waits_for_redis_to_take_the_journal() {
    let mut redis = RedisServer::start_persistent();
    let mut server = Server::start(&[("VALKEY_URL", &redis.url())]);
    let mut chat = Chat::begin(&server);
    chat.say();
    redis.kill();
    for _ in 0..20 {
        chat.say();
    }
    server.signal("TERM");
    // Both must answer the close, or the hub waits for them too.
    assert_eq!(u16::from(chat.bob.closed().unwrap().code), 1001);
    assert_eq!(u16::from(chat.ana.closed().unwrap().code), 1001);
    redis.restart();
    assert_eq!(server.wait(), Some(0));
    assert_eq!(redis.run::<usize>(&["ZCARD", "room:messages:tea"]), 21);
    assert_eq!(redis.run::<usize>(&["EXISTS", "room:members:tea", "connections:tea"]), 0);
}

#[test]
fn what_is_lost_at_a_stop_without_redis_is_said() {
    let mut redis = RedisServer::start();
    let mut server = Server::start(&[("VALKEY_URL", &redis.url())]);
    let mut chat = Chat::begin(&server);
    redis.kill();
    for _ in 0..3 {
        chat.say();
    }
    server.signal("TERM");
    chat.bob.closed();
    chat.ana.closed();
    server.wait_for_log("3 messages are not in Redis and end with this process");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn what_a_killed_hub_left_on_disk_is_history_and_is_not_delivered_twice() {
    let mut redis = RedisServer::start_persistent();
    let journal = tempfile::tempdir().unwrap();
    let directory = journal.path().to_str().unwrap();
    let server = Server::start(&[("VALKEY_URL", &redis.url()), ("JOURNAL_DIR", directory)]);
    let mut chat = Chat::begin(&server);
    redis.kill();
    for _ in 0..20 {
        chat.say();
    }
    let server = server.kill_and_restart();
    let Chat { sent, .. } = chat;
    let mut chat = Chat { sent, ..Chat::begin(&server) };

    chat.ana.send(&json!({"type": "get_recent_messages", "room": "tea"}));
    let page = chat.ana.wait_for("recent_messages");
    let shown = page["payload"]["messages"].as_array().unwrap().iter().rev();
    assert!(shown.map(|it| it["messageId"].as_str().unwrap()).eq(&chat.sent), "{page}");
    assert_eq!(page["payload"]["degraded"], true);

    // Its ack was lost with the first process, so the client sends it again.
    chat.ana.chat("tea", "m7");
    let ack = chat.ana.wait_for("ack");
    assert_eq!((&ack["messageId"], &ack["payload"]["stored"]), (&json!("m7"), &json!("journal")));
    chat.say();
    redis.restart();
    chat.wait_for_store("ok");
    chat.say();
    assert_eq!(chat.acks["m7"], ["redis"], "it is told when Redis has it");
    for id in &chat.sent[..20] {
        chat.acks.insert(id.clone(), vec!["journal".to_owned(), "redis".to_owned()]);
    }
    chat.check(&redis);
}

#[test]
fn a_damaged_journal_is_replayed_but_for_the_damage_and_named_in_the_log() {
    let mut redis = RedisServer::start_persistent();
    let journal = tempfile::tempdir().unwrap();
    let directory = journal.path().to_str().unwrap();
    let variables = [("VALKEY_URL", &*redis.url()), ("JOURNAL_DIR", directory)];
    let server = Server::start(&variables);
    let mut chat = Chat::begin(&server);
    redis.kill();
    for _ in 0..50 {
        chat.say();
    }
    drop(server);
    let path = journal.path().join("journal.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    redis.restart();
    let server = Server::start(&variables);
    let line = server.wait_for_log("damaged");
    let original = journal.path().join("journal.damaged");
    assert!(line.contains("49 messages kept") && line.contains(original.to_str().unwrap()));
    assert_eq!(std::fs::read(original).unwrap(), bytes);
    server.wait_for_metric("aleatoria_messages_replayed_total", 49.0);
    let stored: Vec<String> = redis.run(&["ZRANGE", "room:messages:tea", "0", "-1"]);
    assert_eq!(stored.len(), 49);
}
