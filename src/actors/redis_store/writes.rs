//! Writes: what waits, what is on its way, and what becomes of it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use redis::{Cmd, Value};

use super::RedisStore;
use super::connections::Lease;
use super::counters::add;
use super::lane::{Lane, Write};
use crate::hub::{Conversation, Fact};
use crate::store::redis::{Book, Held, appended, number, probed};
use crate::store::{Answer, Fault, Probe, Ticket};

/// Expiries renewed in one batch at most, so that messages do not wait for them.
const RENEWALS_MAX: usize = 128;

pub(super) struct Writes {
    pub(super) lane: Lane,
    book: Book,
    /// Keys whose expiry is to be renewed, along with the next batches.
    renewals: VecDeque<Held>,
    /// Kept from batch to batch: checking it anew would cost a round trip each time.
    pub(super) lease: Option<Lease>,
    busy: bool,
}

/// What an answer is needed for.
enum Sent {
    Append(Ticket),
    Tell(Fact),
    Purge(Conversation),
    Resume,
    Renew,
}

type Outcome = Result<(Lease, Vec<Value>, Duration), Fault>;

impl Writes {
    pub(super) fn new(lane_max: usize, lane_bytes_max: usize) -> Self {
        Self {
            lane: Lane::new(lane_max, lane_bytes_max),
            book: Book::default(),
            renewals: VecDeque::new(),
            lease: None,
            busy: false,
        }
    }

    /// Has every expiry renewed that this node has a part in, unless the last round still lasts.
    pub(super) fn renew_claims(&mut self) {
        if self.lane.latched().is_none() && self.renewals.is_empty() {
            self.renewals.extend(self.book.held());
        }
    }

    fn latch(&mut self, why: String) {
        self.lane.latch(why);
        self.renewals.clear();
    }

    fn is_settled(&self) -> bool {
        !self.busy && self.lane.is_empty()
    }
}

impl RedisStore {
    /// Queues a write. When there is no room for it, it and all that waits are refused: a later one
    /// might overtake it otherwise.
    pub(super) fn queue_write(&mut self, write: Write) {
        if let Write::Tell(fact) = &write {
            self.writes.book.note(fact);
        }
        if self.writes.lane.has_room(&write) {
            return self.writes.lane.push(write);
        }
        add(&self.counters.full, 1);
        self.writes.latch("too many writes are waiting for Redis".to_owned());
        let mut refused = self.refuse();
        refused.push(self.refusal(write));
        self.answer(refused, None);
    }

    /// Refuses what the latch does not let pass, and sends the next batch unless one is on its way.
    pub(super) fn pump(&mut self, ctx: &mut Context<Self>) {
        let refused = self.refuse();
        self.answer(refused, None);
        if !self.writes.busy {
            let (sent, commands) = self.compose();
            if !commands.is_empty() {
                self.send(sent, commands, ctx);
            }
        }
        if self.writes.is_settled() {
            for waiting in self.settling.drain(..) {
                // Whoever asked may have gone.
                let _ = waiting.send(());
            }
        }
    }

    fn refuse(&mut self) -> Vec<Answer> {
        let refused: Vec<_> = std::iter::from_fn(|| self.writes.lane.pop_refused()).collect();
        refused.into_iter().map(|write| self.refusal(write)).collect()
    }

    fn refusal(&self, write: Write) -> Answer {
        let why = self.writes.lane.latched().unwrap_or_default();
        failure(awaited(write), Fault::Away(why.to_owned())).expect("a renewal waits elsewhere")
    }

    fn compose(&mut self) -> (Vec<Sent>, Vec<Cmd>) {
        let phrases = &self.phrases;
        let batch = self.writes.lane.batch().into_iter().map(|write| {
            let (counter, command) = match &write {
                Write::Append { append, at, .. } => {
                    (&self.counters.appends, phrases.append(append, *at))
                }
                Write::Tell(fact) => (&self.counters.facts, phrases.tell(fact)),
                Write::Purge(conversation) => (&self.counters.purges, phrases.purge(conversation)),
                Write::Resume => (&self.counters.probes, phrases.probe()),
            };
            add(counter, 1);
            (awaited(write), command)
        });
        let (mut sent, mut commands): (Vec<_>, Vec<_>) = batch.unzip();
        let renewals = self.writes.renewals.len().min(RENEWALS_MAX);
        for held in self.writes.renewals.drain(..renewals) {
            add(&self.counters.renewals, 1);
            commands.push(phrases.renew(&held));
            sent.push(Sent::Renew);
        }
        (sent, commands)
    }

