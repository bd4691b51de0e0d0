//! The documents say what the code says: tables, links, files, flags and variables.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use aleatoria::config::{Group, VARIABLES, Variable};
use aleatoria::metrics::{Kind, TABLE};
use aleatoria::store::keys::KEYS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every document, by its path from the root.
fn documents() -> Vec<String> {
    let markdown = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).expect("a folder of documents");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
        let names = names.map(|name| Path::new(folder).join(name.expect("UTF-8")));
        names.filter(|name| name.extension().is_some_and(|kind| kind == "md")).collect::<Vec<_>>()
    };
    let found = [markdown(""), markdown("docs")].concat();
    assert!(found.len() >= 6, "{found:?}");
    found.into_iter().map(|path| path.to_str().expect("UTF-8").to_owned()).collect()
}

/// One row of a table; a bar in a cell would end it.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// Several tables stand in one document.
static UPDATING: Mutex<()> = Mutex::new(());

/// Compares what stands in a document between `<!-- NAME -->` and `<!-- end -->` with `table`. After
/// a deliberate change: `UPDATE_DOCUMENTS=1 cargo test`, and read the difference.
#[track_caller]
fn check_table(document: &str, name: &str, table: &str) {
    let text = read(document);
    let begin = format!("<!-- {name} -->\n");
    let (_, rest) = text.split_once(&begin).expect("the table has its mark");
    let (found, _) = rest.split_once("<!-- end -->").expect("the table has an end");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let _alone = UPDATING.lock().expect("no test panics with the lock");
        let text = read(document);
        let (before, rest) = text.split_once(&begin).expect("the table has its mark");
        let (_, after) = rest.split_once("<!-- end -->").expect("the table has an end");
        let fresh = format!("{before}{begin}{table}<!-- end -->{after}");
        return fs::write(root().join(document), fresh).unwrap();
    }
    for (found, expected) in found.lines().zip(table.lines()) {
        assert_eq!(found, expected, "{document}");
    }
    assert_eq!(found.len(), table.len(), "{document}");
}

#[test]
fn setup_lists_every_variable_with_its_default() {
    let mut table = String::new();
    let mut group: Option<Group> = None;
    for variable in VARIABLES {
        if group != Some(variable.group) {
            let gap = if group.is_some() { "\n" } else { "" };
            let title = variable.group.title();
            writeln!(table, "{gap}| {title} | default | |\n|---|---|---|").unwrap();
            group = Some(variable.group);
        }
        let (name, default) = (quoted(variable.name), quoted(variable.default));
        table += &row(&[&name, &default, variable.help]);
    }
    check_table("SETUP.md", "variables", &table);
}

#[test]
fn the_variables_of_redis_are_listed_with_it() {
    let mut table = "| variable | default | |\n|---|---|---|\n".to_owned();
    for variable in VARIABLES.iter().filter(|it| matches!(it.group, Group::Redis | Group::Storage))
    {
        table += &row(&[&quoted(variable.name), &quoted(variable.default), variable.help]);
    }
    check_table("REDIS_INTEGRATION.md", "variables", &table);
}

#[test]
fn every_key_is_listed_with_type_content_and_expiry() {
    let mut table = "| key | type | content | expiry |\n|---|---|---|---|\n".to_owned();
    for key in KEYS {
        table += &row(&[&quoted(key.pattern), key.kind, key.content, key.expiry]);
    }
    check_table("REDIS_INTEGRATION.md", "keys", &table);
}

#[test]
fn every_metric_is_listed() {
    let mut table = "| metric | type | label | |\n|---|---|---|---|\n".to_owned();
    for metric in TABLE {
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        };
        table += &row(&[&quoted(metric.name), kind, &quoted(metric.label), metric.help]);
    }
    check_table("REDIS_INTEGRATION.md", "metrics", &table);
}

/// The anchor that a heading gets: lower case, blanks as hyphens, without punctuation.
fn anchor(heading: &str) -> String {
    let kept =
        |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The lines outside of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = read(&document);
        let folder = Path::new(&document).parent().expect("a file has a folder").to_owned();
        let targets = prose(&text).flat_map(|line| line.split("](").skip(1));
        for target in targets.map(|rest| rest.split(')').next().expect("a first part")) {
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() { document.clone().into() } else { folder.join(path) };
            assert!(root().join(&path).exists(), "{document}: {target}");
            if !fragment.is_empty() {
                let text = read(path.to_str().expect("UTF-8"));
                assert!(anchors(&text).contains(fragment), "{document}: {target}");
            }
        }
    }
    assert!(links > 10, "{links} links");
}

