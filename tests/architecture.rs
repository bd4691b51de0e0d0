//! The layers hold: the pure ones stay pure, and every arrow points to the left.

use std::fs;
use std::path::{Path, PathBuf};

/// From left to right: each uses only what stands before it.
const LAYERS: [&str; 6] = ["protocol", "hub", "store", "actors", "http", "server"];
/// What the pure layers must not know.
const FOREIGN: [&str; 14] = [
    "actix",
    "redis",
    "tokio",
    "futures",
    "log::",
    "env_logger",
    "rand::",
    "getrandom",
    "Instant",
    "SystemTime",
    "Utc::now",
    "Local::now",
    "std::net",
    "async ",
];

fn sources(layer: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = root.join(layer).with_extension("rs");
    let mut found: Vec<PathBuf> = Vec::from_iter(file.is_file().then_some(file));
    let mut folders: Vec<PathBuf> = Vec::from_iter(Some(root.join(layer)).filter(|it| it.is_dir()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no source of the layer {layer}");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("UTF-8"))).collect()
}

/// The lines of code, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn protocol_and_hub_know_no_actor_store_runtime_clock_or_random_source() {
    for layer in ["protocol", "hub"] {
        for (path, text) in sources(layer) {
            for (number, line) in code(&text) {
                for foreign in FOREIGN {
                    let place = format!("{}:{number}: {line}", path.display());
                    assert!(!uses(line, foreign), "{place}");
                }
            }
        }
    }
}

/// Whether the line uses `foreign` as a path or a word, not as a part of another word.
fn uses(line: &str, foreign: &str) -> bool {
    let foreign_path =
        foreign.chars().next().is_some_and(char::is_lowercase) && !foreign.ends_with([':', ' ']);
    let needle = if foreign_path { format!("{foreign}::") } else { foreign.to_owned() };
    line.match_indices(&needle).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    }) || foreign_path && line.contains(&format!("use {foreign}"))
}

#[test]
fn every_layer_uses_only_what_stands_to_its_left() {
    for (place, layer) in LAYERS.iter().enumerate() {
        for (path, text) in sources(layer) {
            for (number, line) in code(&text) {
                for right in &LAYERS[place + 1..] {
                    let used = line.contains(&format!("crate::{right}"));
                    assert!(!used, "{layer} uses {right}: {}:{number}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn the_check_itself_sees_what_it_looks_for() {
    assert!(uses("use tokio::time;", "tokio"));
    assert!(uses("let now = std::time::Instant::now();", "Instant"));
    assert!(uses("    rand::random()", "rand::"));
    assert!(!uses("let operand = 1;", "rand::"));
    assert!(!uses("Kept::Redis => counts.redis += 1,", "redis"));
}
