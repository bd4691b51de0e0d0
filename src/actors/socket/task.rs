//! What waits: one small task per session for its socket, one per worker for deliveries, one for
//! time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

use super::outbox::{Delivery, Outbox};
use super::session::{Phase, Written};
use super::worker::{Worker, turn_away};
use super::{Application, SocketConfig};
use crate::hub::SessionId;

/// Bytes that are read from one socket before others have their turn.
const READ_BYTES_PER_TURN: usize = 64 * 1024;
/// Queues that are appended to before the sockets are read again.
const RECEIVERS_PER_TURN: usize = 16 * 1024;
/// Deliveries that there is room for while none are there.
const DELIVERIES_KEPT: usize = 4 * 1024;

/// The sockets of this worker thread. Clones are the same.
pub struct Sockets<A: Application> {
    inner: Rc<RefCell<Inner<A>>>,
}

struct Inner<A: Application> {
    worker: Worker<A>,
    /// Read into by all sockets in turn.
    buffer: Box<[u8]>,
    /// Taken from the outbox and not yet done.
    deliveries: VecDeque<Delivery>,
}

impl<A: Application> Clone for Sockets<A> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<A: Application> Sockets<A> {
    /// Starts worker `number` on this thread, which must be in a `LocalSet` or local runtime.
    pub fn start(number: usize, outbox: Outbox, config: Arc<SocketConfig>, application: A) -> Self {
        outbox.enter();
        let sweep_interval = config.sweep_interval();
        let worker = Worker::new(number, outbox, config, application);
        let (buffer, deliveries) = (read_buffer(), VecDeque::new());
        let sockets = Self { inner: Rc::new(RefCell::new(Inner { worker, buffer, deliveries })) };

        let deliver = sockets.clone();
        actix_rt::spawn(poll_fn(move |context| deliver.inner.borrow_mut().deliver(context)));
        let sweep = sockets.clone();
        actix_rt::spawn(async move {
            let mut interval = actix_rt::time::interval(sweep_interval);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                interval.tick().await;
                let worker = &mut sweep.inner.borrow_mut().worker;
                worker.tick();
                worker.sweep();
            }
        });
        sockets
    }

    pub(super) fn from_shared(shared: Rc<dyn std::any::Any>) -> Option<Self> {
        Some(Self { inner: shared.downcast().ok()? })
    }

    pub(super) fn shared(&self) -> Rc<dyn std::any::Any> {
        Rc::clone(&self.inner) as Rc<dyn std::any::Any>
    }

    /// Whether one more socket may be taken.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.inner.borrow().worker.has_room()
    }

    /// Opens a session on a socket whose handshake is accepted with `answer`. `early` is what was
    /// read after the request.
    pub fn open(&self, stream: TcpStream, answer: Bytes, mut early: BytesMut, hello: A::Hello) {
        let session = {
            let worker = &mut self.inner.borrow_mut().worker;
            worker.tick();
            worker.open(stream, answer, &mut early, hello)
        };
        self.watch(session);
    }

    /// Sends `answer`, an HTTP error, and closes the connection, as slowly as TCP needs it and
    /// within the close timeout.
    pub fn refuse(&self, stream: TcpStream, answer: Bytes) {
        if !self.has_room() {
            let _ = turn_away(&stream, &answer);
            return;
        }
        let session = {
            let worker = &mut self.inner.borrow_mut().worker;
            worker.tick();
            worker.refuse(stream, answer)
        };
        self.watch(session);
    }

    fn watch(&self, session: SessionId) {
        actix_rt::spawn(Watch { sockets: self.clone(), session });
    }
}

/// Waits for one socket until it is closed.
struct Watch<A: Application> {
    sockets: Sockets<A>,
    session: SessionId,
}

impl<A: Application> Future for Watch<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.sockets.inner.borrow_mut().attend(self.session, context)
    }
}

impl<A: Application> Inner<A> {
    /// Gives one session its turn: the socket takes what waits for it, then it is read.
    fn attend(&mut self, id: SessionId, context: &mut Context<'_>) -> Poll<()> {
        self.worker.tick();
        let Some(session) = self.worker.get(id) else { return Poll::Ready(()) };
        match &mut session.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        while let Some(session) = self.worker.get(id)
            && session.writer.is_blocked()
        {
            match session.writer.stream.poll_write_ready(context) {
                Poll::Pending => break,
                Poll::Ready(Err(_)) => self.worker.end(id.slot()),
                Poll::Ready(Ok(())) => {
                    if self.worker.write_on(id.slot()) == Some(Written::Paused) {
                        after_the_others(context);
                        break;
                    }
                }
            }
        }
        while let Some(session) = self.worker.get(id) {
            if session.deaf {
                return Poll::Pending;
            }
            if session.phase == Phase::Open && self.worker.application.congested() {
                self.worker.hold(id);
                return Poll::Pending;
            }
            let bytes = ready!(self.read(id, context));
            if bytes == READ_BYTES_PER_TURN {
                after_the_others(context);
                return Poll::Pending;
            }
            // After a short read tokio knows that the socket is empty: the next one asks the
            // kernel nothing and arranges to be woken.
        }
        Poll::Ready(())
    }

