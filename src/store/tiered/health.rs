//! Whether Redis is well: the circuit breaker, the probes, and the replay of the journal.
//!
//! One failure opens it: the message that failed must be journalled, and so must every later one
//! until that one is replayed, or they would overtake it.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;

use super::{DELIVERY_DEADLINE, Notice, REMINDER_INTERVAL, Tiered, Turn};
use crate::hub::{Health, Input, Now};
use crate::protocol::Position;
use crate::store::{Command, Entry, Fault, Probe, Ticket};

/// Time between probes while Redis is well, so that its loss is noticed without traffic too.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a probe of a Redis that is well may take before it counts as lost.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// A probe without an answer for so long is lost: longer than dialling and asking may take together.
const PROBE_LOST: Duration = Duration::from_secs(15);
/// Time to the first probe after a failure; doubled with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest time between two probes of a Redis that is away.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Journalled messages on their way to Redis at once.
const REPLAY_BATCH: usize = 256;
/// Bytes of them, but for one message alone; far below what may wait for Redis.
const REPLAY_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// An outage that begins so soon after the last one is a relapse.
const RELAPSE_WITHIN: Duration = Duration::from_secs(60);
/// How long Redis must be well before it is trusted again after the first relapse; doubled with each
/// further one. A Redis that comes and goes would otherwise fill the log and toss clients about.
const TRIAL_MIN: Duration = Duration::from_secs(1);
/// The longest such trial.
const TRIAL_MAX: Duration = Duration::from_secs(30);

/// How often Redis has relapsed of late.
#[derive(Debug, Default)]
pub(super) struct Relapses {
    count: u32,
    restored: Option<Duration>,
}

impl Relapses {
    /// Counts an outage that begins now and gives the time for which Redis must be well to end it.
    fn begin(&mut self, now: Duration) -> Duration {
        let relapsed = self.restored.is_some_and(|restored| now < restored + RELAPSE_WITHIN);
        self.count = if relapsed { self.count + 1 } else { 0 };
        match self.count {
            0 => Duration::ZERO,
            count => TRIAL_MIN.saturating_mul(1 << (count - 1).min(10)).min(TRIAL_MAX),
        }
    }
}

/// A probe that is on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probing {
    /// Whether it takes off the latch of a failure that was seen.
    resume: bool,
    since: Duration,
}

/// A time without Redis.
#[derive(Debug)]
pub(super) struct Outage {
    reason: String,
    since: Duration,
    backoff: Duration,
    /// How long Redis must be well before it is trusted, and since when it is.
    trial: Duration,
    well_since: Option<Duration>,
    reminder_due: Duration,
    /// Whether the change was written to the log and told to the hub.
    told: bool,
    /// Whether nobody asked for this Redis: until it first answers, memory is the store.
    pub(super) quiet: bool,
    replayed: u64,
    refused_before: u64,
    /// How long Redis took for the last probe, if a delivery cannot wait for so long: it works, and
    /// what is written here goes there, but it is not well.
    slow: Option<Duration>,
    /// The first messages of the journal, on their way to Redis.
    replaying: VecDeque<Ticket>,
}

impl Outage {
    /// An outage that was there before the process.
    pub(super) fn at_start(reason: String, quiet: bool) -> Self {
        Self { quiet, ..Self::new(reason, Duration::ZERO, 0) }
    }

    /// No outage, but the journal of an earlier process comes first: the log and the hub hear only
    /// that it is replayed.
    pub(super) fn replay_at_start() -> Self {
        Self { told: true, ..Self::new("the journal is replayed".to_owned(), Duration::ZERO, 0) }
    }

    fn new(reason: String, since: Duration, refused_before: u64) -> Self {
        Self {
            reason,
            since,
            backoff: BACKOFF_MIN,
            trial: Duration::ZERO,
            well_since: None,
            reminder_due: since + REMINDER_INTERVAL,
            told: false,
            quiet: false,
            replayed: 0,
            refused_before,
            slow: None,
            replaying: VecDeque::new(),
        }
    }
}

