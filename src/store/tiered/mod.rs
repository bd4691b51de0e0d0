//! The store as the hub sees it: Redis while it is well, the hot window and the journal while it is
//! not, and nothing lost between the two.
//!
//! A state machine like the hub: requests and answers in, inputs for the hub and commands for Redis
//! out, time passed in. It decides the order of what is delivered; it refuses to know connections.

mod appends;
mod facts;
mod health;
mod reads;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use self::appends::Disk;
use self::facts::Facts;
use self::health::{Outage, Probing, Relapses};
use self::reads::Asked;
use super::{Answer, Command, Entry, Fault, Journal, MemoryStore, Ticket};
use crate::hub::{Append, Conversation, Effect, Health, Input, Now};

/// A message that Redis has not stored by then is delivered without it.
pub const DELIVERY_DEADLINE: Duration = Duration::from_millis(250);
/// Time between two looks for messages too old to be kept.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);
/// Time between two lines of the log about the same lasting trouble.
const REMINDER_INTERVAL: Duration = Duration::from_secs(60);
/// Conversations looked at in one turn while purging.
const PURGE_BATCH: usize = 64;

/// What one call gave: inputs for the hub, commands for Redis and lines for the log, each in order.
#[derive(Debug, Default)]
pub struct Turn {
    /// For the hub.
    pub inputs: Vec<Input>,
    /// For Redis.
    pub commands: Vec<Command>,
    /// For the log.
    pub notices: Vec<Notice>,
}

/// What an operator should read in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Redis went away.
    Degraded { reason: String },
    /// It is still away; once a minute.
    StillDegraded { reason: String, since: Duration, journalled: usize, refused: u64 },
    /// It is back, and all that was journalled is in it.
    Restored { after: Duration, replayed: u64, refused: u64 },
    /// Redis refuses messages for a reason that will not pass, such as this one; at most once a
    /// minute, with the number of those since the last notice.
    MessagesRefused { conversation: Conversation, reason: String, count: u64 },
    /// The file of the journal cannot be written, so what waits for Redis is in memory only; once
    /// for each such time, and at most once a minute.
    JournalFile { error: String },
    /// Redis has forgotten what it was told of sessions, and is told again.
    Forgotten,
}

/// What the store counts, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that Redis stored before their deadline.
    pub redis: u64,
    /// Messages kept in memory only.
    pub memory: u64,
    /// Messages that were journalled.
    pub journal: u64,
    /// Messages that found the journal full.
    pub journal_refused: u64,
    /// Messages that wait in a journal whose file could not be written when they came.
    pub journal_volatile: u64,
    /// Journalled messages that Redis has by now.
    pub replayed: u64,
    /// Messages that Redis refused for good.
    pub refused: u64,
    /// Changes from well to degraded.
    pub outages: u64,
    /// Facts that found their queue full.
    pub facts_dropped: u64,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Into the memory of this process, and nowhere else.
    Memory,
    /// Into Redis, with memory and journal for the time when it is away.
    Redis,
}

/// How Redis was when the process began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It answers.
    Well,
    /// It does not, for this reason.
    Away(String),
    /// It does not, and nobody has named one: memory is the store until one answers, and what the
    /// journal has by then moves there.
    Unasked,
}

/// A message on its way to Redis.
#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    append: Append,
    deadline: Duration,
}

/// The store.
pub struct Tiered {
    home: Home,
    memory: MemoryStore,
    journal: Journal,
    /// Sent to Redis and not answered, in order; empty while it is away.
    pending: VecDeque<Pending>,
    reads: BTreeMap<Ticket, Asked>,
    /// Since when Redis is away, and what is done about it.
    outage: Option<Outage>,
    relapses: Relapses,
    facts: Facts,
    probe_due: Duration,
    probing: Option<Probing>,
    purge_due: Duration,
    purging: Vec<Conversation>,
    tickets: u64,
    counts: Counts,
    refusals: Refusals,
    disk: Disk,
}

/// Messages that Redis refused for good and that the log has not heard of.
#[derive(Debug, Default)]
struct Refusals {
    untold: u64,
    quiet_until: Duration,
}

impl Tiered {
    /// A store for one node, in memory.
    #[must_use]
    pub fn in_memory(memory: MemoryStore) -> Self {
        Self::new(Home::Memory, memory, Journal::in_memory(0))
    }

