//! From the arguments to what is to be done.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, FromArgMatches, Subcommand};

use crate::bench;
use crate::config::{self, Loaded, Shown, Texts, VARIABLES, Variable};

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Run the hub.
    Serve(Box<Loaded>),
    /// Show the configuration and try Redis.
    CheckConfig(Box<Loaded>),
    /// Look for what will go wrong on this machine.
    Doctor(Box<Loaded>),
    /// Load a hub and measure it.
    Bench(Box<bench::Options>),
}

/// The commands; without one it is `serve`.
#[derive(Debug, Clone, Subcommand)]
enum Name {
    /// Run the hub (default)
    Serve,
    /// Show each value with its source and try Redis; exit code 1 when Redis is needed and not usable
    CheckConfig,
    /// Look for what will go wrong on this machine, each with its remedy; exit code 1 on a failure
    Doctor,
    /// Load a running hub and measure it: delivery, latency, CPU and memory; exit code 1 on losses
    Bench(Box<bench::Options>),
}

/// Why there is nothing to be done: help was asked for, or the command line or the configuration is
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Stop {
    /// 0 for help and version, 2 for a mistake.
    pub code: u8,
    /// Help, or one line that says what is wrong.
    pub text: String,
}

impl Stop {
    fn mistake(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into() }
    }

    /// Prints it, help to the standard output and a mistake to the standard error.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        if self.code == 0 {
            super::print(&self.text);
        } else {
            eprintln!("aleatoria: {}", self.text);
        }
        ExitCode::from(self.code)
    }
}

/// Reads the command line, the environment and `.env` of the working directory.
///
/// # Errors
/// [`Stop`], to be reported by the caller.
pub fn parse() -> Result<Action, Stop> {
    parse_from(std::env::args_os(), Path::new(""))
}

/// Like [`parse`] with the given arguments (the first is the program) and `.env` of `directory`.
///
/// # Errors
/// [`Stop`], to be reported by the caller.
pub fn parse_from(
    arguments: impl IntoIterator<Item = OsString>,
    directory: &Path,
) -> Result<Action, Stop> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| stop(&error))?;
    let name = match matches.subcommand_name() {
        None => Name::Serve,
        Some(_) => Name::from_arg_matches(&matches).map_err(|error| stop(&error))?,
    };
    // A generator needs no sound configuration of a hub.
    if let Name::Bench(options) = name {
        return Ok(Action::Bench(options));
    }
    let loaded = config::load(flags(&matches), directory)
        .map_err(|error| Stop::mistake(error.to_string()))?;
    let loaded = Box::new(loaded);
    Ok(match name {
        Name::Serve => Action::Serve(loaded),
        Name::CheckConfig => Action::CheckConfig(loaded),
        Name::Doctor => Action::Doctor(loaded),
        Name::Bench(_) => unreachable!("returned above"),
    })
}

/// Only the values: the environment is read by `config`, which tells it apart from `.env`.
fn flags(matches: &ArgMatches) -> Texts {
    VARIABLES
        .iter()
        .filter_map(|variable| {
            let value = matches.get_one::<String>(variable.name)?;
            Some((variable.name.to_owned(), value.clone()))
        })
        .collect()
}

fn command() -> Command {
    let command = Name::augment_subcommands(Command::new("aleatoria"));
    // The derive leaves its own description.
    command
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .long_about(None)
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .after_help(
            "Values are taken from flags, the environment, the file .env of the working \
             directory, and defaults, in this order.",
        )
        .args(VARIABLES.iter().zip(FLAGS.iter()).map(|(variable, long)| flag(variable, long)))
}

/// The flags of all variables in their order; clap keeps names only as long as the program runs.
static FLAGS: LazyLock<Vec<String>> =
    LazyLock::new(|| VARIABLES.iter().map(Variable::flag).collect());

fn flag(variable: &'static Variable, long: &'static str) -> Arg {
    let mut help = format!("{} [env: {}]", variable.help, variable.name);
    if !variable.default.is_empty() {
        help += &format!(" [default: {}]", variable.default);
    }
    let flag = Arg::new(variable.name)
        .long(long)
        .value_name("VALUE")
        .help(help)
        .help_heading(variable.group.title())
        .global(true);
    match variable.shown {
        // With an equals sign only: else `--allow-missing-origin serve` would take the command.
        Shown::Switch => flag.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Shown::Plain | Shown::Secret | Shown::Url => flag,
    }
}

