//! What a worker makes of its sockets: frames of clients become inputs of the hub, a batch at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix::Addr;
use rustc_hash::FxHashMap;

use super::hub::{HubActor, Inputs};
use super::socket::Application;
use crate::hub::{Input, SessionId};
use crate::metrics::{Metrics, Received};
use crate::protocol::{RoomId, UserId, Version, parse};

/// Bytes of inputs that one worker may have on their way to the hub before it stops reading.
const INFLOW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What an input weighs beyond the text of its frame.
const INPUT_BYTES: usize = size_of::<Input>();

/// Who connects, as the handshake found out.
#[derive(Debug)]
pub struct Hello {
    /// The user.
    pub user: UserId,
    /// The frames that it knows.
    pub version: Version,
    /// The room to join at once.
    pub room: Option<RoomId>,
    /// Its place among the connections.
    pub permit: Permit,
}

/// How much of one worker's input is on its way to the hub.
#[derive(Debug, Default)]
pub struct Inflow(AtomicUsize);

impl Inflow {
    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) > INFLOW_BYTES_MAX
    }

    /// Takes off what the hub has handled; tells whether the worker had stopped for it and may go on.
    pub fn done(&self, bytes: usize) -> bool {
        let before = self.0.fetch_sub(bytes, Ordering::Relaxed);
        before > INFLOW_BYTES_MAX && before - bytes <= INFLOW_BYTES_MAX
    }
}

/// The application of one worker's sockets.
pub struct Client {
    worker: usize,
    hub: Addr<HubActor>,
    inflow: Arc<Inflow>,
    metrics: Metrics,
    permits: FxHashMap<SessionId, Permit>,
    inputs: Vec<Input>,
    bytes: usize,
}

impl Client {
    /// The application of `worker`, whose inputs count into `inflow`.
    #[must_use]
    pub fn new(worker: usize, hub: Addr<HubActor>, inflow: Arc<Inflow>, metrics: Metrics) -> Self {
        let (permits, inputs) = (FxHashMap::default(), Vec::new());
        Self { worker, hub, inflow, metrics, permits, inputs, bytes: 0 }
    }

    fn push(&mut self, input: Input, bytes: usize) {
        self.bytes += bytes + INPUT_BYTES;
        self.inputs.push(input);
    }
}

impl Application for Client {
    type Hello = Hello;

    fn opened(&mut self, session: SessionId, hello: Hello) {
        let Hello { user, version, room, permit } = hello;
        self.permits.insert(session, permit);
        self.push(Input::Connected { session, user, version, room }, 0);
    }

    fn text(&mut self, session: SessionId, text: &str) {
        let frame = parse(text);
        self.metrics.received(Received::of(&frame));
        self.push(Input::Frame { session, frame }, text.len());
    }

    fn binary(&mut self, session: SessionId, _: &[u8]) {
        self.push(Input::Binary { session }, 0);
    }

    fn overflowed(&mut self, session: SessionId) {
        self.permits.remove(&session);
        self.push(Input::Overflowed { session }, 0);
    }

    fn closed(&mut self, session: SessionId) {
        self.permits.remove(&session);
        self.push(Input::Closed { session }, 0);
    }

    fn flush(&mut self) {
        if self.inputs.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.inflow.add(bytes);
        let inputs = std::mem::take(&mut self.inputs);
        self.hub.do_send(Inputs { worker: self.worker, bytes, inputs });
    }

    fn congested(&self) -> bool {
        self.inflow.is_full() || self.bytes > INFLOW_BYTES_MAX
    }
}

/// Counts connections against their limits, over all workers.
#[derive(Debug)]
pub struct Admission {
    connections: AtomicUsize,
    connections_max: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    per_address_max: usize,
}

/// Why no permit is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// `MAX_CONNECTIONS` are there.
    Node,
    /// `MAX_CONNECTIONS_PER_IP` of this address are there.
    Address,
}

/// One connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    /// Limits for all connections and for those of one address.
    #[must_use]
    pub fn new(connections_max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self {
            connections: AtomicUsize::new(0),
            connections_max,
            by_address: Mutex::new(HashMap::new()),
            per_address_max,
        })
    }

    /// A place for one more connection of `address`; one without an address (a Unix socket, say)
    /// counts for the node only.
    ///
    /// # Errors
    /// [`Full`] names the limit that is reached.
    pub fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Permit, Full> {
        // Taken first and given back by the permit if the address has no place.
        let taken = self.connections.fetch_add(1, Ordering::Relaxed);
        let mut permit = Permit { admission: Arc::clone(self), address: None };
        if taken >= self.connections_max {
            return Err(Full::Node);
        }
        if let Some(address) = address {
            let mut by_address = self.by_address();
            let count = by_address.entry(address).or_default();
            if *count >= self.per_address_max {
                drop(by_address);
                return Err(Full::Address);
            }
            *count += 1;
            permit.address = Some(address);
        }
        Ok(permit)
    }

    fn by_address(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing between lock and unlock can leave the map half-changed.
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut by_address = self.admission.by_address();
        let count = by_address.get_mut(&address).expect("counted when the permit was given");
        *count -= 1;
        if *count == 0 {
            by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_as_many_connections_as_it_may_and_no_more() {
        let admission = Admission::new(2, 10);
        let permits = [admission.admit(None).unwrap(), admission.admit(None).unwrap()];
        assert_eq!(admission.admit(None).unwrap_err(), Full::Node);
        drop(permits);
        assert!(admission.admit(None).is_ok());
    }

    #[test]
    fn an_address_has_a_limit_of_its_own_and_leaves_no_trace() {
        let admission = Admission::new(10, 2);
        let (one, other) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let permits = [admission.admit(Some(one)).unwrap(), admission.admit(Some(one)).unwrap()];
        assert_eq!(admission.admit(Some(one)).unwrap_err(), Full::Address);
        assert!(admission.admit(Some(other)).is_ok());
        drop(permits);
        assert!(admission.admit(Some(one)).is_ok());
        assert!(admission.by_address().is_empty());
        assert_eq!(admission.connections.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_worker_that_stopped_may_go_on_when_the_hub_has_caught_up() {
        let inflow = Inflow::default();
        inflow.add(INFLOW_BYTES_MAX);
        assert!(!inflow.is_full());
        inflow.add(1);
        assert!(inflow.is_full());
        assert!(inflow.done(1));
        assert!(!inflow.is_full());
        assert!(!inflow.done(1), "it goes on already");
    }
}
