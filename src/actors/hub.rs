//! The actor around the hub and its store: hands inputs in, performs effects in order.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::client::Inflow;
use super::clock::Clock;
use super::socket::{Fanout, Workers};
use crate::hub::{Audience, Counters, Effect, Health, Hub, HubConfig, Input, Now};
use crate::metrics::Metrics;
use crate::protocol::FrameKind;
use crate::store::{Answer, Command, Counts, MemoryCounters, Notice, Tiered, Turn};

/// Time between two looks at deadlines.
const TICK: Duration = Duration::from_millis(25);
/// Bytes on their way to sockets at which the hub takes no further input until they are written.
const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What one worker read in one turn.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Inputs {
    /// Whose sockets.
    pub worker: usize,
    /// What was added to the worker's [`Inflow`] for it.
    pub bytes: usize,
    /// What happened, in order.
    pub inputs: Vec<Input>,
}

/// What Redis answered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Answers(pub Vec<Answer>);

/// Asks how the hub is.
#[derive(Message)]
#[rtype(result = "Status")]
pub struct Inspect;

/// Asks the hub to say goodbye to everybody.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// How the hub is at one moment.
#[derive(Debug, Clone, MessageResponse)]
pub struct Status {
    /// Live sessions.
    pub sessions: usize,
    /// Rooms with members.
    pub rooms: usize,
    /// Users who may be drawn for a call.
    pub available: usize,
    /// How the store is.
    pub store: Health,
    /// Messages that wait for Redis.
    pub journal_messages: usize,
    /// Bytes that they take.
    pub journal_bytes: usize,
    /// Whether they would survive the end of the process.
    pub journal_durable: bool,
    /// What the store counted.
    pub counts: Counts,
    /// What the memory store or hot window holds.
    pub memory: MemoryCounters,
    /// Whether nothing is on its way, neither to Redis nor to a socket.
    pub settled: bool,
    /// What the hub counted.
    pub hub: Counters,
}

/// Where commands for Redis go.
pub type Commands = Box<dyn Fn(Vec<Command>) + Send>;

/// What the actor is made of.
pub struct Parts {
    /// The bounds and names of the hub.
    pub config: HubConfig,
    /// Where messages are kept.
    pub store: Tiered,
    /// The way to Redis; `None` for a store in memory.
    pub commands: Option<Commands>,
    /// The sockets.
    pub workers: Workers,
    /// How much of each worker's input is on its way here.
    pub inflows: Arc<[Arc<Inflow>]>,
    /// Where things are counted.
    pub metrics: Metrics,
}

/// Owns the hub and its store.
pub struct HubActor {
    hub: Hub,
    store: Tiered,
    commands: Option<Commands>,
    fanout: Fanout,
    inflows: Arc<[Arc<Inflow>]>,
    metrics: Metrics,
    clock: Clock,
    effects: Vec<Effect>,
    turn: Turn,
    /// Kept for its room only.
    following: Vec<Input>,
}

