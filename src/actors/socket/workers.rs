//! The workers of one server, known before their threads are.

use std::any::Any;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::{Application, Counts, Outbox, SocketConfig, Sockets};
use crate::hub::SessionId;

thread_local! {
    /// actix-server asks a thread for the service once per address that it listens on.
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// The sockets of a thread, and the workers that they belong to.
struct Here {
    outboxes: Arc<[Outbox]>,
    sockets: Weak<dyn Any>,
}

/// The workers of one server. Clones are the same.
#[derive(Debug, Clone)]
pub struct Workers {
    outboxes: Arc<[Outbox]>,
    config: Arc<SocketConfig>,
}

impl Workers {
    /// `count` workers; the server must be built with as many.
    ///
    /// # Panics
    /// When there are none, or more than [`SessionId::WORKERS_MAX`].
    #[must_use]
    pub fn new(count: usize, config: SocketConfig) -> Self {
        assert!((1..=SessionId::WORKERS_MAX).contains(&count), "{count} workers");
        let outboxes = (0..count).map(|_| Outbox::default()).collect();
        Self { outboxes, config: Arc::new(config) }
    }

    /// The way to each worker, by its number.
    #[must_use]
    pub fn outboxes(&self) -> &Arc<[Outbox]> {
        &self.outboxes
    }

    /// What all workers have counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.outboxes.iter().map(|outbox| outbox.counters().counts()).sum()
    }

    /// The sockets of this worker thread, which becomes a worker with the first call.
    ///
    /// # Panics
    /// When more threads call it than there are workers.
    pub fn enter<A: Application>(
        &self,
        application: impl FnOnce(usize, &Outbox) -> A,
    ) -> Sockets<A> {
        if let Some(sockets) = self.here() {
            return sockets;
        }
        let number = self.outboxes.iter().position(Outbox::claim);
        let number = number.expect("the server is built with as many workers as this has");
        let outbox = &self.outboxes[number];
        let application = application(number, outbox);
        let config = Arc::clone(&self.config);
        let sockets = Sockets::start(number, outbox.clone(), config, application);
        let outboxes = Arc::clone(&self.outboxes);
        HERE.set(Some(Here { outboxes, sockets: Rc::downgrade(&sockets.shared()) }));
        sockets
    }

    fn here<A: Application>(&self) -> Option<Sockets<A>> {
        HERE.with_borrow(|here| {
            let here = here.as_ref()?;
            let ours = Arc::ptr_eq(&here.outboxes, &self.outboxes);
            if ours { Sockets::from_shared(here.sockets.upgrade()?) } else { None }
        })
    }
}
