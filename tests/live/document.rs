//! The dialogues of docs/PROTOCOL.md, played by plain clients over real sockets.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::client::Client;
use crate::server::Server;

/// What differs from one run to the next.
const VARIABLE: [&str; 5] = ["createTime", "sessionId", "node", "position", "since"];

/// Blanks what differs, so that two runs compare equal.
fn masked(frame: &mut Value) {
    match frame {
        Value::Object(fields) => {
            for (name, value) in fields {
                if VARIABLE.contains(&name.as_str()) {
                    *value = "*".into();
                } else if name == "messageId"
                    && value.as_str().is_some_and(|id| id.starts_with("err-"))
                {
                    *value = "err-*".into();
                } else {
                    masked(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(masked),
        _ => {}
    }
}

fn parsed(text: &str) -> Value {
    let mut frame = serde_json::from_str(text).expect("a frame of the server");
    masked(&mut frame);
    frame
}

/// Plays one dialogue on a fresh server.
fn play(server: &Server, dialogue: &str) {
    let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
    for line in dialogue.lines() {
        let (name, rest) = line.split_once(' ').expect("NAME and what happens");
        if let Some(options) = rest.strip_prefix("connects") {
            let query = options.trim().replace(' ', "&");
            clients.insert(name, server.connect(&format!("userId={name}&{query}")));
        } else if let Some(frame) = rest.strip_prefix("> ") {
            // Everybody is in before anything is said.
            clients.get_mut(name).expect("connected").say(frame);
        } else {
            let expected = parsed(rest.strip_prefix("< ").expect("NAME < FRAME"));
            let received = parsed(&clients.get_mut(name).expect("connected").text());
            assert_eq!(received, expected, "in:\n{dialogue}");
        }
    }
    for client in clients.values_mut() {
        client.expect_silence();
    }
}

#[test]
fn every_dialogue_holds_over_real_sockets() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROTOCOL.md");
    let document = std::fs::read_to_string(path).expect("the document is there");
    let blocks = document.split("```dialogue\n").skip(1);
    let dialogues: Vec<&str> = blocks.map(|it| it.split("```").next().unwrap()).collect();
    assert!(dialogues.len() >= 8);
    // A page before a fixed time in the past is empty today.
    for dialogue in dialogues.iter().filter(|it| !it.contains("\"before\":")) {
        let server = Server::start(&[
            ("STORAGE_BACKEND", "memory"),
            ("RATE_FRAMES_PER_SEC", "50"),
            ("WORKERS", "1"),
        ]);
        play(&server, dialogue);
    }
}
