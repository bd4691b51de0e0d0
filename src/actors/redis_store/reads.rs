//! Reads: several at a time, each on a connection of its own, the others wait for a bounded time.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use redis::Cmd;

use super::RedisStore;
use super::counters::add;
use crate::hub::{History, Read};
use crate::store::redis::history;
use crate::store::{Answer, Fault, Ticket};

pub(super) struct Reads {
    waiting: VecDeque<Waiting>,
    running: usize,
    waiting_max: usize,
    running_max: usize,
    patience: Duration,
}

struct Waiting {
    ticket: Ticket,
    command: Cmd,
    limit: u16,
    since: Instant,
}

type Outcome = Result<(History, Duration), Fault>;

impl Reads {
    /// At most `running_max` at a time; `waiting_max` more wait, none longer than `patience` before
    /// it begins.
    pub(super) fn new(waiting_max: usize, running_max: usize, patience: Duration) -> Self {
        Self { waiting: VecDeque::new(), running: 0, waiting_max, running_max, patience }
    }
}

impl RedisStore {
    /// Queues a read, or answers at once that there is no room.
    pub(super) fn queue_read(&mut self, ticket: Ticket, read: &Read) {
        if self.reads.waiting.len() >= self.reads.waiting_max {
            return self.answer(vec![late(ticket)], None);
        }
        let (command, limit) = (self.phrases.read(read), read.page.limit);
        self.reads.waiting.push_back(Waiting { ticket, command, limit, since: Instant::now() });
    }

    /// Begins as many reads as may run.
    pub(super) fn pump_reads(&mut self, ctx: &mut Context<Self>) {
        let mut refusals = Vec::new();
        while self.reads.running < self.reads.running_max
            && let Some(waiting) = self.reads.waiting.pop_front()
        {
            if waiting.since.elapsed() > self.reads.patience {
                refusals.push(late(waiting.ticket));
            } else {
                self.read(waiting, ctx);
            }
        }
        self.answer(refusals, None);
    }

    fn read(&mut self, Waiting { ticket, command, limit, .. }: Waiting, ctx: &mut Context<Self>) {
        self.reads.running += 1;
        add(&self.counters.reads, 1);
        let connections = Rc::clone(&self.connections);
        let generation = connections.generation();
        let asked = async move {
            let mut lease = connections.lease().await?;
            let begun = Instant::now();
            let answer = lease.ask_one(command).await?;
            let took = begun.elapsed();
            connections.keep(lease);
            Ok((history(answer, limit)?, took))
        };
        let settled = asked.into_actor(self).map(move |outcome: Outcome, this, ctx| {
            this.reads.running -= 1;
            let (result, took) = match outcome {
                Ok((history, took)) => (Ok(history), Some(took)),
                Err(fault) => (Err(fault), None),
            };
            if matches!(result, Err(Fault::Away(_))) {
                this.disconnect(generation);
            }
            this.answer(vec![Answer::Loaded { ticket, result }], took);
            this.pump_reads(ctx);
        });
        ctx.spawn(settled);
    }
}

fn late(ticket: Ticket) -> Answer {
    let fault = Fault::Busy("too many reads are waiting for Redis".to_owned());
    Answer::Loaded { ticket, result: Err(fault) }
}
