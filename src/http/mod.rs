//! HTTP: routes extract, ask and answer, and decide nothing.

mod connect;
mod metrics;
mod pages;
mod status;
pub mod upgrade;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix::Addr;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, http::StatusCode};

pub use connect::{Doorkeeper, decide};
pub use metrics::Sources;

use crate::actors::hub::HubActor;
use crate::actors::redis_store::RedisStore;
use crate::metrics::Metrics;

/// What the routes ask.
pub struct Shared {
    /// The hub.
    pub hub: Addr<HubActor>,
    /// The store, if there is one.
    pub redis: Option<Addr<RedisStore>>,
    /// The counters.
    pub metrics: Metrics,
    /// What else is shown with them.
    pub sources: Sources,
    /// Set when the server begins to stop.
    pub draining: Arc<AtomicBool>,
}

/// All routes.
pub fn routes(shared: Data<Shared>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(shared)
            .route("/health", web::get().to(status::health))
            .route("/ready", web::get().to(status::ready))
            .route("/api/v1/health/redis", web::get().to(status::redis))
            .route("/metrics", web::get().to(metrics::metrics))
            .route("/ws", web::get().to(connect::not_upgraded))
            .route("/", web::get().to(pages::index))
            .route("/assets/{name}", web::get().to(pages::asset))
            .default_service(web::to(not_found));
    }
}

async fn not_found() -> HttpResponse {
    error(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

/// The shape of every error over HTTP.
fn error(status: StatusCode, code: &str, message: &str) -> HttpResponse {
    let error = serde_json::json!({ "code": code, "message": message });
    HttpResponse::build(status).json(serde_json::json!({ "success": false, "error": error }))
}
