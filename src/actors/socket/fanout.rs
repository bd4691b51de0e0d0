//! Sorts what the hub sends by the worker that has the socket.

use std::sync::Arc;

use bytes::Bytes;

use super::outbox::{Bundle, Delivery, Outbox, Receivers};
use crate::hub::{Audience, SessionId};

/// Bytes of frames that are bundled at most: many frames of the usual size, little to copy.
const BUNDLE_BYTES_MAX: usize = 16 * 1024;

/// Gathers deliveries for all workers and hands each worker its own in one batch.
#[derive(Debug)]
pub struct Fanout {
    outboxes: Arc<[Outbox]>,
    batches: Vec<Vec<Delivery>>,
    /// Gathered last, and not yet sorted: the next frame may be for the same audience.
    parcel: Option<Parcel>,
}

/// Frames that follow each other to the same audience: each receiver's queue gets them as one.
#[derive(Debug)]
struct Parcel {
    to: Audience,
    first: Bytes,
    frames: u32,
    /// All of the frames, if there are several.
    joined: Vec<u8>,
}

impl Fanout {
    /// A fan-out to these workers, the one with number 0 first.
    #[must_use]
    pub fn new(outboxes: Arc<[Outbox]>) -> Self {
        let batches = outboxes.iter().map(|_| Vec::new()).collect();
        Self { outboxes, batches, parcel: None }
    }

    /// Gathers a frame, header and all, for an audience.
    pub fn send(&mut self, to: Audience, frame: &Bytes) {
        match &mut self.parcel {
            Some(parcel) if parcel.takes(&to, frame) => parcel.add(frame),
            _ => {
                self.sort();
                let (first, joined) = (frame.clone(), Vec::new());
                self.parcel = Some(Parcel { to, first, frames: 1, joined });
            }
        }
    }

    /// Gathers the end of a connection, after what was gathered for it before.
    pub fn close(&mut self, session: SessionId, code: u16, reason: String) {
        self.sort();
        self.gather(session.worker(), Delivery::Close { session, code, reason });
    }

    /// Hands on all that was gathered.
    pub fn flush(&mut self) {
        self.sort();
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
    pub fn backlog_below(&self, bytes: usize) -> impl Future<Output = ()> + use<> {
        let outboxes = Arc::clone(&self.outboxes);
        async move {
            for outbox in &*outboxes {
                outbox.backlog_below(bytes).await;
            }
        }
    }

    /// Makes a worker ask again whether the application is congested.
    pub fn resume(&self, worker: usize) {
        self.outboxes[worker].resume();
    }

    fn sort(&mut self) {
        let Some(Parcel { to, first, frames, joined }) = self.parcel.take() else { return };
        let bytes = if frames == 1 { first } else { Bytes::from(joined) };
        let bundle = Bundle { bytes, frames };
        for (worker, to) in split(&to) {
            self.gather(worker, Delivery::Send { to, bundle: bundle.clone() });
        }
    }

    fn gather(&mut self, worker: usize, delivery: Delivery) {
        if let Some(batch) = self.batches.get_mut(worker) {
            batch.push(delivery);
        }
    }
}

impl Parcel {
    /// Whether the frame may go with those that are here. For a single receiver it would be no gain.
    fn takes(&self, to: &Audience, frame: &Bytes) -> bool {
        let same = match (&self.to, to) {
            (Audience::Many(ours), Audience::Many(theirs)) => {
                Arc::ptr_eq(ours, theirs) && ours.len() > 1
            }
            _ => false,
        };
        same && self.first.len().max(self.joined.len()) + frame.len() <= BUNDLE_BYTES_MAX
    }

    fn add(&mut self, frame: &Bytes) {
        if self.joined.is_empty() {
            self.joined.reserve((4 * self.first.len()).min(BUNDLE_BYTES_MAX));
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(frame);
        self.frames += 1;
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
        fanout.send(Audience::Many([session(0, 1), session(2, 1)].into()), &Bytes::new());
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

    /// What one worker gets: how many frames, in how many bytes; a close is nothing in nothing.
    fn gathered(gather: impl FnOnce(&mut Fanout)) -> Vec<(u32, usize)> {
        let outboxes: Arc<[Outbox]> = [Outbox::default()].into();
        outboxes[0].enter();
        let mut fanout = Fanout::new(Arc::clone(&outboxes));
        gather(&mut fanout);
        fanout.flush();
        let mut batch = Vec::new();
        outboxes[0].take(&mut batch);
        let size = |delivery| match delivery {
            Delivery::Send { bundle, .. } => (bundle.frames, bundle.bytes.len()),
            Delivery::Close { .. } => (0, 0),
        };
        batch.into_iter().map(size).collect()
    }

    #[test]
    fn frames_to_the_same_audience_are_bundled_while_nothing_comes_between() {
        let [tea, zen] =
            [[1, 2], [1, 3]].map(|ns| Audience::Many(ns.map(|n| session(0, n)).into()));
        let frame = Bytes::from_static(b"frame");
        let gathered = gathered(|fanout| {
            for to in [&tea, &tea, &tea, &zen, &tea] {
                fanout.send(to.clone(), &frame);
            }
            fanout.close(session(0, 1), 1000, String::new());
            fanout.send(tea.clone(), &frame);
            fanout.send(Audience::One(session(0, 2)), &frame);
            fanout.send(Audience::One(session(0, 2)), &frame);
        });
        assert_eq!(gathered, [(3, 15), (1, 5), (1, 5), (0, 0), (1, 5), (1, 5), (1, 5)]);
    }

    #[test]
    fn a_bundle_holds_its_frames_in_order_up_to_16_kib() {
        let to = Audience::Many([session(0, 1), session(0, 2)].into());
        let sizes = [BUNDLE_BYTES_MAX - 10, 10, 1, BUNDLE_BYTES_MAX + 1, 1];
        let gathered = gathered(|fanout| {
            for size in sizes {
                fanout.send(to.clone(), &Bytes::from(vec![0; size]));
            }
        });
        let expected = [(2, BUNDLE_BYTES_MAX), (1, 1), (1, BUNDLE_BYTES_MAX + 1), (1, 1)];
        assert_eq!(gathered, expected);
    }
}