    /// A store on Redis, with what an earlier process left in the journal.
    #[must_use]
    pub fn on_redis(memory: MemoryStore, journal: Journal, found: Found) -> Self {
        let mut store = Self::new(Home::Redis, memory, journal);
        // Its receivers saw it, and history must show it, before Redis has it.
        for Entry { append, position } in store.journal.iter() {
            let Append { conversation, message_id, draft, .. } = append;
            let message = draft.at(*position);
            store.memory.put(*position, conversation, *position, message_id, &message);
        }
        store.outage = match found {
            Found::Well if store.journal.is_empty() => None,
            // Until all is replayed, what comes now must not overtake it.
            Found::Well => Some(Outage::replay_at_start()),
            Found::Away(reason) => Some(Outage::at_start(reason, false)),
            Found::Unasked => Some(Outage::at_start("not there yet".to_owned(), true)),
        };
        store
    }

    fn new(home: Home, memory: MemoryStore, journal: Journal) -> Self {
        Self {
            home,
            memory,
            journal,
            pending: VecDeque::new(),
            reads: BTreeMap::new(),
            outage: None,
            relapses: Relapses::default(),
            facts: Facts::default(),
            probe_due: Duration::ZERO,
            probing: None,
            purge_due: PURGE_INTERVAL,
            purging: Vec::new(),
            tickets: 0,
            counts: Counts::default(),
            refusals: Refusals::default(),
            disk: Disk::default(),
        }
    }

    /// Does what the hub asks of a store; hands back an effect that asks nothing of it.
    pub fn perform(&mut self, now: Now, effect: Effect, turn: &mut Turn) -> Option<Effect> {
        match effect {
            Effect::Append(append) => self.append(now, append, turn),
            Effect::Read(read) => self.read(now, read, turn),
            Effect::Tell(fact) => self.tell(fact, turn),
            Effect::Send { .. } | Effect::Close { .. } => return Some(effect),
        }
        None
    }

    /// Takes an answer of Redis.
    pub fn answer(&mut self, now: Now, answer: Answer, turn: &mut Turn) {
        match answer {
            Answer::Appended { ticket, result } => self.append_answered(now, ticket, result, turn),
            Answer::Loaded { ticket, result } => self.read_answered(now, ticket, result, turn),
            Answer::Probed(result) => self.probe_answered(now, result, turn),
            Answer::Failed { fact, fault } => {
                if let Fault::Away(reason) | Fault::Busy(reason) = fault {
                    self.lose_redis(now, reason, turn);
                    if let Some(fact) = fact {
                        self.facts.miss(fact);
                    }
                }
            }
        }
    }

    /// Looks at deadlines; to be called every 50 ms or oftener while it has a home in Redis, and at
    /// least once a minute otherwise.
    pub fn tick(&mut self, now: Now, turn: &mut Turn) {
        if self.home == Home::Redis {
            self.check_deadline(now, turn);
            self.check_reads(now, turn);
            self.check_probe(now, turn);
            self.remind(now, turn);
            self.check_journal_file(now, turn);
            self.tell_more(turn);
        }
        self.purge(now, turn);
    }

    /// How the store is.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.outage.as_ref().is_none_or(|outage| outage.quiet) {
            Health::Ok
        } else {
            Health::Degraded
        }
    }

    /// Whether memory is the store, be it that no Redis has answered yet.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.home == Home::Memory || self.outage.as_ref().is_some_and(|outage| outage.quiet)
    }

    /// Whether nothing would be lost if the process ended now: no message is on its way to Redis, no
    /// fact waits to be, and no message waits for Redis in memory.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let kept = self.journal.is_empty() || self.journal.is_durable() || self.is_embedded();
        kept && self.pending.is_empty() && self.facts_are_told()
    }

    /// What it counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What waits for Redis to come back.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The memory store or hot window.
    #[must_use]
    pub fn memory(&self) -> &MemoryStore {
        &self.memory
    }

    /// Removes what is too old, a few conversations a turn.
    fn purge(&mut self, now: Now, turn: &mut Turn) {
        if now.elapsed >= self.purge_due {
            self.purge_due = now.elapsed + PURGE_INTERVAL;
            self.memory.purge(now.wall);
            if self.home == Home::Redis {
                self.purging = self.memory.conversations().cloned().collect();
            }
        }
        if self.outage.is_none() {
            let batch = self.purging.len().saturating_sub(PURGE_BATCH);
            turn.commands.extend(self.purging.drain(batch..).map(Command::Purge));
        }
    }

    /// Counts a message that Redis refused for good.
    fn count_refusal(
        &mut self,
        now: Now,
        conversation: Conversation,
        reason: String,
        turn: &mut Turn,
    ) {
        self.counts.refused += 1;
        self.refusals.untold += 1;
        if now.elapsed >= self.refusals.quiet_until {
            self.refusals.quiet_until = now.elapsed + REMINDER_INTERVAL;
            let count = std::mem::take(&mut self.refusals.untold);
            turn.notices.push(Notice::MessagesRefused { conversation, reason, count });
        }
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }
}
