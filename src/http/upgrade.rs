//! From an HTTP request to a WebSocket session: checks the handshake, asks whether the client may
//! come in, and hands its socket to the worker's sockets. The dispatcher of the request ends at
//! once, and its memory is freed.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::ready;
use std::net::SocketAddr;
use std::rc::Rc;

use actix_codec::Framed;
use actix_http::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use actix_http::ws::{hash_key, verify_handshake};
use actix_http::{Request, RequestHead, StatusCode, Version, h1};
use actix_service::{ServiceFactory, fn_service};
use actix_web_actors::ws::HandshakeError;
use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;

use crate::actors::socket::{Application, Sockets};

/// Why a client may not come in, as HTTP tells it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// `error.code` of the body.
    pub code: &'static str,
    /// `error.message` of the body, for people.
    pub message: String,
    /// `error.field` of the body: what in the request is wrong.
    pub field: Option<&'static str>,
    /// Further headers, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal without field and further headers.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, headers: Vec::new() }
    }

    /// The same with the name of the field that is wrong.
    #[must_use]
    pub fn with_field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The whole HTTP response. The connection cannot be used again: what follows the request on
    /// it was meant for a WebSocket.
    fn response(&self) -> String {
        let (code, message) = (self.code, serde_json::Value::from(&*self.message));
        let field = self.field.map_or_else(String::new, |field| format!(r#","field":"{field}""#));
        let body = format!(
            r#"{{"success":false,"error":{{"code":"{code}","message":{message}{field}}}}}"#
        );
        let reason = self.status.canonical_reason().unwrap_or("Refused");
        let mut head = format!(
            "HTTP/1.1 {} {reason}\r\n\
             content-type: application/json\r\n\
             content-length: {}\r\n\
             connection: close\r\n",
            self.status.as_u16(),
            body.len(),
        );
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            write!(head, "{name}: {value}\r\n").expect("a String takes all");
        }
        head + "\r\n" + &body
    }
}

/// The service for [`HttpServiceBuilder::upgrade`](actix_http::HttpServiceBuilder::upgrade). It
/// gets every request with `Upgrade: websocket`, whatever its path, so `decide` looks at the path
/// too. What `decide` returns is the session's [`Application::Hello`].
pub fn upgrade<A: Application>(
    sockets: Sockets<A>,
    decide: impl Fn(&RequestHead, Option<SocketAddr>) -> Result<A::Hello, Refusal> + 'static,
) -> impl ServiceFactory<
    (Request, Framed<TcpStream, h1::Codec>),
    Config = (),
    Response = (),
    Error = Infallible,
    InitError = (),
    Future: 'static,
    Service: 'static,
> {
    let decide = Rc::new(decide);
    fn_service(move |(request, framed): (Request, Framed<TcpStream, h1::Codec>)| {
        let parts = framed.into_parts();
        let head = request.head();
        let decision = check(head)
            .and_then(|()| if sockets.has_room() { Ok(()) } else { Err(full()) })
            .and_then(|()| decide(head, request.peer_addr()));
        // Answers to earlier requests on this connection may still wait to be written.
        let mut answer = parts.write_buf;
        match decision {
            Ok(hello) => {
                let key = head.headers().get(SEC_WEBSOCKET_KEY);
                accept(&mut answer, key.expect("check() saw it"));
                sockets.open(parts.io, compact(answer), parts.read_buf, hello);
            }
            Err(refusal) => {
                answer.extend_from_slice(refusal.response().as_bytes());
                sockets.refuse(parts.io, compact(answer));
            }
        }
        ready(Ok(()))
    })
}

/// Checks the handshake by the rules of RFC 6455, section 4.2.1.
fn check(head: &RequestHead) -> Result<(), Refusal> {
    let bad = |message: &str| Refusal::new(StatusCode::BAD_REQUEST, "bad_handshake", message);
    if head.version < Version::HTTP_11 {
        return Err(bad("a WebSocket needs HTTP/1.1"));
    }
    verify_handshake(head).map_err(|error| match error {
        HandshakeError::GetMethodRequired => {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Refusal::new(status, "method_not_allowed", error.to_string())
                .with_header(actix_http::header::ALLOW, HeaderValue::from_static("GET"))
        }
        HandshakeError::NoVersionHeader | HandshakeError::UnsupportedVersion => {
            let status = StatusCode::UPGRADE_REQUIRED;
            Refusal::new(status, "unsupported_version", "WebSocket version 13 is required")
                .with_header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
        }
        error => bad(&error.to_string()),
    })
}

fn full() -> Refusal {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Refusal::new(status, "node_full", "this node holds as many connections as it can")
        .with_header(actix_http::header::RETRY_AFTER, HeaderValue::from_static("10"))
}

fn accept(answer: &mut BytesMut, key: &HeaderValue) {
    answer.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\n\
          connection: upgrade\r\n\
          upgrade: websocket\r\n\
          sec-websocket-accept: ",
    );
    answer.extend_from_slice(&hash_key(key.as_bytes()));
    answer.extend_from_slice(b"\r\n\r\n");
}

/// A copy of just the bytes, so that the dispatcher's large write buffer is freed.
fn compact(answer: BytesMut) -> Bytes {
    Bytes::copy_from_slice(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_json_with_its_headers() {
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "say \"please\"")
            .with_field("userId")
            .with_header(actix_http::header::RETRY_AFTER, HeaderValue::from_static("7"));
        let response = refusal.response();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
        assert!(head.ends_with("\r\nretry-after: 7"), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
        let error = r#"{"code":"too_many","message":"say \"please\"","field":"userId"}"#;
        assert_eq!(body, format!(r#"{{"success":false,"error":{error}}}"#));
    }
}
