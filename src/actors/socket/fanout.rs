//! Sorts what the hub sends by the worker that has the socket.

use std::sync::Arc;

use bytes::Bytes;

use super::outbox::{Delivery, Outbox, Receivers};
use crate::hub::{Audience, SessionId};

/// Gathers deliveries for all workers and hands each worker its own in one batch.
#[derive(Debug)]
pub struct Fanout {
    outboxes: Arc<[Outbox]>,
    batches: Vec<Vec<Delivery>>,
}

impl Fanout {
    /// A fan-out to these workers, the one with number 0 first.
    #[must_use]
    pub fn new(outboxes: Arc<[Outbox]>) -> Self {
        let batches = outboxes.iter().map(|_| Vec::new()).collect();
        Self { outboxes, batches }
    }

    /// Gathers a frame, header and all, for an audience.
    pub fn send(&mut self, to: &Audience, frame: &Bytes) {
        for (worker, to) in split(to) {
            self.gather(worker, Delivery::Send { to, frame: frame.clone() });
        }
    }

    /// Gathers the end of a connection, after what was gathered for it before.
    pub fn close(&mut self, session: SessionId, code: u16, reason: String) {
        self.gather(session.worker(), Delivery::Close { session, code, reason });
    }

    /// Hands on all that was gathered.
    pub fn flush(&mut self) {
        for (outbox, batch) in self.outboxes.iter().zip(&mut self.batches) {
            outbox.deliver(batch);
        }
    }

    /// The largest backlog of any worker, in the bytes of [`Outbox::backlog`].
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.outboxes.iter().map(Outbox::backlog).max().unwrap_or(0)
    }

    /// Waits until the backlog of every worker is below `bytes`.
    pub async fn backlog_below(&self, bytes: usize) {
        for outbox in &*self.outboxes {
            outbox.backlog_below(bytes).await;
        }
    }

    /// Makes all workers ask again whether the application is congested.
    pub fn resume(&self) {
        self.outboxes.iter().for_each(Outbox::resume);
    }

    fn gather(&mut self, worker: usize, delivery: Delivery) {
        if let Some(batch) = self.batches.get_mut(worker) {
            batch.push(delivery);
        }
    }
}

/// The parts of an audience by worker. A session's worker stands in the top bits of its id, so in
/// an ascending list each worker has one range.
pub fn split(audience: &Audience) -> impl Iterator<Item = (usize, Receivers)> + '_ {
    let (one, many) = match audience {
        Audience::One(session) => (Some((session.worker(), Receivers::One(*session))), None),
        Audience::Many(sessions) => (None, Some(sessions)),
    };
    let mut start = 0;
    let ranges = many.into_iter().flat_map(move |sessions| {
        std::iter::from_fn(move || {
            let worker = sessions.get(start)?.worker();
            let length = sessions[start..].partition_point(|session| session.worker() == worker);
            let range = start..start + length;
            start = range.end;
            Some((worker, Receivers::Many(Arc::clone(sessions), range)))
        })
    });
    one.into_iter().chain(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(worker: usize, n: u64) -> SessionId {
        SessionId::new(worker, n, n as usize)
    }

    fn parts(audience: &Audience) -> Vec<(usize, Vec<SessionId>)> {
        split(audience)
            .map(|(worker, to)| match to {
                Receivers::One(session) => (worker, vec![session]),
                Receivers::Many(sessions, range) => (worker, sessions[range].to_vec()),
            })
            .collect()
    }

    #[test]
    fn an_audience_is_split_by_worker() {
        let [a, b, c] = [session(0, 5), session(2, 1), session(2, 9)];
        assert_eq!(parts(&Audience::One(b)), [(2, vec![b])]);
        assert_eq!(parts(&Audience::Many([].into())), []);
        let all = Audience::Many([a, b, c].into());
        assert_eq!(parts(&all), [(0, vec![a]), (2, vec![b, c])]);
    }

    #[test]
    fn each_worker_gets_its_own_and_only_that() {
        let outboxes: Arc<[Outbox]> = (0..3).map(|_| Outbox::default()).collect();
        outboxes.iter().for_each(Outbox::enter);
        let mut fanout = Fanout::new(Arc::clone(&outboxes));
        fanout.send(&Audience::Many([session(0, 1), session(2, 1)].into()), &Bytes::new());
        fanout.close(session(2, 1), 1000, String::new());
        fanout.close(session(7, 1), 1000, "no such worker".to_owned());
        fanout.flush();
        let taken = outboxes.iter().map(|outbox| {
            let mut batch = Vec::new();
            outbox.take(&mut batch);
            batch.len()
        });
        assert_eq!(taken.collect::<Vec<_>>(), [1, 0, 2]);
    }
}
