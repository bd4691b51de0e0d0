//! The metrics page: shows what hub, store, Redis and sockets have counted.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::Shared;
use super::status::inspect;
use crate::actors::hub::Status;
use crate::actors::redis_store::RedisCounters;
use crate::actors::socket::Workers;
use crate::hub::{Health, Kept};
use crate::metrics::{CONTENT_TYPE, Metrics, show_total};
use crate::protocol::ErrorCode;

/// Where the numbers come from that are kept elsewhere.
pub struct Sources {
    /// The sockets.
    pub workers: Workers,
    /// Redis, if there is one.
    pub redis: Option<Arc<RedisCounters>>,
}

pub(super) async fn metrics(shared: Data<Shared>) -> HttpResponse {
    if let Some(status) = inspect(&shared).await {
        show_status(&status, &shared.metrics);
    }
    show_sources(&shared.sources, &shared.metrics);
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(shared.metrics.encode())
}

fn show_status(status: &Status, metrics: &Metrics) {
    let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    metrics.connections.set(gauge(status.sessions));
    metrics.available_users.set(gauge(status.available));
    metrics.rooms.set(gauge(status.rooms));
    metrics.store_up.set(i64::from(status.store == Health::Ok));
    metrics.journal_messages.set(gauge(status.journal_messages));
    metrics.journal_bytes.set(gauge(status.journal_bytes));
    metrics.memory_store_messages.set(gauge(status.memory.messages));
    metrics.memory_store_bytes.set(gauge(status.memory.bytes));
    show_total(&metrics.memory_store_evicted, status.memory.evicted);

    let counts = status.counts;
    show_total(metrics.messages(Kept::Redis), counts.redis);
    show_total(metrics.messages(Kept::Memory), counts.memory);
    show_total(metrics.messages(Kept::Journal), counts.journal);
    show_total(&metrics.messages_replayed, counts.replayed);
    show_total(&metrics.messages_refused, counts.refused);
    show_total(&metrics.journal_refused, counts.journal_refused);
    show_total(&metrics.journal_volatile, counts.journal_volatile);
    show_total(&metrics.store_outages, counts.outages);
    show_total(&metrics.facts_dropped, counts.facts_dropped);

    show_total(&metrics.rate_limited, status.hub.rate_limited);
    for (code, total) in ErrorCode::ALL.iter().zip(status.hub.errors) {
        show_total(metrics.errors(*code), total);
    }
}

fn show_sources(sources: &Sources, metrics: &Metrics) {
    let sockets = sources.workers.counts();
    show_total(&metrics.queue_overflows, sockets.overflows);
    show_total(&metrics.bytes_received, sockets.bytes_in);
    show_total(&metrics.bytes_sent, sockets.bytes_out);
    for (code, total) in sockets.closes {
        if let Some(code) = code {
            show_total(metrics.closes(code), total);
        }
    }
    for (event, total) in sources.redis.iter().flat_map(|redis| redis.all()) {
        if let Some(counter) = metrics.redis(event) {
            show_total(counter, total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::REDIS_EVENTS;

    #[test]
    fn every_counter_of_the_redis_store_is_shown() {
        let counted: Vec<&str> = RedisCounters::default().all().iter().map(|it| it.0).collect();
        assert_eq!(counted, REDIS_EVENTS);
    }
}