impl Tiered {
    /// Notes that Redis failed: from now on messages are kept here.
    pub(super) fn lose_redis(&mut self, now: Now, reason: String, turn: &mut Turn) {
        if let Some(outage) = &mut self.outage {
            outage.reason = reason;
            return;
        }
        let trial = self.relapses.begin(now.elapsed);
        let outage = Outage::new(reason, now.elapsed, self.counts.journal_refused);
        self.outage = Some(Outage { trial, ..outage });
        self.probe_due = now.elapsed + jittered(BACKOFF_MIN);
        self.tell_outage(turn);
        self.keep_facts_back();
        self.keep_pending_here(now, turn);
        self.answer_reads_here(now, turn);
    }

    /// Writes the loss of Redis to the log and tells the hub, once.
    fn tell_outage(&mut self, turn: &mut Turn) {
        let Some(outage) = self.outage.as_mut().filter(|it| !it.told && !it.quiet) else {
            return;
        };
        outage.told = true;
        self.counts.outages += 1;
        turn.notices.push(Notice::Degraded { reason: outage.reason.clone() });
        turn.inputs.push(Input::StoreHealth(Health::Degraded));
    }

    /// Sends a probe when one is due.
    pub(super) fn check_probe(&mut self, now: Now, turn: &mut Turn) {
        self.tell_outage(turn);
        if self.outage.is_none()
            && self.probing.is_some_and(|probe| now.elapsed >= probe.since + PROBE_PATIENCE)
        {
            let reason = format!("no answer within {} s", PROBE_PATIENCE.as_secs());
            self.lose_redis(now, reason, turn);
        }
        if self.probing.is_some_and(|probe| now.elapsed >= probe.since + PROBE_LOST) {
            self.probing = None;
        }
        if self.probing.is_some() || self.is_replaying() || now.elapsed < self.probe_due {
            return;
        }
        let resume = self.outage.is_some();
        self.probing = Some(Probing { resume, since: now.elapsed });
        turn.commands.push(Command::Probe { resume });
    }