/// The first paragraph of what clap says, in one line; all of it where help was asked for.
fn stop(error: &clap::Error) -> Stop {
    let text = error.to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Stop { code: 0, text: text.trim_end().to_owned() };
    }
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    Stop::mistake(format!("{line} (see --help)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn run(arguments: &[&str]) -> Result<Action, Stop> {
        let directory = tempfile::tempdir().unwrap();
        let arguments = std::iter::once("aleatoria").chain(arguments.iter().copied());
        parse_from(arguments.map(OsString::from), directory.path())
    }

    fn mistake(arguments: &[&str]) -> String {
        let stop = run(arguments).unwrap_err();
        assert_eq!(stop.code, 2, "{stop}");
        assert!(!stop.text.contains('\n'), "{stop}");
        stop.text
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn serve_is_the_default() {
        assert!(matches!(run(&[]), Ok(Action::Serve(_))));
        assert!(matches!(run(&["serve"]), Ok(Action::Serve(_))));
        assert!(matches!(run(&["check-config"]), Ok(Action::CheckConfig(_))));
        assert!(matches!(run(&["doctor"]), Ok(Action::Doctor(_))));
        assert!(matches!(run(&["bench"]), Ok(Action::Bench(_))));
    }

    #[test]
    fn a_bench_needs_no_sound_configuration() {
        let Ok(Action::Bench(options)) = run(&["--port", "x", "bench", "--rooms", "7"]) else {
            panic!("a bench")
        };
        assert_eq!(options.rooms, 7);
        assert!(mistake(&["bench", "--rooms", "x"]).starts_with("invalid value 'x' for '--rooms"));
        assert!(mistake(&["bench", "--saturate", "--rate", "1"]).contains("cannot be used with"));
    }

    #[test]
    fn a_flag_stands_before_or_behind_the_command() {
        for arguments in [
            ["--port", "7", "serve"],
            ["serve", "--port", "7"],
            ["serve", "--port=7", "--valkey-host=b"],
        ] {
            let Ok(Action::Serve(loaded)) = run(&arguments) else { panic!("{arguments:?}") };
            assert_eq!(loaded.config.port, 7);
            assert_eq!(loaded.settings.get("PORT").source, Source::Flag);
        }
    }

    #[test]
    fn every_variable_is_a_flag() {
        for variable in VARIABLES {
            let flag = format!("--{}={}", variable.flag(), variable.default);
            let result = run(&[&flag]);
            assert!(result.is_ok(), "{flag}: {}", result.unwrap_err());
        }
    }

    #[test]
    fn a_switch_needs_no_value_and_takes_no_command() {
        let Ok(Action::Doctor(loaded)) =
            run(&["--allowed-origins", "*", "--allow-missing-origin", "doctor"])
        else {
            panic!("a doctor")
        };
        assert_eq!(loaded.settings.get("ALLOW_MISSING_ORIGIN").text(), Some("true"));
        assert!(run(&["--allow-missing-origin=false"]).is_ok());
    }

    #[test]
    fn a_mistake_is_one_line() {
        assert_eq!(
            mistake(&["--port", "x"]),
            "PORT=x (flag): must be a whole number from 0 to 65535"
        );
        assert!(mistake(&["--porto", "1"]).starts_with("unexpected argument '--porto' found"));
        assert!(mistake(&["fly"]).starts_with("unrecognized subcommand 'fly'"));
        assert!(mistake(&["--port"]).starts_with("a value is required for '--port"));
        let secret = mistake(&["--valkey-password", "hunter2", "--port", "x"]);
        assert!(!secret.contains("hunter2"));
    }

    #[test]
    fn help_and_version_stop_with_zero() {
        for arguments in
            [["--help", ""], ["serve", "--help"], ["check-config", "--help"], ["doctor", "-h"]]
        {
            let arguments: Vec<_> = arguments.into_iter().filter(|text| !text.is_empty()).collect();
            let stop = run(&arguments).unwrap_err();
            assert_eq!(stop.code, 0, "{stop}");
            assert!(!stop.text.contains("without one it is"), "{stop}");
            for variable in VARIABLES {
                assert!(stop.text.contains(&format!("--{}", variable.flag())), "{}", variable.name);
            }
        }
        for arguments in [["--version", ""], ["doctor", "--version"]] {
            let arguments: Vec<_> = arguments.into_iter().filter(|text| !text.is_empty()).collect();
            let stop = run(&arguments).unwrap_err();
            assert_eq!(stop.code, 0);
            assert!(stop.text.contains(env!("CARGO_PKG_VERSION")));
        }
    }
}
