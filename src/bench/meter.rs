//! What server and generator use during a run.

use serde::Serialize;

use super::BenchError;
use crate::usage::Usage;

/// Looks at the generator and, if it is known, at the server.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    server: Option<u32>,
}

/// Both processes at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Nanoseconds since the run began.
    pub at: u64,
    /// The server, if it is known and there.
    pub server: Option<Usage>,
    /// The generator; `None` on systems without `/proc`.
    pub own: Option<Usage>,
}

/// What a server used between two moments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Cores that it kept busy.
    pub cores: f64,
    /// CPU time per delivery in microseconds, in the program and in the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_delivery: Option<f64>,
    /// The part of it in the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_us_per_delivery: Option<f64>,
    /// The part of it in the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_us_per_delivery: Option<f64>,
    /// Resident memory at the end, in units of 1024 bytes.
    pub resident_kb: u64,
}

impl Meter {
    /// A meter for the server with this process id.
    pub fn new(server: Option<u32>) -> Result<Self, BenchError> {
        match server {
            Some(pid) if Usage::of(&pid.to_string()).is_none() => Err(BenchError::NoProcess(pid)),
            server => Ok(Self { server }),
        }
    }

    /// Looks at both processes.
    pub fn sample(&self, at: u64) -> Sample {
        let server = self.server.and_then(|pid| Usage::of(&pid.to_string()));
        Sample { at, server, own: Usage::of("self") }
    }
}

impl Sample {
    /// Seconds from `before` to this one.
    pub fn seconds_since(&self, before: &Self) -> f64 {
        (self.at - before.at) as f64 / 1e9
    }

    /// Cores that the generator kept busy since `before`.
    pub fn own_cores_since(&self, before: &Self) -> Option<f64> {
        let seconds = self.own?.cpu_seconds() - before.own?.cpu_seconds();
        Some(seconds / self.seconds_since(before))
    }

    /// What the server used since `before`, in which time it made `deliveries`.
    pub fn server_cost_since(&self, before: &Self, deliveries: u64) -> Option<Cost> {
        let (before_server, server) = (before.server?, self.server?);
        let user = server.user_seconds - before_server.user_seconds;
        let system = server.system_seconds - before_server.system_seconds;
        let each = |seconds: f64| (deliveries > 0).then(|| seconds * 1e6 / deliveries as f64);
        Some(Cost {
            cores: (user + system) / self.seconds_since(before),
            cpu_us_per_delivery: each(user + system),
            user_us_per_delivery: each(user),
            system_us_per_delivery: each(system),
            resident_kb: server.resident_kb,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64, user: f64, system: f64) -> Sample {
        let usage = Usage { user_seconds: user, system_seconds: system, resident_kb: 7 };
        Sample { at, server: Some(usage), own: Some(usage) }
    }

    #[test]
    fn cost_is_the_difference_by_deliveries() {
        let (before, after) = (sample(0, 1.0, 2.0), sample(2_000_000_000, 2.0, 2.5));
        let cost = after.server_cost_since(&before, 1_000_000).unwrap();
        assert_eq!((cost.cores, cost.cpu_us_per_delivery), (0.75, Some(1.5)));
        assert_eq!(
            (cost.user_us_per_delivery, cost.system_us_per_delivery),
            (Some(1.0), Some(0.5))
        );
        assert_eq!(after.server_cost_since(&before, 0).unwrap().cpu_us_per_delivery, None);
        assert_eq!(after.own_cores_since(&before), Some(0.75));
    }

    #[test]
    fn a_process_that_is_not_there_is_told() {
        assert!(matches!(Meter::new(Some(u32::MAX)), Err(BenchError::NoProcess(u32::MAX))));
        assert!(Meter::new(None).is_ok());
    }
}
