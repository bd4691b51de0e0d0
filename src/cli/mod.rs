//! The command line: what is asked for, and the commands that only look and tell.
//!
//! Nothing else in the program prints.

mod args;
mod bench;
mod check_config;
mod doctor;
mod probe;

pub use args::{Action, Stop, parse, parse_from};
pub use bench::run_bench;
pub use check_config::{Checked, check_config, run_check_config};
pub use doctor::{Finding, Verdict, examine, run_doctor};
pub use probe::{Facts, Persistence, ProbeError, probe};

/// Writes a line to the standard output. A reader who went away (`| head`) is no failure.
fn print(text: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stdout(), "{text}"));
}
