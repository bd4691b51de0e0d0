//! The chat page, embedded in the binary.

use actix_web::HttpResponse;
use actix_web::http::header::{self, ETAG, IF_NONE_MATCH};
use actix_web::web::Path;
use actix_web::{HttpRequest, http::StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error;

/// The files of `web/`.
#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// Nothing but what this server serves may run in the page.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(super) async fn index(request: HttpRequest) -> HttpResponse {
    serve(&request, "index.html")
}

pub(super) async fn asset(request: HttpRequest, name: Path<String>) -> HttpResponse {
    serve(&request, &name)
}

fn serve(request: &HttpRequest, name: &str) -> HttpResponse {
    let Some(file) = Files::get(name) else {
        return error(StatusCode::NOT_FOUND, "not_found", "there is no such file");
    };
    let tag = tag(&file);
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag))
        // Asked for again each time, so that an update of the hub updates the page.
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"));
    if known {
        return response.finish();
    }
    let kind = file.metadata.mimetype();
    let kind =
        if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    response.content_type(kind).body(file.data)
}

fn tag(file: &EmbeddedFile) -> String {
    let hash: String =
        file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}
