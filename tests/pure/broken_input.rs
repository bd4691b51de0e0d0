//! A million broken frames through the codec and the hub: nothing panics and nothing is left over.

use aleatoria::hub::SessionId;
use aleatoria::protocol::Version;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::world::World;

const FRAMES: usize = 1_000_000;
const THREADS: usize = 4;

const SEEDS: [&str; 16] = [
    r#"{"type":"chat_message","room":"tea","messageId":"m","ref":"r","payload":{"content":"x"}}"#,
    r#"{"type":"chat_message","toUser":"bob","payload":{"content":"","image":"data:,"}}"#,
    r#"{"type":"join_room","room":"coffee"}"#,
    r#"{"type":"leave_room","room":"tea"}"#,
    r#"{"type":"get_rooms"}"#,
    r#"{"type":"get_recent_messages","room":"tea","payload":{"limit":5,"before":"2026-01-01T00:00:00Z"}}"#,
    r#"{"type":"get_direct_messages","payload":{"withUser":"bob","limit":200}}"#,
    r#"{"type":"user_available_webrtc"}"#,
    r#"{"type":"user_unavailable_webrtc"}"#,
    r#"{"type":"request_random_peer","payload":{"currentPeerId":"bob"}}"#,
    r#"{"type":"webrtc_offer","toUser":"bob","payload":{"sdp":"v=0"}}"#,
    r#"{"type":"webrtc_candidate","toUser":"bob","payload":null}"#,
    r#"{"type":"hangup","toUser":"cy"}"#,
    r#"{"type":"ping","ref":"p"}"#,
    r#"{"type":"assign_role","payload":[[[[{"a":1e999}]]]]}"#,
    r#"{"type":"\u0000\ud83d\ude42","room":"\ud800"}"#,
];

const PIECES: [&str; 16] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e400",
    "-0",
    "\u{0}",
    "é🙂",
    "\\ud800",
    "\"room\":1",
    "\"type\":\"ping\"",
];

/// One frame: a good one with some of it changed, doubled, cut or taken from another.
fn frame(random: &mut StdRng) -> String {
    let mut bytes = SEEDS.choose(random).unwrap().as_bytes().to_vec();
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, PIECES.choose(random).unwrap().bytes()).for_each(drop),
            2 => bytes.extend_from_within(at..),
            3 => bytes.extend(SEEDS.choose(random).unwrap().bytes().skip(at)),
            _ if at < bytes.len() => bytes[at] = random.random(),
            _ => bytes.push(random.random()),
        }
    }
    // The transport hands on nothing that is not UTF-8.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends its share of the frames from three sessions that come and go.
fn bombard(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::new();
    let users = ["ana", "bob", "cy"];
    let mut sessions: Vec<SessionId> =
        users.iter().map(|user| world.connect(user, Version::V2)).collect();
    for number in 0..FRAMES / THREADS {
        let place = random.random_range(0..sessions.len());
        world.say(sessions[place], &frame(&mut random));
        if number % 100 == 0 {
            world.clear();
        }
        if number % 1_000 == 0 {
            world.disconnect(sessions[place]);
            let version = if random.random() { Version::V1 } else { Version::V2 };
            sessions[place] = world.connect(users[place], version);
        }
    }
    assert_eq!(world.hub.session_count(), 3, "seed {seed}");
    for session in sessions {
        world.clear();
        world.say(session, r#"{"type":"get_rooms"}"#);
        world.assert_push(session, "rooms_list");
        world.disconnect(session);
    }
    assert_eq!((world.hub.room_count(), world.hub.available_count()), (0, 0), "seed {seed}");
}

#[test]
fn a_million_broken_frames_do_no_harm() {
    std::thread::scope(|scope| {
        for seed in 0..THREADS as u64 {
            scope.spawn(move || bombard(seed));
        }
    });
}
