//! Who may open a WebSocket: path, origin, ids and limits, all before the upgrade.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_http::header::{self, HeaderValue};
use actix_http::{RequestHead, StatusCode};
use actix_web::HttpResponse;
use actix_web::web::Query;

use super::error;
use super::upgrade::Refusal as Answer;
use crate::actors::client::{Admission, Full, Hello};
use crate::config::{Origins, TrustedProxies, client_address};
use crate::metrics::{Metrics, Refusal};
use crate::protocol::{ErrorCode, Id, RoomId, UserId, Version};

/// Seconds after which a client that found the node full or stopping may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// What the decision on a handshake rests on.
pub struct Doorkeeper {
    /// Which pages may connect.
    pub origins: Origins,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// The limits on connections.
    pub admission: Arc<Admission>,
    /// Set when the server begins to stop.
    pub draining: Arc<AtomicBool>,
    /// Where refusals are counted.
    pub metrics: Metrics,
}

/// Decides on one handshake.
///
/// # Errors
/// The HTTP answer of a refusal: 404 for another path, 400 for bad ids, 403 for the origin, 429 for
/// too many from one address, 503 for a full or stopping node.
pub fn decide(
    keeper: &Doorkeeper,
    head: &RequestHead,
    peer: Option<SocketAddr>,
) -> Result<Hello, Answer> {
    if head.uri.path() != "/ws" {
        return Err(Answer::new(StatusCode::NOT_FOUND, "not_found", "the WebSocket is at /ws"));
    }
    let refuse = |reason: Refusal, status, code, message: &str| {
        keeper.metrics.refused(reason);
        Answer::new(status, code, message)
    };
    if keeper.draining.load(Ordering::Relaxed) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let answer = refuse(Refusal::Draining, status, "shutting_down", "the node is stopping");
        return Err(answer.with_header(header::RETRY_AFTER, RETRY_AFTER));
    }
    if !keeper.origins.allows(text(head, header::ORIGIN), text(head, header::HOST).unwrap_or("")) {
        let message = "this origin is not in ALLOWED_ORIGINS";
        return Err(refuse(Refusal::Origin, StatusCode::FORBIDDEN, "forbidden", message));
    }
    let asked = Asked::read(head.uri.query().unwrap_or("")).map_err(|wrong| {
        let status = StatusCode::BAD_REQUEST;
        let answer = refuse(Refusal::BadRequest, status, wrong.code.name(), &wrong.message);
        match wrong.field {
            Some(field) => answer.with_field(field),
            None => answer,
        }
    })?;
    let permit =
        keeper.admission.admit(address(keeper, head, peer)).map_err(|full| match full {
            Full::Node => {
                let (status, message) = (StatusCode::SERVICE_UNAVAILABLE, "the node is full");
                refuse(Refusal::NodeFull, status, "node_full", message)
                    .with_header(header::RETRY_AFTER, RETRY_AFTER)
            }
            Full::Address => {
                let message = "too many connections from this address";
                refuse(Refusal::AddressFull, StatusCode::TOO_MANY_REQUESTS, "rate_limited", message)
                    .with_header(header::RETRY_AFTER, RETRY_AFTER)
            }
        })?;
    Ok(Hello { user: asked.user, version: asked.version, room: asked.room, permit })
}

/// What a plain GET of the WebSocket's path is told.
pub(super) async fn not_upgraded() -> HttpResponse {
    let message = "this is a WebSocket: connect with Upgrade: websocket";
    let mut response = error(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message);
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

fn text(head: &RequestHead, name: header::HeaderName) -> Option<&str> {
    // An origin that is not text is none that anybody allowed.
    head.headers().get(name).map(|value| value.to_str().unwrap_or("null"))
}

fn address(
    keeper: &Doorkeeper,
    head: &RequestHead,
    peer: Option<SocketAddr>,
) -> Option<std::net::IpAddr> {
    let all =
        |name: &'static str| head.headers().get_all(name).filter_map(|value| value.to_str().ok());
    let (hops, forwarded) = (all("x-forwarded-for"), all("forwarded"));
    Some(client_address(peer?.ip(), hops, forwarded, &keeper.trusted_proxies))
}

/// The query of the URL, understood.
#[derive(Debug)]
struct Asked {
    user: UserId,
    room: Option<RoomId>,
    version: Version,
}

/// What is wrong with the query.
#[derive(Debug)]
struct Wrong {
    code: ErrorCode,
    field: Option<&'static str>,
    message: String,
}

impl Wrong {
    fn invalid(field: &'static str, why: impl std::fmt::Display) -> Self {
        let message = format!("{field} {why}");
        Self { code: ErrorCode::InvalidField, field: Some(field), message }
    }

    fn query(why: impl std::fmt::Display) -> Self {
        let message = format!("the query {why}");
        Self { code: ErrorCode::InvalidField, field: None, message }
    }
}

impl Asked {
    fn read(query: &str) -> Result<Self, Wrong> {
        // A replacement character would make two broken names the same.
        if percent_encoding::percent_decode_str(query).decode_utf8().is_err() {
            return Err(Wrong::query("is not UTF-8"));
        }
        let Query(fields) =
            Query::<Vec<(String, String)>>::from_query(query).map_err(Wrong::query)?;
        let value =
            |name: &str| fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str());
        let user = value("userId").ok_or_else(|| Wrong {
            code: ErrorCode::MissingField,
            field: Some("userId"),
            message: "userId is missing".to_owned(),
        })?;
        let user = Id::new(user).map_err(|why| Wrong::invalid("userId", why))?;
        let room = value("room").map(Id::new).transpose();
        let room = room.map_err(|why| Wrong::invalid("room", why))?;
        let version = match value("v") {
            None | Some("1") => Version::V1,
            Some("2") => Version::V2,
            Some(_) => return Err(Wrong::invalid("v", "must be 1 or 2")),
        };
        Ok(Self { user, room, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> (&'static str, Option<&'static str>) {
        let wrong = Asked::read(query).expect_err("refused");
        (wrong.code.name(), wrong.field)
    }

    #[test]
    fn ids_are_decoded_and_checked() {
        let asked = Asked::read("userId=ana%20b%C3%A9&room=tea+time&v=2&token=x").unwrap();
        assert_eq!((asked.user.as_str(), asked.version), ("ana bé", Version::V2));
        assert_eq!(asked.room.unwrap().as_str(), "tea time");
        assert_eq!(refused(""), ("missing_field", Some("userId")));
        for (query, field) in [
            ("userId=", Some("userId")),
            ("userId=%20ana", Some("userId")),
            ("userId=a%0Ab", Some("userId")),
            ("userId=a&room=", Some("room")),
            ("userId=a&v=3", Some("v")),
            ("userId=%ff", None),
        ] {
            assert_eq!(refused(query), ("invalid_field", field), "{query}");
        }
    }

    #[test]
    fn an_absent_room_is_none_and_v1_is_the_default() {
        let asked = Asked::read("userId=ana").unwrap();
        assert!(asked.room.is_none());
        assert_eq!(asked.version, Version::V1);
    }
}
