//! docs/PROTOCOL.md is true: its dialogues are played and compared whole, its tables are the code's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use aleatoria::hub::SessionId;
use aleatoria::protocol::{CloseCode, ErrorCode, FrameKind, Limits, Version};

use crate::world::World;

fn document() -> String {
    std::fs::read_to_string(path()).expect("the document is there")
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROTOCOL.md")
}

/// Plays the lines of one dialogue and writes it with what was really received.
fn play(dialogue: &str) -> String {
    let mut world = World::with(Limits::default());
    let mut sessions: BTreeMap<&str, SessionId> = BTreeMap::new();
    let mut written = String::new();
    for line in dialogue.lines().filter(|line| !line.contains(" < ")) {
        world.pass(Duration::from_secs(1));
        writeln!(written, "{line}").unwrap();
        let (name, rest) = line.split_once(' ').expect("NAME connects, or NAME > FRAME");
        if let Some(options) = rest.strip_prefix("connects") {
            let version = if options.contains("v=2") { Version::V2 } else { Version::V1 };
            let room = options.split_once("room=").map(|it| it.1.trim());
            sessions.insert(name, world.connect_to(name, version, room));
        } else {
            let frame = rest.strip_prefix("> ").expect("NAME > FRAME");
            world.say(sessions[name], frame);
        }
        for (name, session) in &sessions {
            while let Some(received) = world.next_text(*session) {
                writeln!(written, "{name} < {received}").unwrap();
            }
        }
    }
    written
}

#[test]
fn every_dialogue_of_the_document_is_what_the_hub_says() {
    let document = document();
    let mut rest = document.as_str();
    let (mut played, mut count) = (String::new(), 0);
    while let Some((before, after)) = rest.split_once("```dialogue\n") {
        let (dialogue, after) = after.split_once("```\n").expect("a closed block");
        played += &format!("{before}```dialogue\n{}```\n", play(dialogue));
        rest = after;
        count += 1;
    }
    played += rest;
    assert!(count >= 8, "{count} dialogues");
    // After a deliberate change: UPDATE_DOCUMENTS=1 cargo test, and read the difference.
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(path(), &played).unwrap();
    }
    for (line, played) in document.lines().zip(played.lines()) {
        assert_eq!(line, played);
    }
    assert_eq!(document.len(), played.len());
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

#[test]
fn the_document_lists_every_error_code_and_no_other() {
    let document = document();
    for code in ErrorCode::ALL {
        let retryable = if code.retryable() { "yes" } else { "no" };
        let row = row(&[&format!("`{}`", code.name()), retryable]);
        assert!(document.contains(row.trim_end_matches(" |")), "{row}");
    }
    let listed =
        document.lines().filter(|line| line.starts_with("| `") && line.contains("` | ")).count();
    let parameters = 3;
    assert_eq!(listed, ErrorCode::ALL.len() + parameters);
}

#[test]
fn the_document_lists_every_close_code_and_no_other() {
    let document = document();
    for code in CloseCode::ALL {
        let row = row(&[&code.number().to_string(), code.reason()]);
        assert!(document.contains(row.trim_end_matches(" |")), "{row}");
    }
    let numbered =
        |line: &&str| line.strip_prefix("| ").is_some_and(|it| it.starts_with(char::is_numeric));
    assert_eq!(document.lines().filter(numbered).count(), CloseCode::ALL.len());
}

#[test]
fn the_document_names_every_frame_of_the_server() {
    let document = document();
    for kind in FrameKind::ALL {
        assert!(document.contains(kind.name()), "{}", kind.name());
    }
}