/// The commands of a document's shell blocks, each with the lines that continue it.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```bash\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().expect("a first part"));
    let lines = blocks.flat_map(|block| {
        block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect()
}

/// What a command needs must be there: the file of its words, the flag, the variable.
fn check_command(document: &str, command: &str) {
    const FOLDERS: [&str; 6] = ["scripts", "deploy", "examples", "tests", "web", "docs"];
    const PROGRAMS: [&str; 14] = [
        "aleatoria",
        "cargo",
        "cp",
        "curl",
        "docker",
        "install",
        "journalctl",
        "mkdir",
        "node",
        "npm",
        "redis-cli",
        "scripts/test",
        "systemctl",
        "ulimit",
    ];
    let mut words = command.split_whitespace().peekable();
    while let Some((name, _)) = words.peek().and_then(|word| word.split_once('=')) {
        // PUBLISH is of docker-compose.yml.
        let known = Variable::find(name).is_some() || read("docker-compose.yml").contains(name);
        assert!(known, "{document}: no variable {name} in {command:?}");
        words.next();
    }
    let mut words = words.skip_while(|word| *word == "sudo");
    let program = words.next().expect("a program");
    assert!(PROGRAMS.contains(&program), "{document}: {program:?} in {command:?}");
    let words: Vec<&str> = words.collect();
    for word in words.iter().chain([&program]) {
        let path = PathBuf::from(word);
        let ours = path.iter().next().and_then(|first| first.to_str()).is_some_and(|first| {
            FOLDERS.contains(&first) && word.contains('/') || *word == ".env.example"
        });
        assert!(!ours || root().join(&path).exists(), "{document}: no {word} in {command:?}");
    }
    if program == "aleatoria" {
        let commands = ["serve", "check-config", "doctor", "bench", "--help", "--version"];
        for word in words {
            let name = word.trim_start_matches("--").split('=').next().expect("a first part");
            let flag = VARIABLES.iter().any(|variable| variable.flag() == name);
            let flag = flag && word.starts_with("--");
            assert!(flag || commands.contains(&word), "{document}: {word} in {command:?}");
        }
    }
}

#[test]
fn every_command_names_programs_files_flags_and_variables_that_exist() {
    let mut count = 0;
    for document in documents() {
        for command in commands(&read(&document)) {
            check_command(&document, &command);
            count += 1;
        }
    }
    assert!(count >= 15, "{count} commands");
}

#[test]
fn every_bound_of_the_architecture_is_a_variable_or_a_name_in_the_code() {
    let text = read("docs/ARCHITECTURE.md");
    let section = text.split("## Back-pressure and bounds").nth(1).expect("the section");
    let table = section.split("\n## ").next().expect("a first part");
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let bounds = rows
        .flat_map(|row| row.split(" | ").nth(1))
        .flat_map(|it| it.split('`').skip(1).step_by(2));
    let mut code = String::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                code += &fs::read_to_string(path).expect("UTF-8");
            }
        }
    }
    let names: Vec<&str> = bounds.collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let declared =
            code.contains(&format!("const {name}:")) || code.contains(&format!("pub {name}:"));
        assert!(declared || Variable::find(name).is_some(), "{name}");
    }
}

#[test]
fn the_containers_and_the_unit_set_only_variables_that_exist() {
    for (name, marks) in [
        ("docker-compose.yml", ["      ", ": "]),
        ("Dockerfile", ["ENV ", "="]),
        ("deploy/aleatoria.service", ["Environment=", "="]),
    ] {
        let text = read(name);
        let of_hub = text.split("\n  valkey:").next().expect("a first part");
        let set = of_hub.lines().filter_map(|line| line.strip_prefix(marks[0]));
        let set = set.flat_map(|rest| {
            rest.split(' ').filter_map(|word| word.split(marks[1].trim_end()).next())
        });
        let is_name = |word: &&str| {
            word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let names: Vec<&str> = set.filter(is_name).collect();
        assert!(!names.is_empty(), "{name}");
        for variable in names {
            assert!(Variable::find(variable).is_some(), "{name} sets {variable}");
        }
    }
}
