//! `aleatoria bench`: loads a hub over its wire, and measures what arrives, how late, and at what
//! cost.
//!
//! It knows the protocol as a client does and nothing of the hub. One thread does everything, over
//! non-blocking sockets and with framing of its own: on a small machine the generator shares the
//! cores with the server, and what it uses up is missing there. It prints nothing.
//!
//! To read it: `scenario` has one file per scenario, `traffic` sends and receives chat messages,
//! `tally` counts them, `swarm` holds the connections, `wire` and `stamp` are pure.

mod connection;
mod files;
mod groups;
mod latency;
mod letter;
mod meter;
mod options;
mod pace;
mod report;
mod scenario;
mod stamp;
mod swarm;
mod tally;
mod target;
mod text;
mod traffic;
mod wire;

pub use latency::Percentiles;
pub use meter::Cost;
pub use options::{Options, Scenario};
pub use report::{Chat, Generator, Report};
pub use target::Target;

use std::io;

/// Why a scenario could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The options exclude each other or ask for the impossible.
    #[error("{0}")]
    Options(String),
    /// The system does not let the generator work.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
    /// A client could not be connected.
    #[error("client {number} of {of}: {reason}")]
    Connect {
        /// Which one, from 1.
        number: usize,
        /// How many there were to be.
        of: usize,
        /// What happened, or what the server answered.
        reason: String,
    },
    /// The process named by `--pid` cannot be looked at.
    #[error("--pid {0}: no such process in /proc")]
    NoProcess(u32),
}

/// Runs the scenario, which takes as long as the options say and the time to connect.
/// `progress` is given a line about once a second.
///
/// # Errors
/// See [`BenchError`]. Messages that are lost are no error but in the report.
pub fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Report, BenchError> {
    options.check()?;
    files::allow(options.connections)?;
    scenario::run(options, progress)
}
