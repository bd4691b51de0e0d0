//! Which web pages may connect, judged by the `Origin` header alone.

use std::net::Ipv6Addr;

use super::parse::{Parsed, list};

/// An origin (RFC 6454): scheme, host, port. The default port of a scheme is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]`. `None` for anything else, a path included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let mut bytes = scheme.bytes();
        if !bytes.next()?.is_ascii_lowercase()
            || !bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return None;
        }
        let (host, port) = authority_parts(authority)?;
        let port = port.or_else(|| default_port(&scheme));
        Some(Self { scheme, host, port })
    }

    fn is_local(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether the `Host` header of a request names the same host and port. The header carries no
    /// scheme, and behind a proxy that ends TLS nobody else tells it; so the page's own scheme says
    /// which port a header without one means.
    fn is_host(&self, header: &str) -> bool {
        authority_parts(header.trim()).is_some_and(|(host, port)| {
            host == self.host && port.or_else(|| default_port(&self.scheme)) == self.port
        })
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Host in lower case (IPv6 in its short form with brackets) and port.
fn authority_parts(text: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        return Some((format!("[{address}]"), port_part(rest)?));
    }
    let end = text.find(':').unwrap_or(text.len());
    let (host, rest) = text.split_at(end);
    // A dot at the end means the same host.
    let host = host.strip_suffix('.').unwrap_or(host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    Some((host.to_ascii_lowercase(), port_part(rest)?))
}

/// Nothing, or a colon and a port: `Some(None)` where there is none.
#[expect(clippy::option_option, reason = "no port and a wrong port are different things")]
fn port_part(text: &str) -> Option<Option<u16>> {
    match text.strip_prefix(':') {
        None => text.is_empty().then_some(None),
        Some("") => Some(None),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().map(Some)
        }
        Some(_) => None,
    }
}

/// Which origins may connect: `ALLOWED_ORIGINS` and `ALLOW_MISSING_ORIGIN`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// `None` when nothing was said: then the same host and this machine may connect.
    listed: Option<Listed>,
    missing: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Listed {
    any: bool,
    null: bool,
    origins: Vec<Origin>,
}

impl Origins {
    /// Takes the list of `ALLOWED_ORIGINS`, comma separated; `missing` says whether a client without
    /// an origin may connect although there is a list.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn listed(text: &str, missing: bool) -> Parsed<Self> {
        let mut listed = Listed::default();
        for entry in list(text) {
            match entry {
                "*" => listed.any = true,
                "null" => listed.null = true,
                _ => {
                    let bare = entry.strip_suffix('/').unwrap_or(entry);
                    let origin = Origin::parse(bare).ok_or(
                        "must be a comma separated list of scheme://host[:port] without a path, \
                         null, or * for all; names beyond ASCII as xn--…",
                    )?;
                    listed.origins.push(origin);
                }
            }
        }
        Ok(Self { listed: Some(listed), missing })
    }

    /// Whether `ALLOWED_ORIGINS` is set.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    /// Whether a request with this `Origin` header and this `Host` header may connect.
    ///
    /// - A list decides alone: `*` allows everybody, `null` allows the opaque origin, and a request
    ///   without an origin needs `ALLOW_MISSING_ORIGIN`.
    /// - Without a list: no origin (not a browser), the same host and port as the `Host` header, and
    ///   pages of `localhost`, `127.0.0.1` and `[::1]` on any port.
    #[must_use]
    pub fn allows(&self, origin: Option<&str>, host: &str) -> bool {
        match (&self.listed, origin) {
            (Some(listed), _) if listed.any => true,
            (Some(_), None) => self.missing,
            (Some(listed), Some("null")) => listed.null,
            (Some(listed), Some(text)) => {
                Origin::parse(text).is_some_and(|origin| listed.origins.contains(&origin))
            }
            (None, None) => true,
            (None, Some(text)) => {
                Origin::parse(text).is_some_and(|origin| origin.is_local() || origin.is_host(host))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "chat.example.com";

    fn listed(text: &str) -> Origins {
        Origins::listed(text, false).unwrap()
    }

    #[test]
    fn without_a_list_the_same_host_may_connect() {
        let origins = Origins::default();
        for (origin, host) in [
            ("https://chat.example.com", "chat.example.com"),
            ("https://chat.example.com", "chat.example.com:443"),
            ("https://chat.example.com:443", "chat.example.com"),
            ("http://chat.example.com", "chat.example.com:80"),
            ("http://CHAT.example.com:8085", "chat.EXAMPLE.com:8085"),
            ("http://10.0.0.1:8085", "10.0.0.1:8085"),
            ("http://[2001:db8::1]:8085", "[2001:DB8:0::1]:8085"),
            ("http://example.com.", "example.com"),
        ] {
            assert!(origins.allows(Some(origin), host), "{origin} on {host}");
        }
    }

    #[test]
    fn without_a_list_other_hosts_and_ports_may_not_connect() {
        let origins = Origins::default();
        for (origin, host) in [
            ("https://evil.example", "chat.example.com"),
            ("https://chat.example.com.evil.example", "chat.example.com"),
            ("https://evil.example/chat.example.com", "chat.example.com"),
            ("https://chat.example.com@evil.example", "chat.example.com"),
            ("https://sub.chat.example.com", "chat.example.com"),
            ("https://chat.example.com:8443", "chat.example.com"),
            ("http://chat.example.com", "chat.example.com:8085"),
            ("http://chat.example.com", "chat.example.com:443"),
            ("https://localhost.evil.example", "chat.example.com"),
            ("chat.example.com", "chat.example.com"),
            ("null", "chat.example.com"),
            ("", ""),
            ("https://", ""),
            ("https://chat.example.com", ""),
        ] {
            assert!(!origins.allows(Some(origin), host), "{origin} on {host}");
        }
    }

    #[test]
    fn without_a_list_this_machine_may_connect_on_any_port() {
        let origins = Origins::default();
        for origin in [
            "http://localhost",
            "http://localhost:3000",
            "https://LOCALHOST:5173",
            "http://127.0.0.1:8085",
            "http://[::1]:9",
            "http://[0:0::1]",
        ] {
            assert!(origins.allows(Some(origin), HOST), "{origin}");
        }
        assert!(!origins.allows(Some("http://127.0.0.2"), HOST));
    }

    #[test]
    fn without_a_list_a_client_without_an_origin_may_connect() {
        assert!(Origins::default().allows(None, HOST));
    }

    #[test]
    fn a_list_is_compared_on_scheme_host_and_port() {
        let origins = listed("https://a.example, http://b.example:8080/ ,https://c.example:443");
        for origin in [
            "https://a.example",
            "https://A.example:443",
            "http://b.example:8080",
            "https://c.example",
        ] {
            assert!(origins.allows(Some(origin), HOST), "{origin}");
        }
        for origin in [
            "http://a.example",
            "https://a.example:8443",
            "https://b.example:8080",
            "http://b.example",
            "https://x.a.example",
            "https://a.example/",
            "https://a.example/path",
            "null",
        ] {
            assert!(!origins.allows(Some(origin), HOST), "{origin}");
        }
    }

    #[test]
    fn a_list_ends_the_rights_of_the_same_host_and_of_this_machine() {
        let origins = listed("https://a.example");
        assert!(!origins.allows(Some("https://chat.example.com"), HOST));
        assert!(!origins.allows(Some("http://localhost:3000"), HOST));
    }

    #[test]
    fn once_there_is_a_list_a_missing_origin_needs_leave() {
        assert!(!listed("https://a.example").allows(None, HOST));
        assert!(Origins::listed("https://a.example", true).unwrap().allows(None, HOST));
    }

    #[test]
    fn a_star_allows_everybody() {
        let origins = listed("*");
        for origin in [Some("https://evil.example"), Some("null"), Some("?"), None] {
            assert!(origins.allows(origin, HOST), "{origin:?}");
        }
    }

    #[test]
    fn the_null_origin_is_allowed_where_it_is_listed() {
        assert!(listed("null").allows(Some("null"), HOST));
        assert!(!listed("null").allows(Some("https://null"), HOST));
        assert!(!listed("https://a.example").allows(Some("null"), HOST));
    }

    #[test]
    fn schemes_of_applications_have_no_default_port() {
        let origins = listed("capacitor://localhost, chrome-extension://abcdef");
        assert!(origins.allows(Some("capacitor://localhost"), HOST));
        assert!(origins.allows(Some("chrome-extension://abcdef"), HOST));
        assert!(!origins.allows(Some("http://localhost"), HOST));
    }

    #[test]
    fn entries_that_are_no_origin_are_refused() {
        for text in [
            "a.example",
            "https://a.example/path",
            "https://*.a.example",
            "https://a.example:65536",
            "https://a.example:x",
            "https://user@a.example",
            "https://ä.example",
            "https://[::1",
            "://a.example",
            "1http://a.example",
        ] {
            assert!(Origins::listed(text, false).is_err(), "{text}");
        }
    }
}
