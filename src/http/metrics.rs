//! The metrics page: brings the counters up to date with what hub, store and sockets counted.

use std::sync::{Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::Shared;
use super::status::inspect;
use crate::actors::hub::Status;
use crate::actors::socket::{Counts as SocketCounts, Workers};
use crate::hub::{Health, Kept};
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::protocol::ErrorCode;

/// Where the numbers come from that are kept elsewhere, and what of them was shown already.
pub struct Gauges {
    workers: Workers,
    shown: Mutex<Option<(Status, SocketCounts)>>,
}

impl Gauges {
    /// Nothing shown yet.
    #[must_use]
    pub fn new(workers: Workers) -> Self {
        Self { workers, shown: Mutex::new(None) }
    }

    fn refresh(&self, status: Status, metrics: &Metrics) {
        let sockets = self.workers.counts();
        // A panic cannot leave the place half-written.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        show_gauges(&status, metrics);
        show_growth(&status, &sockets, shown.as_ref(), metrics);
        *shown = Some((status, sockets));
    }
}

pub(super) async fn metrics(shared: Data<Shared>) -> HttpResponse {
    if let Some(status) = inspect(&shared).await {
        shared.gauges.refresh(status, &shared.metrics);
    }
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(shared.metrics.encode())
}

fn show_gauges(status: &Status, metrics: &Metrics) {
    let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    metrics.connections.set(gauge(status.sessions));
    metrics.rooms.set(gauge(status.rooms));
    metrics.store_up.set(i64::from(status.store == Health::Ok));
    metrics.journal_messages.set(gauge(status.journal_messages));
    metrics.journal_bytes.set(gauge(status.journal_bytes));
    metrics.memory_store_messages.set(gauge(status.memory.messages));
    metrics.memory_store_bytes.set(gauge(status.memory.bytes));
}

fn show_growth(
    status: &Status,
    sockets: &SocketCounts,
    shown: Option<&(Status, SocketCounts)>,
    metrics: &Metrics,
) {
    let (counts, before) = (status.counts, shown.map(|it| it.0.counts).unwrap_or_default());
    metrics.stored(Kept::Redis, counts.redis - before.redis);
    metrics.stored(Kept::Memory, counts.memory - before.memory);
    metrics.stored(Kept::Journal, counts.journal - before.journal);
    metrics.journal_refused.inc_by(counts.journal_refused - before.journal_refused);

    let before = shown.map(|it| it.0.hub.clone()).unwrap_or_default();
    metrics.rate_limited.inc_by(status.hub.rate_limited - before.rate_limited);
    for (at, code) in ErrorCode::ALL.iter().enumerate() {
        metrics.error(*code, status.hub.errors[at] - before.errors[at]);
    }

    let before = shown.map(|it| it.1.clone()).unwrap_or_default();
    metrics.queue_overflows.inc_by(sockets.overflows - before.overflows);
    for (at, (code, count)) in sockets.closes.iter().enumerate() {
        let before = before.closes.get(at).map_or(0, |close| close.1);
        if let Some(code) = code {
            metrics.closed(*code, count - before);
        }
    }
}
