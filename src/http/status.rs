//! How the process and what it depends on are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::Shared;
use crate::actors::hub::{Inspect, Status};
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
