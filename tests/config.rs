//! The files beside the code say what the code says.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use aleatoria::config::{self, Inputs, Source, Texts, VARIABLES};

/// `.env.example` as the table of variables has it: a comment of one line and a default each.
fn example() -> String {
    let mut text = String::from(
        "# Copy this to .env in the directory where aleatoria runs. What is empty counts as not said;\n\
         # flags and the environment count more than this file.\n",
    );
    let mut group = None;
    for variable in VARIABLES {
        if group != Some(variable.group) {
            write!(text, "\n## {}\n\n", variable.group.title()).unwrap();
            group = Some(variable.group);
        }
        writeln!(text, "# {}.", variable.help).unwrap();
        writeln!(text, "{}={}", variable.name, variable.default).unwrap();
    }
    text
}

#[test]
fn the_example_lists_exactly_the_variables_that_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let text = fs::read_to_string(&path).unwrap();
    let expected = example();
    if text != expected {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("env.example");
        fs::write(&fresh, expected).unwrap();
        panic!("{} is out of date: cp {} over it", path.display(), fresh.display());
    }
}

#[test]
fn a_copy_of_the_example_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(".env"), example()).unwrap();
    let copied = config::load(Texts::new(), directory.path()).unwrap();
    for setting in copied.settings.iter() {
        assert_eq!(setting.text().unwrap_or_default(), setting.variable.default);
    }
    assert_eq!(copied.warnings, [""; 0]);
}

#[test]
fn the_source_of_each_value_is_known() {
    let said = |value: &str| Texts::from([("PORT".to_owned(), value.to_owned())]);
    let inputs = Inputs { flags: said("1"), environment: said("2"), file: said("3") };
    let loaded = config::understand(&inputs).unwrap();
    assert_eq!(loaded.config.port, 1);
    assert_eq!(loaded.settings.get("PORT").source, Source::Flag);
    assert_eq!(loaded.settings.get("HOST").source, Source::Default);
}
