//! Facts about live sessions on their way to the shared keys, a measured number at a time, so that
//! the return of a busy node does not push messages aside.

use std::collections::VecDeque;

use super::{Home, Tiered, Turn};
use crate::hub::Fact;
use crate::store::Command;

/// Facts handed to Redis between two ticks.
const FACTS_PER_TICK: usize = 500;
/// Facts that may wait. Those beyond are dropped and counted; what they leave in a key lapses with it.
const FACTS_MAX: usize = 1_000_000;

#[derive(Debug)]
pub(super) struct Facts {
    waiting: VecDeque<Fact>,
    /// Told while Redis was away: what took something back. What holds is told anew on its return;
    /// what no longer holds would otherwise stay in its keys.
    missed: Vec<Fact>,
    allowance: usize,
}

impl Default for Facts {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), missed: Vec::new(), allowance: FACTS_PER_TICK }
    }
}

impl Facts {
    pub(super) fn miss(&mut self, fact: Fact) {
        let takes_back = matches!(fact, Fact::Left { .. } | Fact::Unavailable { .. });
        if takes_back && self.missed.len() < FACTS_MAX {
            self.missed.push(fact);
        }
    }
}

impl Tiered {
    pub(super) fn tell(&mut self, fact: Fact, turn: &mut Turn) {
        if self.home == Home::Memory {
            return;
        }
        if self.outage.is_some() {
            return self.facts.miss(fact);
        }
        if self.facts.waiting.len() == FACTS_MAX {
            self.counts.facts_dropped += 1;
            return;
        }
        self.facts.waiting.push_back(fact);
        self.send_facts(turn);
    }

    /// Hands on what waits, with a new allowance.
    pub(super) fn tell_more(&mut self, turn: &mut Turn) {
        self.facts.allowance = FACTS_PER_TICK;
        if self.outage.is_none() {
            self.send_facts(turn);
        }
    }

    fn send_facts(&mut self, turn: &mut Turn) {
        let count = self.facts.allowance.min(self.facts.waiting.len());
        self.facts.allowance -= count;
        turn.commands.extend(self.facts.waiting.drain(..count).map(Command::Tell));
    }

    /// Whether no fact waits for its turn.
    pub(super) fn facts_are_told(&self) -> bool {
        self.facts.waiting.is_empty()
    }

    /// Keeps of the waiting facts what Redis must hear when it returns.
    pub(super) fn keep_facts_back(&mut self) {
        for fact in std::mem::take(&mut self.facts.waiting) {
            self.facts.miss(fact);
        }
    }

    /// Queues what was missed.
    pub(super) fn tell_missed(&mut self, turn: &mut Turn) {
        self.facts.waiting.extend(self.facts.missed.drain(..));
        self.send_facts(turn);
    }
}
