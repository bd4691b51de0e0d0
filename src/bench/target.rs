//! Where a hub listens.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A `ws://` URL whose host has been looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The first address of the host.
    pub address: SocketAddr,
    /// `host:port` as it was given.
    authority: String,
    /// Path and query.
    path: String,
}

impl Target {
    /// The request for an upgrade. `query` has to be encoded.
    pub(super) fn request(&self, query: &str) -> String {
        let Self { authority, path, .. } = self;
        let join = if path.contains('?') { '&' } else { '?' };
        // The key of the RFC: a proxy would mind, and a server cannot tell.
        format!(
            "GET {path}{join}{query} HTTP/1.1\r\n\
             host: {authority}\r\n\
             connection: upgrade\r\n\
             upgrade: websocket\r\n\
             sec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest =
            url.strip_prefix("ws://").ok_or("must begin with ws:// (there is no TLS here)")?;
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if path.contains(|byte: char| byte.is_whitespace() || byte == '#') {
            return Err("must not hold white space or #".to_owned());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let mut found = with_port.to_socket_addrs().map_err(|error| error.to_string())?;
        let address = found.next().ok_or("the host has no address")?;
        Ok(Self { address, authority: authority.to_owned(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, address, path) in [
            ("ws://127.0.0.1:8085/ws", "127.0.0.1:8085", "/ws?userId=u "),
            ("ws://127.0.0.1", "127.0.0.1:80", "/?userId=u "),
            ("ws://[::1]/ws?v=2", "[::1]:80", "/ws?v=2&userId=u "),
            ("ws://[::1]:7?v=2", "[::1]:7", "/?v=2&userId=u "),
        ] {
            let target: Target = url.parse().unwrap();
            assert_eq!(target.address.to_string(), address, "{url}");
            let request = target.request("userId=u");
            assert!(request.starts_with(&format!("GET {path}HTTP/1.1\r\n")), "{request}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in
            ["wss://127.0.0.1/ws", "127.0.0.1:8085", "ws://127.0.0.1:x/", "ws://127.0.0.1/a b"]
        {
            assert!(url.parse::<Target>().is_err(), "{url}");
        }
    }
}
