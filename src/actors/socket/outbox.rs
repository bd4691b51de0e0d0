//! The way from another thread, the hub's, to the sockets of one worker: a batch at a time, one
//! lock and at most one wake-up each.

use std::future::poll_fn;
use std::mem::{self, size_of};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use super::counters::Counters;
use crate::hub::SessionId;

/// One thing for a worker to do. Things are done in the order in which they were delivered;
/// what is for a session that is gone is dropped in silence.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Put a frame into the queue of each receiver.
    Send {
        /// Who gets it; all of them sessions of the worker.
        to: Receivers,
        /// What they get.
        bundle: Bundle,
    },
    /// Close a connection after what is queued for it.
    Close {
        /// Whose.
        session: SessionId,
        /// The code in the close frame.
        code: u16,
        /// The text in the close frame; what is above 123 bytes is cut off.
        reason: String,
    },
}

/// One or more whole WebSocket frames, headers and all, that have the same way from here on.
/// Clones share the bytes.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    /// The frames, one behind the other.
    pub bytes: Bytes,
    /// How many they are.
    pub frames: u32,
}

impl From<Bytes> for Bundle {
    /// One frame by itself.
    fn from(frame: Bytes) -> Self {
        Self { bytes: frame, frames: 1 }
    }
}

/// Who of one worker gets a frame.
#[derive(Debug, Clone)]
pub enum Receivers {
    /// One session.
    One(SessionId),
    /// Those of a shared list that stand in a range of it.
    Many(Arc<[SessionId]>, Range<usize>),
}

impl Receivers {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(_, range) => range.len(),
        }
    }
}

impl Delivery {
    /// The work that it is, in bytes: those to be written, and those of a place in each queue.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Send { to, bundle } => to.count() * (bundle.bytes.len() + size_of::<Bundle>()),
            Self::Close { reason, .. } => reason.len() + size_of::<Self>(),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    /// Whether a thread has become this worker.
    claimed: AtomicBool,
    /// Sessions that the worker has had; it outlives a thread that is replaced.
    serial: AtomicU64,
    backlog: AtomicUsize,
    /// Woken when there is something to deliver, or when the reader may go on.
    worker: AtomicWaker,
    /// Woken when the backlog has become smaller.
    sender: AtomicWaker,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Inbox {
    deliveries: Vec<Delivery>,
    /// Without a worker there are no sessions, and what is for them is dropped.
    working: bool,
}

/// The sending end; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    shared: Arc<Shared>,
}

impl Outbox {
    /// Hands on all of `batch`, in order, and leaves it empty with its room for the next one.
    pub fn deliver(&self, batch: &mut Vec<Delivery>) {
        if batch.is_empty() {
            return;
        }
        let weight: usize = batch.iter().map(Delivery::weight).sum();
        let idle = {
            let mut inbox = self.lock();
            if !inbox.working {
                batch.clear();
                return;
            }
            let idle = inbox.deliveries.is_empty();
            inbox.deliveries.append(batch);
            self.shared.backlog.fetch_add(weight, Ordering::Relaxed);
            idle
        };
        if idle {
            self.shared.worker.wake();
        }
    }

    /// What was delivered and is not yet done, as the sum of [`Delivery::weight`]. Whoever
    /// delivers keeps it bounded by waiting in [`Self::backlog_below`].
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.shared.backlog.load(Ordering::Relaxed)
    }

    /// Waits until the backlog is below `bytes`. Only one task may wait at a time.
    pub async fn backlog_below(&self, bytes: usize) {
        poll_fn(|context| {
            self.shared.sender.register(context.waker());
            if self.backlog() < bytes { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Makes the worker ask [`Application::congested`](super::Application::congested) again, when
    /// that may have become false.
    pub fn resume(&self) {
        self.shared.worker.wake();
    }

    /// What the worker has counted so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // A panic cannot leave a list half-appended, so a poisoned lock is as good as any.
        self.shared.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the caller this worker, unless another thread is.
    pub(super) fn claim(&self) -> bool {
        !self.shared.claimed.swap(true, Ordering::AcqRel)
    }

    /// Begins to take deliveries.
    pub(super) fn enter(&self) {
        self.lock().working = true;
    }

    /// Ends: the worker's sessions are gone, and nobody need wait for it.
    pub(super) fn leave(&self) {
        {
            let mut inbox = self.lock();
            *inbox = Inbox::default();
            self.shared.backlog.store(0, Ordering::Relaxed);
        }
        self.shared.sender.wake();
        self.shared.claimed.store(false, Ordering::Release);
    }

    /// A number that no session of this worker had before.
    pub(super) fn next_serial(&self) -> u64 {
        self.shared.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Arranges for the worker's task to be woken by what comes from now on.
    pub(super) fn register(&self, context: &Context<'_>) {
        self.shared.worker.register(context.waker());
    }

    /// Swaps what has come with `empty`.
    pub(super) fn take(&self, empty: &mut Vec<Delivery>) {
        debug_assert!(empty.is_empty());
        mem::swap(&mut self.lock().deliveries, empty);
    }

    /// Tells that deliveries of this weight are done.
    pub(super) fn done(&self, weight: usize) {
        self.shared.backlog.fetch_sub(weight, Ordering::Relaxed);
        self.shared.sender.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    fn working() -> Outbox {
        let outbox = Outbox::default();
        outbox.enter();
        outbox
    }

    fn send(to: Receivers, bytes: usize) -> Delivery {
        Delivery::Send { to, bundle: Bytes::from(vec![0; bytes]).into() }
    }

    #[test]
    fn batches_are_taken_in_the_order_in_which_they_came() {
        let outbox = working();
        let session = |n| SessionId::new(0, n, 0);
        for batch in [[1, 2], [3, 4]] {
            let mut batch = batch.map(|n| send(Receivers::One(session(n)), 1)).to_vec();
            outbox.deliver(&mut batch);
            assert!(batch.is_empty());
        }
        let mut taken = Vec::new();
        outbox.take(&mut taken);
        let order: Vec<SessionId> = taken
            .iter()
            .map(|delivery| match delivery {
                Delivery::Send { to: Receivers::One(session), .. } => *session,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, [1, 2, 3, 4].map(session));
    }

    #[test]
    fn the_backlog_counts_what_each_receiver_is_to_be_sent() {
        let outbox = working();
        let sessions: Arc<[SessionId]> = (0..10).map(|n| SessionId::new(0, n, 0)).collect();
        outbox.deliver(&mut vec![send(Receivers::Many(sessions, 2..9), 100)]);
        assert_eq!(outbox.backlog(), 7 * (100 + size_of::<Bundle>()));
    }

    #[test]
    fn nothing_is_kept_for_a_worker_that_is_gone() {
        let outbox = working();
        outbox.deliver(&mut vec![send(Receivers::One(SessionId::new(0, 1, 0)), 100)]);
        outbox.leave();
        outbox.deliver(&mut vec![send(Receivers::One(SessionId::new(0, 1, 0)), 100)]);
        assert_eq!((outbox.backlog(), outbox.lock().deliveries.len()), (0, 0));
    }

    #[test]
    fn one_thread_at_a_time_is_the_worker() {
        let outbox = Outbox::default();
        assert_eq!([outbox.claim(), outbox.claim()], [true, false]);
        outbox.leave();
        assert!(outbox.claim());
    }

    #[test]
    fn a_sender_may_go_on_below_its_bound_and_not_at_it() {
        let outbox = working();
        outbox.shared.backlog.store(101, Ordering::Relaxed);
        let mut waiting = pin!(outbox.backlog_below(100));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        outbox.done(1);
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        outbox.done(1);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }
}
