//! Connections that do nothing but answer pings: what they cost.

use std::time::Duration;

use super::Bench;
use crate::bench::report::{Idle, Report};
use crate::bench::{BenchError, groups::Groups};

pub fn run(bench: &mut Bench) -> Result<Report, BenchError> {
    let options = bench.options;
    let groups = Groups::new(options.connections, options.rooms, 1);
    let name = bench.name.clone();
    let empty = bench.meter.sample(bench.swarm.now());
    let connect_seconds =
        bench.connect(|_, client| Some(format!("{name}-r{}", groups.of(client))))?;
    wait(bench, options.warmup)?;
    let before = bench.meter.sample(bench.swarm.now());
    wait(bench, options.seconds)?;
    let after = bench.meter.sample(bench.swarm.now());
    let resident = empty.server.zip(after.server);
    let per_connection = resident.map(|(empty, full)| {
        (full.resident_kb as f64 - empty.resident_kb as f64) / options.connections as f64
    });
    let mut report = Report::new(bench, connect_seconds, &before, &after, 0);
    report.idle = Some(Idle { resident_kb_per_connection: per_connection });
    Ok(report)
}

fn wait(bench: &mut Bench, seconds: f64) -> Result<(), BenchError> {
    let end = bench.swarm.now() + (seconds * 1e9) as u64;
    while bench.swarm.now() < end {
        let left = Duration::from_nanos(end.saturating_sub(bench.swarm.now()));
        bench.swarm.turn(left.min(Duration::from_secs(1)), &mut |_, _, _| {})?;
        let gone = bench.swarm.counts().closed;
        bench.tell(|| format!("waiting, {gone} connections are gone"));
    }
    Ok(())
}
