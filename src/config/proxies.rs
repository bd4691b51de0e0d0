//! Whose word about a client's address is believed.

use std::net::IpAddr;

use super::forwarded;
use super::parse::{Parsed, list};

/// Addresses that share their first `bits` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|&bits| bits <= longest)?
            }
            Some(_) => return None,
        };
        Some(Self { address, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

/// The peers whose forwarding headers are believed (`TRUSTED_PROXIES`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Reads addresses and networks, comma separated.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(text: &str) -> Parsed<Self> {
        let read = |entry| {
            Network::parse(entry).ok_or_else(|| {
                "must be a comma separated list of IP addresses and networks such as 10.0.0.0/8"
                    .to_owned()
            })
        };
        list(text).map(read).collect::<Parsed<_>>().map(Self)
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

/// The address of the client behind a connection from `peer`: the last one that no trusted proxy
/// vouches for any more.
///
/// `x_forwarded_for` and `forwarded` are the values of these headers in the order of the request.
/// They count only when `peer` is trusted. Read from the right, each entry is believed while the one
/// who added it is trusted; an entry that is no address ends the walk at the proxy that added it.
/// Of two headers that disagree a proxy wrote only one and the other may be the client's own word:
/// then neither counts and the answer is `peer`.
#[must_use]
pub fn client_address<'a>(
    peer: IpAddr,
    x_forwarded_for: impl IntoIterator<Item = &'a str>,
    forwarded: impl IntoIterator<Item = &'a str>,
    trusted: &TrustedProxies,
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(peer) {
        return peer;
    }
    let walk = |hops: Vec<Option<IpAddr>>| {
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            let Some(hop) = hop else { break };
            client = hop;
            if !trusted.contains(client) {
                break;
            }
        }
        client
    };
    let listed = forwarded::x_forwarded_for(x_forwarded_for);
    let standard = forwarded::forwarded(forwarded);
    match (listed.is_empty(), standard.is_empty()) {
        (true, true) => peer,
        (false, true) => walk(listed),
        (true, false) => walk(standard),
        (false, false) => {
            let (one, other) = (walk(listed), walk(standard));
            if one == other { one } else { peer }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(peer: &str, listed: &[&str], standard: &[&str], trusted: &str) -> IpAddr {
        let trusted = TrustedProxies::parse(trusted).unwrap();
        client_address(ip(peer), listed.iter().copied(), standard.iter().copied(), &trusted)
    }

    #[test]
    fn networks_hold_at_their_bounds() {
        let trusted =
            TrustedProxies::parse("10.0.0.0/8, 192.168.1.7,fd00::/8, 172.16.5.5/12").unwrap();
        for address in [
            "10.0.0.0",
            "10.255.255.255",
            "192.168.1.7",
            "fdff::1",
            "172.31.255.255",
            "::ffff:10.1.1.1",
        ] {
            assert!(trusted.contains(ip(address)), "{address}");
        }
        for address in ["9.255.255.255", "11.0.0.0", "192.168.1.8", "fe00::1", "172.32.0.0", "::1"]
        {
            assert!(!trusted.contains(ip(address)), "{address}");
        }
        let all = TrustedProxies::parse("0.0.0.0/0").unwrap();
        assert!(all.contains(ip("255.255.255.255")) && !all.contains(ip("::1")));
        assert!(TrustedProxies::parse("::/0").unwrap().contains(ip("::1")));
        assert!(TrustedProxies::parse(" , ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "proxy",
            "10.0.0/8",
            "10.0.0.0/8/8",
        ] {
            assert!(TrustedProxies::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_header_of_a_stranger_is_not_believed() {
        assert_eq!(
            client("203.0.113.9", &["1.2.3.4"], &["for=1.2.3.4"], "10.0.0.0/8"),
            ip("203.0.113.9")
        );
        assert_eq!(client("203.0.113.9", &["1.2.3.4"], &[], ""), ip("203.0.113.9"));
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_is_the_client() {
        let trusted = "10.0.0.0/8";
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 203.0.113.9"], &[], trusted), ip("203.0.113.9"));
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6, 203.0.113.9, 10.0.0.2"], &[], trusted),
            ip("203.0.113.9")
        );
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6", "203.0.113.9"], &[], trusted),
            ip("203.0.113.9")
        );
        assert_eq!(
            client("::ffff:10.0.0.1", &["203.0.113.9:4711"], &[], trusted),
            ip("203.0.113.9")
        );
    }

    #[test]
    fn when_all_are_trusted_the_first_is_the_client() {
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &[], "10.0.0.0/8"), ip("10.0.0.3"));
    }

    #[test]
    fn without_a_header_the_proxy_itself_is_the_client() {
        assert_eq!(client("10.0.0.1", &[], &[], "10.0.0.0/8"), ip("10.0.0.1"));
        assert_eq!(client("10.0.0.1", &[""], &[""], "10.0.0.0/8"), ip("10.0.0.1"));
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_walk() {
        let trusted = "10.0.0.0/8";
        assert_eq!(client("10.0.0.1", &["203.0.113.9, unknown"], &[], trusted), ip("10.0.0.1"));
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"], &[], trusted),
            ip("10.0.0.2")
        );
        assert_eq!(
            client("10.0.0.1", &[], &["for=203.0.113.9, for=_hidden"], trusted),
            ip("10.0.0.1")
        );
    }

    #[test]
    fn the_standard_header_is_read_the_same_way() {
        let header =
            "for=6.6.6.6, For=\"[2001:db8::7]:4711\";proto=https;by=10.0.0.2, for=10.0.0.2";
        assert_eq!(client("10.0.0.1", &[], &[header], "10.0.0.0/8"), ip("2001:db8::7"));
    }

    #[test]
    fn two_headers_that_disagree_are_both_ignored() {
        let trusted = "10.0.0.0/8";
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9"], &["for=203.0.113.9"], trusted),
            ip("203.0.113.9")
        );
        assert_eq!(client("10.0.0.1", &["203.0.113.9"], &["for=6.6.6.6"], trusted), ip("10.0.0.1"));
    }
}
