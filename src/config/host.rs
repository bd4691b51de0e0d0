//! Names and addresses of machines.

use std::net::{IpAddr, Ipv6Addr};

use super::parse::Parsed;

/// Longest name of a machine (RFC 1035), in bytes.
const NAME_BYTES_MAX: usize = 253;

/// A host name or an IP address; an IPv6 address may stand in brackets, which are taken off.
pub fn parse(text: &str) -> Parsed<String> {
    let bare = bare(text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_name = bare == text && bare.len() <= NAME_BYTES_MAX && bare.bytes().all(plain);
    if bare.parse::<Ipv6Addr>().is_ok() || (is_name && !bare.is_empty()) {
        Ok(bare.to_owned())
    } else {
        Err("must be an IP address or a host name, without a port".to_owned())
    }
}

/// Whether `host` is this machine itself: `localhost`, 127.0.0.0/8 or ::1.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    match bare(host).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// `host:port`, an IPv6 address in brackets.
#[must_use]
pub fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts() {
        for (text, expected) in [
            ("localhost", "localhost"),
            ("valkey_1.internal", "valkey_1.internal"),
            ("0.0.0.0", "0.0.0.0"),
            ("::", "::"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected));
        }
        assert!(parse(&"a".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(parse(&"a".repeat(NAME_BYTES_MAX + 1)).is_err());
        for text in ["a:80", "127.0.0.1:80", "http://a", "a b", "[a]", "::g", "*", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_has_many_names() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        assert!(is_loopback("::ffff:127.0.0.1"));
        for host in ["0.0.0.0", "::", "10.0.0.1", "example.com", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn an_address_with_colons_gets_brackets_before_its_port() {
        assert_eq!(with_port("::1", 80), "[::1]:80");
        assert_eq!(with_port("a.example", 80), "a.example:80");
    }
}
