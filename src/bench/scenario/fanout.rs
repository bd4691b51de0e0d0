//! Messages to rooms: each reaches all members, its sender included.

use super::Bench;
use crate::bench::groups::Groups;
use crate::bench::{BenchError, Report, traffic};

pub fn run(bench: &mut Bench) -> Result<Report, BenchError> {
    let options = bench.options;
    let groups = Groups::new(options.connections, options.rooms, options.senders);
    let name = bench.name.clone();
    let room = |client| format!("{name}-r{}", groups.of(client));
    let connect_seconds = bench.connect(|_, client| Some(room(client)))?;
    let address = |sender| format!(r#""room":"{}""#, room(sender));
    traffic::run(bench, groups, connect_seconds, &address)
}
