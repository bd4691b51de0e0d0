//! Clients that misbehave.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Message;

use crate::server::Server;

#[test]
fn a_client_that_stops_reading_is_cut_off_and_nobody_else_notices() {
    let server =
        Server::start(&[("STORAGE_BACKEND", "memory"), ("MEMORY_STORE_MAX_BYTES", "8MiB")]);
    let mut slow = server.connect("userId=slow&room=tea");
    let (mut ana, mut bob) =
        (server.connect("userId=ana&room=tea"), server.connect("userId=bob&room=tea"));
    for client in [&mut slow, &mut ana, &mut bob] {
        client.expect_silence();
    }
    let before = server.memory();
    // 100 KB a message: 40 MB, at 10 MB/s or faster.
    let frame =
        json!({"type": "chat_message", "room": "tea", "payload": {"content": "x".repeat(100_000)}});
    let began = Instant::now();
    let mut most = before;
    for _ in 0..400 {
        ana.send(&frame);
        ana.expect("chat_message");
        bob.expect("chat_message");
        most = most.max(server.memory());
    }
    let rate = 40.0 / began.elapsed().as_secs_f64();
    assert!(rate > 10.0, "{rate} MB/s is too little to test anything");
    assert!(most - before < 64 << 20, "grew by {} MB", (most - before) >> 20);
    // Forgotten at once: only two are left.
    server.wait_for_metric("aleatoria_connections", 2.0);
    assert_eq!(server.metric("aleatoria_queue_overflows_total"), 1.0);
    // The socket ends, though its client never read.
    let stream = slow.socket.get_mut();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut buffer = vec![0; 1 << 20];
    while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn broken_input_is_answered_or_closed_as_the_protocol_says() {
    let server = Server::start(&[("STORAGE_BACKEND", "memory"), ("MAX_FRAME_BYTES", "1024")]);
    let mut ana = server.connect("userId=ana");
    ana.say("rubbish");
    assert_eq!(ana.expect("error_response")["payload"]["code"], "invalid_frame");
    ana.socket.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(ana.expect("error")["payload"]["code"], "invalid_frame");
    ana.expect_silence();
    ana.say(&"x".repeat(1024));
    ana.expect("error_response");
    ana.say(&"x".repeat(1025));
    assert_eq!(u16::from(ana.closed().unwrap().code), 1009);
}

#[test]
fn what_comes_too_fast_is_dropped_and_told() {
    let server = Server::start(&[
        ("STORAGE_BACKEND", "memory"),
        ("RATE_FRAMES_PER_SEC", "1"),
        ("RATE_BURST", "3"),
    ]);
    let mut ana = server.connect("userId=ana");
    for _ in 0..6 {
        ana.say(r#"{"type":"get_rooms"}"#);
    }
    for _ in 0..3 {
        ana.expect("rooms_list");
    }
    let error = ana.expect("error");
    assert_eq!(error["payload"]["code"], "rate_limited");
    assert!(error["payload"]["retryAfterMs"].as_u64().unwrap() <= 1000);
    server.wait_for_metric("aleatoria_rate_limited_total", 3.0);
}

#[test]
fn a_client_that_vanishes_is_gone_after_the_pong_timeout() {
    let server = Server::start(&[
        ("STORAGE_BACKEND", "memory"),
        ("PING_INTERVAL_SECS", "1"),
        ("PONG_TIMEOUT_SECS", "2"),
    ]);
    // It holds its socket open and never reads nor writes, as one whose network is gone.
    let mut ghost = server.connect("userId=ghost");
    let mut ana = server.connect("userId=ana");
    server.wait_for_metric("aleatoria_connections", 2.0);
    std::thread::scope(|scope| {
        // A client that reads answers pings and stays.
        scope.spawn(|| assert_eq!(u16::from(ana.closed().unwrap().code), 1001));
        server.wait_for_metric("aleatoria_connections", 1.0);
        server.wait_for_metric(r#"aleatoria_closes_total{code="4003"}"#, 1.0);
        server.signal("TERM");
    });
    assert_eq!(u16::from(ghost.closed().unwrap().code), 4003);
}