impl HubActor {
    /// A hub without sessions.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let clock = Clock::start();
        Self {
            hub: Hub::new(parts.config, clock.now()),
            store: parts.store,
            commands: parts.commands,
            fanout: Fanout::new(Arc::clone(parts.workers.outboxes())),
            inflows: parts.inflows,
            metrics: parts.metrics,
            clock,
            effects: Vec::new(),
            turn: Turn::default(),
            following: Vec::new(),
        }
    }

    fn step(&mut self, now: Now, input: Input) {
        self.hub.handle(now, input, &mut self.effects);
        for effect in self.effects.drain(..) {
            match self.store.perform(now, effect, &mut self.turn) {
                Some(Effect::Send { to, frame }) => {
                    let receivers = match &to {
                        Audience::One(_) => 1,
                        Audience::Many(sessions) => sessions.len() as u64,
                    };
                    self.metrics.sent(frame.kind(), receivers);
                    if frame.kind() == FrameKind::ChatMessage {
                        self.metrics.deliveries.inc_by(receivers);
                    }
                    self.fanout.send(to, frame.wire());
                }
                Some(Effect::Close { session, code, reason }) => {
                    self.fanout.close(session, code.number(), reason);
                }
                Some(Effect::Append(_) | Effect::Read(_) | Effect::Tell(_)) | None => {}
            }
        }
    }

    /// Handles what the store gave to the last step, before anything else is handled: replies would
    /// change places.
    fn follow_up(&mut self, now: Now) {
        while !self.turn.inputs.is_empty() {
            let room = std::mem::take(&mut self.following);
            let mut following = std::mem::replace(&mut self.turn.inputs, room);
            for input in following.drain(..) {
                self.step(now, input);
            }
            self.following = following;
        }
    }

    /// Lets go what the last steps gave, each receiver's part in one batch.
    fn let_go(&mut self, context: &mut Context<Self>) {
        for notice in self.turn.notices.drain(..) {
            log_notice(&notice);
        }
        let commands = std::mem::take(&mut self.turn.commands);
        if let Some(send) = self.commands.as_ref().filter(|_| !commands.is_empty()) {
            send(commands);
        }
        self.fanout.flush();
        if self.fanout.backlog() > BACKLOG_BYTES_MAX {
            let caught_up = self.fanout.backlog_below(BACKLOG_BYTES_MAX);
            // Nothing is handled meanwhile, so the workers' inflow fills and they stop reading.
            context.wait(caught_up.into_actor(self));
        }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let now = self.clock.now();
        self.store.tick(now, &mut self.turn);
        self.follow_up(now);
        self.let_go(context);
    }

    fn status(&self) -> Status {
        let (journal, embedded) = (self.store.journal(), self.store.is_embedded());
        Status {
            sessions: self.hub.session_count(),
            rooms: self.hub.room_count(),
            available: self.hub.available_count(),
            store: self.store.health(),
            // Where memory is the store, nothing waits.
            journal_messages: if embedded { 0 } else { journal.len() },
            journal_bytes: if embedded { 0 } else { journal.bytes() },
            journal_durable: journal.is_durable(),
            counts: self.store.counts(),
            memory: self.store.memory().counters(),
            settled: self.store.is_settled() && self.fanout.backlog() == 0,
            hub: self.hub.counters().clone(),
        }
    }
}

impl Actor for HubActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        // The first client already hears how the store is.
        self.tick(context);
        context.run_interval(TICK, Self::tick);
    }
}

impl Handler<Inputs> for HubActor {
    type Result = ();

    fn handle(&mut self, message: Inputs, context: &mut Self::Context) {
        let now = self.clock.now();
        for input in message.inputs {
            self.step(now, input);
            self.follow_up(now);
        }
        self.let_go(context);
        if self.inflows[message.worker].done(message.bytes) {
            self.fanout.resume(message.worker);
        }
    }
}

impl Handler<Answers> for HubActor {
    type Result = ();

    fn handle(&mut self, message: Answers, context: &mut Self::Context) {
        let now = self.clock.now();
        for answer in message.0 {
            self.store.answer(now, answer, &mut self.turn);
            self.follow_up(now);
        }
        self.let_go(context);
    }
}

impl Handler<Inspect> for HubActor {
    type Result = Status;

    fn handle(&mut self, _: Inspect, _: &mut Self::Context) -> Status {
        self.status()
    }
}

impl Handler<Drain> for HubActor {
    type Result = ();

    fn handle(&mut self, _: Drain, context: &mut Self::Context) {
        let now = self.clock.now();
        self.store.hurry(now);
        self.step(now, Input::Drain);
        self.follow_up(now);
        self.let_go(context);
    }
}

fn log_notice(notice: &Notice) {
    match notice {
        Notice::Degraded { reason } => {
            log::warn!("store: Redis is away ({reason}); messages are delivered and journalled");
        }
        Notice::StillDegraded { reason, since, journalled, refused } => log::warn!(
            "store: Redis is away for {} s ({reason}); {journalled} messages journalled, {refused} not",
            since.as_secs()
        ),
        Notice::Restored { after, replayed, refused } => log::info!(
            "store: Redis is back after {:.1} s; {replayed} messages replayed, {refused} kept in memory only",
            after.as_secs_f64()
        ),
        Notice::MessagesRefused { conversation, reason, count } => log::warn!(
            "store: Redis refuses {count} messages for good, such as one of {conversation}: {reason}"
        ),
        Notice::JournalFile { error } => log::warn!(
            "store: the journal file cannot be written ({error}); what waits for Redis is in memory only until it can"
        ),
        Notice::Forgotten => log::info!("store: Redis is told who is here"),
    }
}
