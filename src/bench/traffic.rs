//! Sends chat messages, on time or as fast as they come back, and counts what arrives.

use std::time::Duration;

use super::groups::Groups;
use super::latency::Latency;
use super::letter::Letter;
use super::meter::Sample;
use super::pace::{Pace, Ticker};
use super::report::{Chat, Report};
use super::scenario::Bench;
use super::stamp::Stamp;
use super::swarm::Swarm;
use super::tally::Tally;
use super::{BenchError, Options};

/// How long what is on its way may take at the end, counted anew with everything that arrives.
const QUIET: u64 = 2_000_000_000;
/// The longest wait for sockets: how exactly the measured part begins and ends.
const TURN: Duration = Duration::from_millis(5);

/// Runs warm-up, measured part and end with clients that are connected. `address` gives the field
/// of the envelope that says whom the messages of a sender are for.
pub(super) fn run(
    bench: &mut Bench,
    groups: Groups,
    connect_seconds: f64,
    address: &dyn Fn(usize) -> String,
) -> Result<Report, BenchError> {
    let options = bench.options;
    let mut office = Office::new(groups, options, address);
    let start = bench.swarm.now();
    let mut pace = Pace::new(start, options.rate);
    let _ticker = if options.saturate { None } else { Some(ticker(&bench.swarm, options)?) };
    if options.saturate {
        let all = (0..groups.senders()).flat_map(|sender| (0..options.window).map(move |_| sender));
        office.owed.extend(all);
    }

    let warm = start + nanos(options.warmup);
    let before = turns(bench, &mut office, &mut pace, warm)?;
    let end = before.at + nanos(options.seconds);
    office.tally.measure(before.at, end);
    let after = turns(bench, &mut office, &mut pace, end)?;
    finish(bench, &mut office)?;

    let counts = office.tally.counts();
    let mut report = Report::new(bench, connect_seconds, &before, &after, counts.delivered_in_time);
    report.chat = Some(Chat {
        sent: counts.sent,
        expected: counts.expected,
        delivered: counts.delivered,
        lost: counts.missing(),
        duplicated: counts.duplicated,
        strayed: counts.strayed,
        unsent: office.unsent,
        others: office.others,
        deliveries_per_second: counts.delivered_in_time as f64 / after.seconds_since(&before),
        latency_ms: office.tally.latency().percentiles(),
    });
    report.generator.late_ms = (!options.saturate).then(|| office.late.percentiles());
    report.judge();
    Ok(report)
}

fn ticker(swarm: &Swarm, options: &Options) -> Result<Ticker, BenchError> {
    let begin = swarm.began() + Duration::from_nanos(swarm.now());
    let started = swarm.waker().and_then(|waker| Ticker::start(begin, options.rate, waker));
    started.map_err(|error| BenchError::System("starting the ticker", error))
}

/// Sends and receives until `end`, and returns what the processes had used by then.
fn turns(
    bench: &mut Bench,
    office: &mut Office,
    pace: &mut Pace,
    end: u64,
) -> Result<Sample, BenchError> {
    loop {
        let now = bench.swarm.now();
        if !bench.options.saturate {
            // All that was due before the end, however late it is by now.
            while let Some((number, due)) = pace.next(now.min(end)) {
                office.late.record(now - due);
                let sender = (number % office.groups.senders() as u64) as usize;
                office.send(&mut bench.swarm, sender, due);
            }
        }
        if now >= end {
            return Ok(bench.meter.sample(now));
        }
        if bench.options.saturate {
            office.send_owed(&mut bench.swarm);
        }
        let timeout = TURN.min(Duration::from_nanos(end - now));
        office.receive(&mut bench.swarm, timeout)?;
        office.tell(bench);
    }
}

/// Receives what is still on its way.
fn finish(bench: &mut Bench, office: &mut Office) -> Result<(), BenchError> {
    let (mut arrived, mut quiet_since) = (0, bench.swarm.now());
    while office.tally.counts().missing() > 0 {
        let now = bench.swarm.now();
        let delivered = office.tally.counts().delivered;
        if delivered > arrived {
            (arrived, quiet_since) = (delivered, now);
        } else if now - quiet_since > QUIET {
            break;
        }
        office.receive(&mut bench.swarm, TURN)?;
        office.tell(bench);
    }
    Ok(())
}

/// Where messages are written, sent off and taken in.
struct Office {
    groups: Groups,
    /// By sender: its frame but for the stamp.
    letters: Vec<Letter>,
    tally: Tally,
    /// Senders whose message has come back, so that they send the next.
    owed: Vec<usize>,
    /// How much later than intended messages were given to sockets.
    late: Latency,
    unsent: u64,
    /// Text frames that are no messages of a generator: errors, most likely.
    others: u64,
}

impl Office {
    fn new(groups: Groups, options: &Options, address: &dyn Fn(usize) -> String) -> Self {
        let letter = |sender| Letter::new(&address(sender), options.size);
        Self {
            groups,
            letters: (0..groups.senders()).map(letter).collect(),
            tally: Tally::new(groups),
            owed: Vec::new(),
            late: Latency::new(),
            unsent: 0,
            others: 0,
        }
    }

    fn send(&mut self, swarm: &mut Swarm, sender: usize, nanos: u64) {
        let stamp = self.tally.next_stamp(sender, nanos);
        if swarm.send(sender, |out| self.letters[sender].put(stamp, out)) {
            self.tally.sent(sender);
        } else {
            self.unsent += 1;
        }
    }

    fn send_owed(&mut self, swarm: &mut Swarm) {
        let now = swarm.now();
        let mut owed = std::mem::take(&mut self.owed);
        for sender in owed.drain(..) {
            self.send(swarm, sender, now);
        }
        self.owed = owed;
    }

    fn receive(&mut self, swarm: &mut Swarm, timeout: Duration) -> Result<(), BenchError> {
        let Self { tally, owed, others, .. } = self;
        swarm.turn(timeout, &mut |client, text, now| match Stamp::find(text) {
            Some(stamp) => {
                if stamp.sender == client {
                    owed.push(client);
                }
                tally.received(client, stamp, now);
            }
            None => *others += 1,
        })?;
        Ok(())
    }

    fn tell(&self, bench: &mut Bench) {
        let counts = self.tally.counts();
        let missing = counts.missing();
        bench.tell(|| {
            format!("sent {}, delivered {}, on their way {missing}", counts.sent, counts.delivered)
        });
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
