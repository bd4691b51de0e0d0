//! One file per scenario, and what all of them begin with: clients that come at an even pace.

mod direct;
mod fanout;
mod idle;

use std::time::Duration;

use super::meter::Meter;
use super::pace::Pace;
use super::swarm::Swarm;
use super::{BenchError, Options, Report, Scenario};

/// Clients that may be connecting at the same time: more would only queue in the kernel.
const CONNECTING_MAX: usize = 256;
/// Nobody being let in for so long ends the run.
const STALLED: u64 = 10_000_000_000;

/// A run that has begun.
pub(super) struct Bench<'a> {
    pub options: &'a Options,
    pub swarm: Swarm,
    pub meter: Meter,
    /// What the users and rooms of this run are called first: others may run at the same time.
    pub name: String,
    progress: &'a mut dyn FnMut(&str),
    told: u64,
}

/// Runs the scenario that the options name.
pub(super) fn run(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Report, BenchError> {
    let mut bench = Bench {
        options,
        swarm: Swarm::new()?,
        meter: Meter::new(options.pid)?,
        name: format!("bench-{}", std::process::id()),
        progress,
        told: 0,
    };
    match options.scenario {
        Scenario::Fanout => fanout::run(&mut bench),
        Scenario::Direct => direct::run(&mut bench),
        Scenario::Idle => idle::run(&mut bench),
    }
}

impl Bench<'_> {
    /// The user whom client `number` logs in as.
    pub fn user(&self, number: usize) -> String {
        format!("{}-u{number}", self.name)
    }

    /// Opens all connections and waits until the server has let each in; returns the seconds that
    /// took. `room` is the room of a client, `None` for the server's default.
    pub fn connect(
        &mut self,
        room: impl Fn(&Self, usize) -> Option<String>,
    ) -> Result<f64, BenchError> {
        let wanted = self.options.connections;
        let begin = self.swarm.now();
        let mut pace = Pace::new(begin, self.options.ramp);
        let (mut let_in, mut moved) = (0, begin);
        while self.swarm.counts().let_in < wanted {
            while self.swarm.len() < wanted
                && self.swarm.len() - self.swarm.counts().let_in < CONNECTING_MAX
                && pace.next(self.swarm.now()).is_some()
            {
                let number = self.swarm.len();
                let room = room(self, number).map_or(String::new(), |room| format!("&room={room}"));
                let query = format!("userId={}{room}", self.user(number));
                let target = &self.options.urls[number % self.options.urls.len()];
                let connected = self.swarm.connect(target, &query);
                connected.map_err(|error| refused(number, wanted, error.to_string()))?;
            }
            self.swarm.turn(Duration::from_millis(1), &mut |_, _, _| {})?;
            if let Some((number, reason)) = self.swarm.first_fault() {
                return Err(refused(*number, wanted, reason.clone()));
            }
            let now = self.swarm.now();
            if self.swarm.counts().let_in > let_in {
                (let_in, moved) = (self.swarm.counts().let_in, now);
            } else if now - moved > STALLED {
                return Err(refused(let_in, wanted, "no answer for 10 s".to_owned()));
            }
            self.tell(|| format!("connected {let_in} of {wanted}"));
        }
        Ok((self.swarm.now() - begin) as f64 / 1e9)
    }

    /// Tells how far the run is, once a second.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.swarm.now();
        if now - self.told >= 1_000_000_000 {
            self.told = now;
            (self.progress)(&format!("{:5.1} s: {}", now as f64 / 1e9, line()));
        }
    }
}

fn refused(number: usize, of: usize, reason: String) -> BenchError {
    BenchError::Connect { number: number + 1, of, reason }
}