    fn send(&mut self, sent: Vec<Sent>, commands: Vec<Cmd>, ctx: &mut Context<Self>) {
        self.writes.busy = true;
        add(&self.counters.batches, 1);
        let (connections, lease) = (Rc::clone(&self.connections), self.writes.lease.take());
        let generation = connections.generation();
        let asked = async move {
            let mut lease = match lease {
                Some(lease) => lease,
                None => connections.lease().await?,
            };
            let begun = Instant::now();
            let answers = lease.ask(commands).await?;
            Ok((lease, answers, begun.elapsed()))
        };
        let settled = asked.into_actor(self).map(move |outcome: Outcome, this, ctx| {
            this.writes.busy = false;
            this.settle(sent, outcome, generation);
            this.pump(ctx);
        });
        ctx.spawn(settled);
    }

    fn settle(&mut self, sent: Vec<Sent>, outcome: Outcome, generation: u64) {
        let mut answers = Vec::with_capacity(sent.len());
        match outcome {
            Ok((lease, values, took)) => {
                let mut failed = false;
                for (sent, value) in sent.into_iter().zip(values) {
                    let answer = self.settle_one(sent, value, took, &mut failed);
                    answers.extend(answer);
                }
                if failed {
                    self.disconnect(generation);
                }
                if self.connections.is_current(&lease) {
                    self.writes.lease = Some(lease);
                }
                self.answer(answers, Some(took));
            }
            Err(fault) => {
                // Whether they were carried out is not known; what is sent again is recognised.
                self.writes.latch(fault.to_string());
                self.disconnect(generation);
                answers.extend(sent.into_iter().filter_map(|sent| failure(sent, fault.clone())));
                self.answer(answers, None);
            }
        }
    }

    /// Reads one answer of a batch. One that says that Redis is away latches the lane, and a probe
    /// behind it takes the latch off: in the order in which they were carried out.
    fn settle_one(
        &mut self,
        sent: Sent,
        value: Value,
        latency: Duration,
        failed: &mut bool,
    ) -> Option<Answer> {
        let (answer, fault) = match sent {
            Sent::Append(ticket) => {
                let result = appended(value);
                let fault = result.as_ref().err().cloned();
                (Some(Answer::Appended { ticket, result }), fault)
            }
            Sent::Resume => {
                let result = probed(&value);
                if result.is_ok() {
                    self.writes.lane.unlatch();
                }
                let fault = result.as_ref().err().cloned();
                (Some(Answer::Probed(result.map(|forgot| Probe { latency, forgot }))), fault)
            }
            Sent::Purge(conversation) => {
                let left = number(&value);
                let rest = Write::Purge(conversation);
                // There is more than one call removes. If the lane is full the next sweep goes on.
                if left.as_ref().is_ok_and(|left| *left > 0) && self.writes.lane.has_room(&rest) {
                    self.writes.lane.push(rest);
                }
                (None, left.err())
            }
            Sent::Tell(fact) => {
                let fault = number(&value).err();
                let fact = Some(fact);
                let answer = fault.clone().map(|fault| Answer::Failed { fact, fault });
                (answer, fault)
            }
            Sent::Renew => (None, number(&value).err()),
        };
        match &fault {
            Some(Fault::Away(why) | Fault::Busy(why)) => {
                *failed = true;
                self.writes.latch(why.clone());
            }
            Some(Fault::Refused(_)) | None => {}
        }
        answer.or_else(|| fault.map(|fault| Answer::Failed { fact: None, fault }))
    }
}

/// What an answer to the write is needed for.
fn awaited(write: Write) -> Sent {
    match write {
        Write::Append { ticket, .. } => Sent::Append(ticket),
        Write::Tell(fact) => Sent::Tell(fact),
        Write::Purge(conversation) => Sent::Purge(conversation),
        Write::Resume => Sent::Resume,
    }
}

/// The answer to a write that was not carried out, as far as is known.
fn failure(sent: Sent, fault: Fault) -> Option<Answer> {
    Some(match sent {
        Sent::Append(ticket) => Answer::Appended { ticket, result: Err(fault) },
        Sent::Tell(fact) => Answer::Failed { fact: Some(fact), fault },
        Sent::Purge(_) => Answer::Failed { fact: None, fault },
        Sent::Resume => Answer::Probed(Err(fault)),
        Sent::Renew => return None,
    })
}
