//! What an operator sees with redis-cli on a live hub.

use std::time::Instant;

use serde_json::{Value, json};

use crate::redis_server::RedisServer;
use crate::server::{PATIENCE, Server};

/// Waits until Redis answers `words` with `wanted`.
#[track_caller]
fn wait_for<T: redis::FromRedisValue + PartialEq + std::fmt::Debug>(
    redis: &RedisServer,
    words: &[&str],
    wanted: &T,
) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer: T = redis.run(words);
        if answer == *wanted {
            return;
        }
        assert!(Instant::now() < end, "{words:?} is {answer:?}, not {wanted:?}");
    }
}

#[test]
fn the_keys_have_their_types_and_expiries_while_clients_chat() {
    let redis = RedisServer::start();
    let server = Server::start(&[("VALKEY_URL", &redis.url()), ("MESSAGE_TTL_HOURS", "2")]);
    let mut ana = server.connect("userId=ana&room=tea&v=2");
    let mut bob = server.connect("userId=bob&room=tea");
    ana.expect("welcome");
    bob.expect_silence();
    ana.chat("tea", "m1");
    assert_eq!(bob.expect("chat_message")["messageId"], "m1");
    ana.expect("chat_message");
    assert_eq!(ana.expect("ack")["payload"]["stored"], "redis");
    bob.send(&json!({"type": "chat_message", "toUser": "ana", "messageId": "d1", "payload": {"content": "x"}}));
    ana.expect("chat_message");
    bob.say(r#"{"type":"user_available_webrtc"}"#);

    wait_for(&redis, &["SCARD", "available:webrtc"], &1);
    wait_for(&redis, &["SCARD", "room:members:tea"], &2);
    for (key, kind, longest) in [
        ("room:messages:tea", "zset", 7200),
        ("room:index:tea", "hash", 7200),
        ("room:state:tea", "hash", 7200),
        ("dm:ana:bob", "list", 7200),
        ("room:members:tea", "set", 120),
        ("connections:tea", "set", 120),
        ("user:rooms:ana", "set", 120),
        ("rooms:active", "zset", 120),
        ("available:webrtc", "set", 120),
    ] {
        assert_eq!(redis.run::<String>(&["TYPE", key]), kind, "{key}");
        let expiry: i64 = redis.run(&["TTL", key]);
        assert!((1..=longest).contains(&expiry), "{key} lapses in {expiry} s");
    }
    assert_eq!(redis.run::<i64>(&["SCARD", "connections:tea"]), 2);
    let stored: Vec<String> = redis.run(&["LRANGE", "dm:ana:bob", "0", "-1"]);
    let stored: Value = serde_json::from_str(&stored[0]).unwrap();
    assert_eq!((&stored["messageId"], &stored["fromUser"]), (&json!("d1"), &json!("bob")));

    drop((ana, bob));
    let memberships = [
        "room:members:tea",
        "connections:tea",
        "user:rooms:ana",
        "rooms:active",
        "available:webrtc",
    ];
    for key in memberships {
        wait_for(&redis, &["EXISTS", key], &0);
    }
    assert_eq!(redis.run::<i64>(&["ZCARD", "room:messages:tea"]), 1);
}

#[test]
fn history_survives_kill_9_of_the_hub_bounded_by_count() {
    let redis = RedisServer::start();
    let server = Server::start(&[("VALKEY_URL", &redis.url()), ("HISTORY_MAX_MESSAGES", "10")]);
    let mut ana = server.connect("userId=ana&room=tea");
    for number in 0..15 {
        ana.chat("tea", &format!("m{number}"));
        ana.expect("chat_message");
    }
    let server = server.kill_and_restart();
    let mut bob = server.connect("userId=bob");
    bob.send(&json!({"type": "get_recent_messages", "room": "tea", "payload": {"limit": 200}}));
    let page = bob.expect("recent_messages");
    let ids: Vec<&str> = page["payload"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["messageId"].as_str().unwrap())
        .collect();
    let newest: Vec<String> = (5..15).rev().map(|number| format!("m{number}")).collect();
    assert_eq!(ids, newest);
    // What was there before the end of the hub is still known by its id.
    bob.say(r#"{"type":"join_room","room":"tea"}"#);
    bob.expect("room_joined");
    bob.chat("tea", "m14");
    bob.expect_silence();
}

#[test]
fn the_health_of_redis_is_told_over_http() {
    let mut redis = RedisServer::start();
    let server = Server::start(&[("VALKEY_URL", &redis.url())]);
    let health = || serde_json::from_str::<Value>(&server.get("/api/v1/health/redis").1).unwrap();
    let well = health();
    assert_eq!(well["status"], "connected");
    assert!(
        well["connectedClients"].as_u64().unwrap() >= 1
            && well["memoryUsage"].as_u64().unwrap() > 0
    );
    assert!(well["latencyMs"].as_f64().unwrap() > 0.0);
    assert_eq!(server.metric("aleatoria_store_up"), 1.0);
    redis.kill();
    server.wait_for_log("Redis is away");
    assert_eq!(health()["status"], "disconnected");
    assert_eq!(server.metric("aleatoria_store_up"), 0.0);
    assert_eq!(server.get("/ready").1, "hub: ok\nstore: degraded\n");
    redis.restart();
    server.wait_for_log("Redis is back");
    assert_eq!(server.metric("aleatoria_store_up"), 1.0);
}

#[test]
fn a_stopped_hub_leaves_no_membership_behind() {
    let redis = RedisServer::start();
    let mut server = Server::start(&[("VALKEY_URL", &redis.url())]);
    let clients: Vec<_> =
        (0..50).map(|number| server.connect(&format!("userId=u{number}&room=r{number}"))).collect();
    wait_for(&redis, &["ZCARD", "rooms:active"], &50);
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || client.closed().map(|close| u16::from(close.code)))
        })
        .collect();
    server.signal("TERM");
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() == Some(1001)));
    assert_eq!(server.wait(), Some(0));
    let left = redis.keys();
    assert!(left.iter().all(|key| key.starts_with("nodes:probe:")), "{left:?}");
}

#[test]
fn without_a_redis_that_is_demanded_the_hub_does_not_start() {
    let mut redis = RedisServer::start();
    redis.kill();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_aleatoria"))
        .env_clear()
        .env("PORT", "0")
        .env("STORAGE_BACKEND", "redis")
        .env("VALKEY_URL", redis.url())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("STORAGE_BACKEND=redis") && log.contains("does not answer"), "{log}");
}

#[test]
fn a_hub_that_starts_before_its_redis_keeps_all_for_it() {
    let mut redis = RedisServer::start();
    redis.kill();
    let server = Server::start(&[("VALKEY_URL", &redis.url())]);
    let mut ana = server.connect("userId=ana&room=tea&v=2");
    let welcome = ana.expect("welcome");
    assert_eq!(welcome["payload"]["serviceState"]["store"], "degraded");
    ana.chat("tea", "m1");
    ana.expect("chat_message");
    assert_eq!(ana.expect("ack")["payload"]["stored"], "journal");
    redis.restart();
    assert_eq!(ana.wait_for("ack")["payload"]["stored"], "redis");
    assert_eq!(ana.wait_for("service_state")["payload"]["store"], "ok");
    assert_eq!(redis.run::<i64>(&["ZCARD", "room:messages:tea"]), 1);
}
