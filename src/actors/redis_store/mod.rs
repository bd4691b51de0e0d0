//! The only place with connections to Redis: takes commands, gives answers.
//!
//! Writes go through one ordered lane, a pipeline at a time; reads run beside it. It decides nothing
//! about health but this: after a failure the lane is latched until a probe takes the latch off, so
//! that no later message overtakes one that failed.

mod config;
mod connections;
mod counters;
mod describe;
mod lane;
mod reads;
mod writes;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use redis::RedisError;
use tokio::sync::oneshot;

pub use self::config::RedisSettings;
use self::connections::Connections;
pub use self::counters::RedisCounters;
use self::counters::add;
pub use self::describe::{Describe, Description};
use self::lane::Write;
use self::reads::Reads;
use self::writes::Writes;
use crate::store::keys::Keys;
use crate::store::redis::{Commands as Phrases, probed};
use crate::store::{Answer, Command, Fault, Probe};

/// Commands for Redis. Appends, facts and purges are carried out in this order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Commands(pub Vec<Command>);

/// What Redis answered.
#[derive(Debug)]
pub struct Answers {
    /// Answers; those to appends come in the order of the commands, but for an append that found
    /// the lane full: that and all that waits is refused at once, ahead of what is on its way.
    pub answers: Vec<Answer>,
    /// How long Redis took for them together; `None` if it was not asked or did not answer.
    pub took: Option<Duration>,
}

/// Takes the answers, in the thread of the store; it must not block.
pub type Listener = Box<dyn Fn(Answers) + Send>;

/// Asks to be told when no write waits or is on its way.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settled;

/// Owns the connections.
pub struct RedisStore {
    connections: Rc<Connections>,
    phrases: Phrases,
    counters: Arc<RedisCounters>,
    listener: Listener,
    claim_expiry: Duration,
    writes: Writes,
    reads: Reads,
    probing: bool,
    settling: Vec<oneshot::Sender<()>>,
}

/// A store that was started.
#[derive(Debug, Clone)]
pub struct Running {
    /// Takes [`Commands`].
    pub store: Addr<RedisStore>,
    /// What happened so far.
    pub counters: Arc<RedisCounters>,
}

impl RedisStore {
    /// Starts a store in an arbiter of its own. It connects when it is first asked something.
    ///
    /// # Errors
    /// When the address cannot be used at all.
    pub fn start(settings: RedisSettings, listener: Listener) -> Result<Running, RedisError> {
        let connections = Connections::new(&settings)?;
        let counters = Arc::new(RedisCounters::default());
        let shared = Arc::clone(&counters);
        let store = Self::start_in_arbiter(&Arbiter::new().handle(), move |_| {
            let keys = Keys::new(&settings.prefix);
            let RedisSettings { node, retention, claim_expiry, .. } = &settings;
            // One connection is for writes and one for probes, as far as there are so many.
            let reads_at_once = settings.pool_size.saturating_sub(2).max(1);
            Self {
                connections: Rc::new(connections),
                phrases: Phrases::new(keys, node, *retention, *claim_expiry),
                counters: shared,
                listener,
                claim_expiry: *claim_expiry,
                writes: Writes::new(settings.lane_max, settings.lane_bytes_max),
                reads: Reads::new(settings.reads_max, reads_at_once, settings.command_timeout),
                probing: false,
                settling: Vec::new(),
            }
        });
        Ok(Running { store, counters })
    }

    fn answer(&self, answers: Vec<Answer>, took: Option<Duration>) {
        for answer in &answers {
            match fault_in(answer) {
                Some(Fault::Away(_)) => add(&self.counters.away, 1),
                Some(Fault::Busy(_)) => add(&self.counters.full, 1),
                Some(Fault::Refused(_)) => add(&self.counters.refused, 1),
                None => {}
            }
        }
        if !answers.is_empty() {
            (self.listener)(Answers { answers, took });
        }
    }

    /// Closes all connections of this generation: what comes next begins with a server as it is
    /// then.
    fn disconnect(&mut self, generation: u64) {
        if self.connections.generation() == generation {
            self.writes.lease = None;
            self.connections.renew();
            add(&self.counters.disconnects, 1);
        }
    }

    /// Writes beside the lane, to learn of a loss without traffic.
    fn probe(&mut self, ctx: &mut Context<Self>) {
        if let Some(why) = self.writes.lane.latched() {
            let fault = Fault::Away(why.to_owned());
            return self.answer(vec![Answer::Probed(Err(fault))], None);
        }
        // One at a time: a second one would learn nothing else.
        if std::mem::replace(&mut self.probing, true) {
            return;
        }
        // Probes take the idle connections in turn: let that of the lane be among them, lest a router
        // forgets it on a quiet day.
        if let Some(lease) = self.writes.lease.take() {
            self.connections.keep(lease);
        }
        add(&self.counters.probes, 1);
        let (connections, command) = (Rc::clone(&self.connections), self.phrases.probe());
        let generation = connections.generation();
        let probe = async move {
            let mut lease = connections.lease().await?;
            let begun = Instant::now();
            let answer = lease.ask_one(command).await?;
            let latency = begun.elapsed();
            connections.keep(lease);
            Ok(Probe { latency, forgot: probed(&answer)? })
        };
        let settled = probe.into_actor(self).map(move |result: Result<Probe, Fault>, this, _| {
            this.probing = false;
            if result.is_err() {
                this.disconnect(generation);
            }
            let took = result.as_ref().ok().map(|probe| probe.latency);
            this.answer(vec![Answer::Probed(result)], took);
        });
        ctx.spawn(settled);
    }
}

impl Actor for RedisStore {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.claim_expiry / 3, |this, ctx| {
            if !ctx.connected() {
                // Nobody is left to hold claims for.
                return ctx.stop();
            }
            this.writes.renew_claims();
            this.pump(ctx);
        });
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        Arbiter::current().stop();
    }
}

impl Handler<Commands> for RedisStore {
    type Result = ();

    fn handle(&mut self, Commands(commands): Commands, ctx: &mut Self::Context) {
        for command in commands {
            match command {
                Command::Append { ticket, append, at } => {
                    self.queue_write(Write::Append { ticket, append, at });
                }
                Command::Tell(fact) => self.queue_write(Write::Tell(fact)),
                Command::Purge(conversation) => self.queue_write(Write::Purge(conversation)),
                Command::Probe { resume: true } => self.queue_write(Write::Resume),
                Command::Probe { resume: false } => self.probe(ctx),
                Command::Read { ticket, read } => self.queue_read(ticket, &read),
            }
        }
        self.pump(ctx);
        self.pump_reads(ctx);
    }
}

impl Handler<Settled> for RedisStore {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Settled, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.settling.push(sender);
        self.pump(ctx);
        Box::pin(async move {
            // An error means that the actor stopped: nothing is on its way any more.
            let _ = receiver.await;
        })
    }
}

fn fault_in(answer: &Answer) -> Option<&Fault> {
    match answer {
        Answer::Appended { result, .. } => result.as_ref().err(),
        Answer::Loaded { result, .. } => result.as_ref().err(),
        Answer::Probed(result) => result.as_ref().err(),
        Answer::Failed { fault, .. } => Some(fault),
    }
}