    /// Reads once and returns how many bytes that gave.
    fn read(&mut self, id: SessionId, context: &mut Context<'_>) -> Poll<usize> {
        let Some(session) = self.worker.get(id) else { return Poll::Ready(0) };
        if self.buffer.is_empty() {
            // The application panicked in an earlier turn.
            self.buffer = read_buffer();
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let stream = Pin::new(&mut session.writer.stream);
        let result = ready!(stream.poll_read(context, &mut buffer));
        let bytes = buffer.filled().len();
        if result.is_err() {
            self.worker.end(id.slot());
        } else if bytes == 0 {
            self.worker.end_of_input(id.slot());
        } else {
            let mut buffer = mem::take(&mut self.buffer);
            self.worker.digest(id.slot(), &mut buffer[..bytes]);
            self.buffer = buffer;
        }
        Poll::Ready(bytes)
    }

    /// Hands on what came from the sockets, then does what came for them.
    fn deliver(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.worker.common.outbox.register(context);
        self.worker.tick();
        self.worker.flush();
        // While some are left from the last turn the outbox is not looked at, and the wake-up for
        // what came into it in the meantime is used up by this very turn.
        let came_unseen = !self.deliveries.is_empty();
        self.take_deliveries();
        let (mut receivers, mut weight) = (0, 0);
        while receivers < RECEIVERS_PER_TURN
            && let Some(delivery) = self.deliveries.pop_front()
        {
            weight += delivery.weight();
            receivers += self.worker.apply(delivery);
        }
        if self.deliveries.is_empty() {
            self.worker.part_now();
        }
        self.worker.write_touched();
        if weight > 0 {
            self.worker.common.outbox.done(weight);
        }
        self.worker.flush();
        self.worker.release();
        if came_unseen || !self.deliveries.is_empty() {
            after_the_others(context);
        }
        Poll::Pending
    }

    fn take_deliveries(&mut self) {
        if self.deliveries.is_empty() {
            let mut room = Vec::from(mem::take(&mut self.deliveries));
            room.shrink_to(DELIVERIES_KEPT);
            self.worker.common.outbox.take(&mut room);
            self.deliveries = VecDeque::from(room);
        }
    }
}

/// Wakes the task again, after those whose sockets have become ready in the meantime. By waking
/// itself it would have 61 turns before tokio looks at the sockets again.
fn after_the_others(context: &mut Context<'_>) {
    let _ = pin!(tokio::task::yield_now()).poll(context);
}

fn read_buffer() -> Box<[u8]> {
    vec![0; READ_BYTES_PER_TURN].into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Receivers, Workers};
    use super::*;

    struct Nobody;

    impl Application for Nobody {
        type Hello = ();
        fn opened(&mut self, _: SessionId, (): ()) {}
        fn text(&mut self, _: SessionId, _: &str) {}
        fn binary(&mut self, _: SessionId, _: &[u8]) {}
        fn overflowed(&mut self, _: SessionId) {}
        fn closed(&mut self, _: SessionId) {}
        fn flush(&mut self) {}
    }

    fn batch(count: usize) -> Vec<Delivery> {
        let to = Receivers::One(SessionId::new(0, 0, 0));
        vec![Delivery::Send { to, bundle: Bytes::from_static(b"x").into() }; count]
    }

    #[test]
    fn what_comes_while_a_large_batch_is_done_is_done_too() {
        actix_rt::System::new().block_on(async {
            let workers = Workers::new(1, SocketConfig::default());
            let _sockets = workers.enter(|_, _| Nobody);
            let outbox = &workers.outboxes()[0];
            outbox.deliver(&mut batch(RECEIVERS_PER_TURN + 1));
            let all = outbox.backlog();
            // The first turn does what one turn may do.
            while outbox.backlog() == all {
                tokio::task::yield_now().await;
            }
            assert_ne!(outbox.backlog(), 0, "one is left");
            outbox.deliver(&mut batch(1));
            let done = outbox.backlog_below(1);
            tokio::time::timeout(Duration::from_secs(10), done).await.expect("all is done");
        });
    }
}
