//! Messages to users. Clients come in pairs, the first half writes to the second, and each message
//! reaches its recipient and, as the protocol has it, its sender.

use super::Bench;
use crate::bench::groups::Groups;
use crate::bench::{BenchError, Report, traffic};

pub fn run(bench: &mut Bench) -> Result<Report, BenchError> {
    let pairs = bench.options.connections / 2;
    let groups = Groups::new(bench.options.connections, pairs, 1);
    let connect_seconds = bench.connect(|_, _| None)?;
    let recipients: Vec<String> = (0..pairs).map(|sender| bench.user(sender + pairs)).collect();
    let address = |sender: usize| format!(r#""toUser":"{}""#, recipients[sender]);
    traffic::run(bench, groups, connect_seconds, &address)
}
