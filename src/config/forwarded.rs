//! Reads the addresses out of `X-Forwarded-For` and `Forwarded`. Whether to believe them is decided
//! elsewhere.

use std::net::{IpAddr, SocketAddr};

/// Entries that are read at most, the last ones: a client can write as many as it likes in front.
const HOPS_MAX: usize = 32;

/// The addresses of `X-Forwarded-For`, the client's end first. `None` stands for an entry that is no
/// address.
pub fn x_forwarded_for<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Option<IpAddr>> {
    let entries = values.into_iter().flat_map(|value| value.split(','));
    last(entries.map(str::trim).filter(|entry| !entry.is_empty()).map(address).collect())
}

/// The addresses of the `for` parameters of `Forwarded` (RFC 7239), the client's end first. `None`
/// stands for an element without one, or with a hidden one.
pub fn forwarded<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Option<IpAddr>> {
    let elements = values.into_iter().flat_map(|value| split_outside_quotes(value, ','));
    last(elements.filter(|element| !element.trim().is_empty()).map(for_parameter).collect())
}

fn last(mut hops: Vec<Option<IpAddr>>) -> Vec<Option<IpAddr>> {
    hops.split_off(hops.len().saturating_sub(HOPS_MAX))
}

fn for_parameter(element: &str) -> Option<IpAddr> {
    split_outside_quotes(element, ';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        address(bare)
    })
}

/// An address, with a port or without, IPv6 with brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let here = !quoted && character == separator;
        if quoted && !escaped && character == '\\' {
            escaped = true;
            return false;
        }
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = false;
        here
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(hops: Vec<Option<IpAddr>>) -> Vec<String> {
        hops.iter().map(|hop| hop.map_or("-".to_owned(), |address| address.to_string())).collect()
    }

    #[test]
    fn addresses_come_with_and_without_ports_and_brackets() {
        let hops = x_forwarded_for([
            "1.2.3.4, 1.2.3.4:80 ,::1,[::1], [::1]:80",
            "::ffff:5.6.7.8, unknown,,1.2.3",
        ]);
        assert_eq!(texts(hops), ["1.2.3.4", "1.2.3.4", "::1", "::1", "::1", "5.6.7.8", "-", "-"]);
    }

    #[test]
    fn the_standard_header_is_read_with_its_quotes() {
        let hops = forwarded([
            "for=1.2.3.4;proto=http, proto=https; FOR = \"[2001:db8::1]:80\"",
            "for=_x, by=1.1.1.1, for=\"a,for=9.9.9.9\", for=unknown, for=\"q\\\",for=8.8.8.8\"",
        ]);
        assert_eq!(texts(hops), ["1.2.3.4", "2001:db8::1", "-", "-", "-", "-", "-"]);
    }

    #[test]
    fn only_the_last_hops_are_read() {
        let many = "1.1.1.1,".repeat(HOPS_MAX) + "2.2.2.2";
        let hops = x_forwarded_for([many.as_str()]);
        assert_eq!(hops.len(), HOPS_MAX);
        assert_eq!(texts(hops).last().unwrap(), "2.2.2.2");
    }
}
