//! `bench`: shows how a run goes on the standard error and prints what it found.

use std::process::ExitCode;

use crate::bench::{self, Options};

/// Runs a scenario and prints its report. The exit code is 1 when it could not be run, or when
/// messages were lost or duplicated or clients cut off.
#[must_use]
pub fn run_bench(options: &Options) -> ExitCode {
    let report = match bench::run(options, &mut |line| eprintln!("{line}")) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("aleatoria: {error}");
            return ExitCode::FAILURE;
        }
    };
    let text = if options.json {
        serde_json::to_string_pretty(&report).expect("numbers and texts can be written as JSON")
    } else {
        report.to_string()
    };
    super::print(&text);
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
