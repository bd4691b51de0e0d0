//! What can be asked of the generator.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::stamp::STAMP_BYTES;
use super::{BenchError, Target};

/// Longest content of a message: a frame of it fits into the read buffer several times.
const SIZE_MAX: usize = 32 * 1024;
/// What a stamp can name.
const CONNECTIONS_MAX: usize = 1 << 24;

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Messages to rooms: each reaches all members, its sender included
    Fanout,
    /// Messages to users, in pairs: each reaches its recipient and its sender
    Direct,
    /// Connections that do nothing: what they cost
    Idle,
}

/// The options of `aleatoria bench`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Options {
    /// The hub; given several times, connections are spread over several nodes
    #[arg(long = "url", value_name = "URL", default_value = "ws://127.0.0.1:8085/ws")]
    pub urls: Vec<Target>,
    /// What the clients do
    #[arg(long, value_enum, default_value_t = Scenario::Fanout)]
    pub scenario: Scenario,
    /// Clients
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub connections: usize,
    /// Rooms, over which the clients are spread evenly
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rooms: usize,
    /// Clients of each room that send (fanout)
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub senders: usize,
    /// Messages per second of all senders together, sent on time whatever the server does
    #[arg(long, value_name = "MSGS_PER_SEC", default_value_t = 100.0, conflicts_with = "saturate")]
    pub rate: f64,
    /// Send the next message when one's own has come back, to find the maximum
    #[arg(long)]
    pub saturate: bool,
    /// Messages of one sender that may be on their way with --saturate
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub window: usize,
    /// Bytes of a message's content
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    /// Seconds that are measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds of the same before that
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub warmup: f64,
    /// Connections opened per second
    #[arg(long, value_name = "CONNECTIONS_PER_SEC", default_value_t = 2000.0)]
    pub ramp: f64,
    /// Process of the server, whose CPU time and memory are read from /proc
    #[arg(long, value_name = "SERVER_PID")]
    pub pid: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// Whether they make sense together.
    pub(super) fn check(&self) -> Result<(), BenchError> {
        let within = |name: &str, value: usize, low: usize, high: usize| {
            let good = (low..=high).contains(&value);
            let error = || BenchError::Options(format!("--{name} must be {low} to {high}"));
            if good { Ok(()) } else { Err(error()) }
        };
        within("connections", self.connections, 1, CONNECTIONS_MAX)?;
        within("rooms", self.rooms, 1, self.connections)?;
        within("senders", self.senders, 1, self.connections / self.rooms)?;
        within("window", self.window, 1, 1 << 20)?;
        within("size", self.size, STAMP_BYTES, SIZE_MAX)?;
        let numbers = [
            ("rate", self.rate, 1e-3, 1e7),
            ("ramp", self.ramp, 1.0, 1e6),
            ("seconds", self.seconds, 0.1, 86_400.0),
            ("warmup", self.warmup, 0.0, 3600.0),
        ];
        for (name, value, low, high) in numbers {
            if !(low..=high).contains(&value) {
                return Err(BenchError::Options(format!("--{name} must be {low} to {high}")));
            }
        }
        if self.scenario == Scenario::Direct && !self.connections.is_multiple_of(2) {
            return Err(BenchError::Options("--connections must be even: clients pair up".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn check(line: &str) -> Result<Options, String> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        let options = Line::try_parse_from(words).map_err(|error| error.to_string())?.options;
        options.check().map(|()| options).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_make_sense() {
        let options = check("").unwrap();
        assert_eq!((options.scenario, options.urls.len()), (Scenario::Fanout, 1));
        assert!(!options.saturate && options.pid.is_none());
    }

    #[test]
    fn bounds_hold_at_n_and_not_beyond() {
        for (good, bad) in [
            ("--connections 10 --rooms 10", "--connections 10 --rooms 11"),
            ("--connections 10 --senders 10", "--connections 10 --senders 11"),
            ("--connections 10 --rooms 2 --senders 5", "--connections 10 --rooms 2 --senders 6"),
            ("--size 29", "--size 28"),
            ("--size 32768", "--size 32769"),
            ("--scenario direct --connections 2", "--scenario direct --connections 3"),
            ("--seconds 0.1", "--seconds 0"),
            ("--rate 1", "--rate NaN"),
            ("--saturate", "--saturate --rate 1"),
        ] {
            assert!(check(good).is_ok(), "{good}: {:?}", check(good));
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_nodes_can_be_named() {
        let options = check("--url ws://127.0.0.1:1/ws --url ws://[::1]:2/ws").unwrap();
        assert_eq!(options.urls.len(), 2);
    }
}
