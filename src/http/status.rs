//! How the process and what it depends on are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::Shared;
use crate::actors::hub::{Inspect, Status};
use crate::actors::redis_store::Describe;
use crate::hub::Health;

/// A hub that takes longer to say how it is counts as stuck.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn inspect(shared: &Shared) -> Option<Status> {
    let asked = shared.hub.send(Inspect);
    actix_rt::time::timeout(PATIENCE, asked).await.ok()?.ok()
}

/// The process lives; that is all it says.
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(r#"{"status":"ok"}"#)
}

/// Whether this node should be sent clients. A degraded store is no reason not to: the hub works
/// without it, and all nodes would be taken out at once.
pub(super) async fn ready(shared: Data<Shared>) -> HttpResponse {
    let status = inspect(&shared).await;
    let draining = shared.draining.load(Ordering::Relaxed);
    let hub = match (draining, &status) {
        (true, _) => "draining",
        (false, None) => "not answering",
        (false, Some(_)) => "ok",
    };
    let store = match status.map(|status| status.store) {
        None => "unknown",
        Some(Health::Ok) => "ok",
        Some(Health::Degraded) => "degraded",
    };
    let text = format!("hub: {hub}\nstore: {store}\n");
    let mut response =
        if hub == "ok" { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.content_type("text/plain; charset=utf-8").body(text)
}

/// How Redis and the journal in front of it are. `uptime` is in seconds, `memoryUsage` in bytes; what
/// a Redis that is away cannot tell is null.
pub(super) async fn redis(shared: Data<Shared>) -> HttpResponse {
    let asked = async { shared.redis.as_ref()?.send(Describe).await.ok()?.ok() };
    let found = actix_rt::time::timeout(PATIENCE, asked).await.ok().flatten();
    let status = inspect(&shared).await;
    let journal = status.map(|status| {
        serde_json::json!({
            "messages": status.journal_messages,
            "bytes": status.journal_bytes,
            "durable": status.journal_durable,
        })
    });
    HttpResponse::Ok().json(serde_json::json!({
        "status": if found.is_some() { "connected" } else { "disconnected" },
        "uptime": found.as_ref().map(|it| it.uptime.as_secs()),
        "connectedClients": found.as_ref().map(|it| it.connected_clients),
        "memoryUsage": found.as_ref().map(|it| it.memory_bytes),
        "latencyMs": found.as_ref().map(|it| it.latency.as_secs_f64() * 1000.0),
        "journal": journal,
    }))
}
