//! The commands for operators in REDIS_INTEGRATION.md, run as written on a live hub.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::redis_server::RedisServer;
use crate::server::{PATIENCE, Server};

/// What each command answers in the scene below; in the order of the document.
fn expected(command: &str) -> fn(&str) -> bool {
    match command {
        "redis-cli ZCARD room:messages:lobby" => |answer| answer == "3",
        "redis-cli TTL room:messages:lobby" => {
            |answer| (1..=24 * 3600).contains(&answer.parse::<u32>().unwrap_or_default())
        }
        "redis-cli ZREVRANGE room:messages:lobby 0 0" => {
            |answer| answer.contains(r#""fromUser":"alice""#) && answer.contains("third")
        }
        "redis-cli SMEMBERS room:members:lobby" => |answer| answer == "alice\nbob",
        "redis-cli SCARD room:members:lobby" => |answer| answer == "2",
        "redis-cli SCARD connections:lobby" => |answer| answer == "3",
        "redis-cli ZREVRANGE rooms:active 0 -1 WITHSCORES" => {
            |answer| answer.lines().count() == 2 && answer.lines().any(|line| line == "lobby")
        }
        "redis-cli SMEMBERS user:rooms:alice" => |answer| answer == "lobby",
        "redis-cli LRANGE dm:alice:bob 0 -1" => {
            |answer| answer.lines().count() == 1 && answer.contains("psst")
        }
        "redis-cli SCARD available:webrtc" => |answer| answer == "1",
        "redis-cli INFO memory" => |answer| answer.contains("used_memory:"),
        "redis-cli MEMORY USAGE room:messages:lobby" => |answer| answer.parse::<u32>().is_ok(),
        other => panic!("no answer is known to {other:?}"),
    }
}

fn commands() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("REDIS_INTEGRATION.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let section = text.split("## Look at a live hub").nth(1).expect("the section");
    let block = section.split("```bash\n").nth(1).expect("a block").split("```").next();
    let lines = block.expect("a first part").lines().filter(|line| line.starts_with("redis-cli "));
    lines.map(str::to_owned).collect()
}

/// Runs a command as the shell does, on the port of a private server.
fn run(command: &str, redis: &RedisServer) -> String {
    let words = command.split(' ').skip(1);
    let port = redis.port().to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(words).output();
    let output = output.expect("redis-cli is installed");
    assert!(output.status.success(), "{command}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    if command.contains("SMEMBERS") {
        lines.sort_unstable();
    }
    lines.join("\n")
}

#[test]
fn every_command_for_operators_tells_what_the_document_says() {
    let redis = RedisServer::start();
    let server = Server::start(&[("VALKEY_URL", &redis.url())]);
    let mut alice = server.connect("userId=alice&room=lobby&v=2");
    let _tab = server.connect("userId=alice&room=lobby");
    let _bob = server.connect("userId=bob&room=lobby");
    for id in ["first", "second", "third"] {
        alice.chat("lobby", id);
        assert_eq!(alice.wait_for("ack")["payload"]["stored"], "redis");
    }
    alice.send(&json!({"type": "chat_message", "toUser": "bob", "payload": {"content": "psst"}}));
    alice.wait_for("ack");
    alice.say(r#"{"type":"user_available_webrtc"}"#);
    alice.wait_for("availability");
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    let begun = Instant::now();
    for command in &commands {
        let is_expected = expected(command);
        // Who is where reaches Redis behind the clients' backs.
        loop {
            let answer = run(command, &redis);
            if is_expected(&answer) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{command}: {answer}");
        }
    }
}