    /// Whether the first messages of the journal are on their way to Redis.
    pub(super) fn is_replaying(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| !outage.replaying.is_empty())
    }

    pub(super) fn probe_answered(
        &mut self,
        now: Now,
        result: Result<Probe, Fault>,
        turn: &mut Turn,
    ) {
        let resumed = self.probing.take().is_some_and(|probe| probe.resume);
        match (result, self.outage.is_some()) {
            (Ok(probe), false) => {
                self.probe_due = now.elapsed + PROBE_INTERVAL;
                if probe.forgot {
                    turn.notices.push(Notice::Forgotten);
                    turn.inputs.push(Input::TellFacts);
                }
            }
            (Ok(probe), true) if resumed => {
                if let Some(outage) = &mut self.outage {
                    // Where nobody asked for it, its first answer makes it the store.
                    let is_slow = probe.latency > DELIVERY_DEADLINE && !outage.quiet;
                    outage.slow = is_slow.then_some(probe.latency);
                }
                self.replay(now, turn);
            }
            // It was sent while all was well and says nothing of the time since.
            (Ok(_), true) => {}
            (Err(fault), false) => self.lose_redis(now, fault.to_string(), turn),
            (Err(fault), true) => self.back_off(now, fault.to_string()),
        }
    }

    /// Ends an outage as soon as it can be ended: the hub is stopping, and what is not in Redis by
    /// then may be lost.
    pub fn hurry(&mut self, now: Now) {
        if let Some(outage) = &mut self.outage {
            outage.trial = Duration::ZERO;
            self.probe_due = now.elapsed;
        }
    }

    fn back_off(&mut self, now: Now, reason: String) {
        let Some(outage) = &mut self.outage else { return };
        outage.reason = reason;
        outage.well_since = None;
        self.probe_due = now.elapsed + jittered(outage.backoff);
        outage.backoff = (outage.backoff * 2).min(BACKOFF_MAX);
    }

    /// Sends the next messages of the journal to Redis; when none is left, Redis may be well again.
    fn replay(&mut self, now: Now, turn: &mut Turn) {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += entry.append.weight();
            first || bytes <= REPLAY_BATCH_BYTES
        };
        let batch: Vec<_> =
            self.journal.iter().take(REPLAY_BATCH).take_while(fits).cloned().collect();
        if batch.is_empty() {
            return self.try_restore(now, turn);
        }
        for entry in batch {
            let ticket = self.next_ticket();
            let at = Some(entry.position);
            turn.commands.push(Command::Append { ticket, append: entry.append, at });
            let outage = self.outage.as_mut().expect("a replay ends an outage");
            outage.replaying.push_back(ticket);
        }
    }

    /// Ends the outage if Redis is quick enough, and has been for as long as its relapses ask for.
    fn try_restore(&mut self, now: Now, turn: &mut Turn) {
        let Some(outage) = &mut self.outage else { return };
        if let Some(slow) = outage.slow {
            // Back to it now, and the next message would wait for it in vain again.
            return self.back_off(now, format!("it answers after {} ms", slow.as_millis()));
        }
        let well_since = *outage.well_since.get_or_insert(now.elapsed);
        let left = (well_since + outage.trial).saturating_sub(now.elapsed);
        if left.is_zero() {
            return self.restore(now, turn);
        }
        self.probe_due = now.elapsed + left.min(PROBE_INTERVAL);
    }

    /// Takes an answer that came during an outage: to a replay, or to what was sent before it.
    pub(super) fn replay_answered(
        &mut self,
        now: Now,
        ticket: Ticket,
        result: Result<(Position, Position, bool), Fault>,
        turn: &mut Turn,
    ) {
        let Some(outage) = &mut self.outage else { return };
        if outage.replaying.front() != Some(&ticket) {
            return;
        }
        match result {
            Ok(_) => {
                outage.replaying.pop_front();
                outage.replayed += 1;
                self.counts.replayed += 1;
                let entry = self.journal.pop_front().expect("only its messages are replayed");
                // What receivers saw, even if Redis had to put it behind something later.
                let (append, position) = (entry.append, entry.position);
                turn.inputs.push(Input::Confirmed { append, position });
            }
            Err(Fault::Refused(reason)) => {
                outage.replaying.pop_front();
                let entry = self.journal.pop_front().expect("only its messages are replayed");
                self.count_refusal(now, entry.append.conversation, reason, turn);
            }
            Err(Fault::Away(reason) | Fault::Busy(reason)) => {
                outage.replaying.clear();
                return self.back_off(now, reason);
            }
        }
        if !self.is_replaying() {
            self.replay(now, turn);
        }
    }

    /// Redis has everything: tell it who is here, and then everybody that it is back.
    fn restore(&mut self, now: Now, turn: &mut Turn) {
        let Some(outage) = self.outage.take() else { return };
        self.relapses.restored = Some(now.elapsed);
        self.probe_due = now.elapsed + PROBE_INTERVAL;
        self.tell_missed(turn);
        turn.inputs.push(Input::TellFacts);
        if outage.told || outage.quiet {
            turn.notices.push(Notice::Restored {
                after: now.elapsed.saturating_sub(outage.since),
                replayed: outage.replayed,
                refused: self.counts.journal_refused - outage.refused_before,
            });
            turn.inputs.push(Input::StoreHealth(Health::Ok));
        }
    }

    /// Reminds the log of a long outage.
    pub(super) fn remind(&mut self, now: Now, turn: &mut Turn) {
        let refused = self.counts.journal_refused;
        let Some(outage) = self.outage.as_mut().filter(|it| it.told) else { return };
        if now.elapsed >= outage.reminder_due {
            outage.reminder_due = now.elapsed + REMINDER_INTERVAL;
            turn.notices.push(Notice::StillDegraded {
                reason: outage.reason.clone(),
                since: now.elapsed.saturating_sub(outage.since),
                journalled: self.journal.len(),
                refused: refused - outage.refused_before,
            });
        }
    }
}

/// Up to a quarter more or less, so that many nodes do not knock at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..1.25))
}
