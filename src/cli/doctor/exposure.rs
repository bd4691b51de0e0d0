//! Who can reach the hub, and what they may do there.

use super::Finding;
use crate::config::{Config, Loaded, Storage};

pub(super) fn findings(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = vec![users(config), origins(config), addresses(config)];
    if config.storage != Storage::Memory {
        findings.push(login(config));
    }
    findings
}

fn users(config: &Config) -> Finding {
    const CHECK: &str = "users";
    if config.is_loopback() {
        return Finding::ok(CHECK, format!("only this machine reaches {}", config.address()));
    }
    Finding::warn(
        CHECK,
        format!("whoever reaches {} can take any user id and read any room", config.address()),
        "HOST=127.0.0.1 behind a proxy that lets only your users through",
    )
}

fn origins(config: &Config) -> Finding {
    const CHECK: &str = "origins";
    if config.origins.is_listed() {
        // A client without a page can send any origin, so `*` only gives up what pages must keep.
        return if config.origins.allows(Some("https://any.invalid"), "") {
            Finding::warn(
                CHECK,
                "ALLOWED_ORIGINS=* lets every web page connect in its visitors' names",
                "list the origins of your pages",
            )
        } else {
            Finding::ok(CHECK, "only listed pages may connect")
        };
    }
    if config.is_loopback() {
        return Finding::ok(CHECK, "pages of the same host and of localhost may connect");
    }
    Finding::warn(
        CHECK,
        "ALLOWED_ORIGINS is not set on an address that others reach",
        "set ALLOWED_ORIGINS to the origins of your pages",
    )
}

fn addresses(config: &Config) -> Finding {
    const CHECK: &str = "client addresses";
    if config.connections_per_address_max == crate::config::UNLIMITED {
        return Finding::ok(CHECK, "connections are not counted by address");
    }
    if config.trusted_proxies.is_empty() {
        return Finding::warn(
            CHECK,
            "behind a proxy all clients have its address, and share MAX_CONNECTIONS_PER_IP",
            "behind a proxy, set TRUSTED_PROXIES to its address",
        );
    }
    Finding::ok(CHECK, "forwarding headers are believed from TRUSTED_PROXIES only")
}

fn login(config: &Config) -> Finding {
    const CHECK: &str = "Redis login";
    let redis = &config.redis;
    match (redis.is_remote(), redis.has_password(), redis.is_encrypted()) {
        (false, true, _) => Finding::ok(CHECK, "with a password, on this machine"),
        (false, false, _) => Finding::ok(CHECK, "without a password, on this machine"),
        (true, false, _) => Finding::warn(
            CHECK,
            "without a password, on another machine",
            "give Redis a password and set VALKEY_PASSWORD",
        ),
        (true, true, false) => Finding::warn(
            CHECK,
            "the password and all messages cross the network unencrypted",
            "keep it on a private network, or use TLS",
        ),
        (true, true, true) => Finding::ok(CHECK, "with a password, encrypted"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, loaded};
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        loaded(pairs).config
    }

    #[test]
    fn an_address_that_others_reach_without_authentication_is_a_warning() {
        assert_eq!(users(&config(&[])).verdict, Verdict::Ok);
        for host in ["0.0.0.0", "::", "192.168.1.2", "chat.example"] {
            assert_eq!(users(&config(&[("HOST", host)])).verdict, Verdict::Warn, "{host}");
        }
    }

    #[test]
    fn an_address_that_others_reach_should_have_a_list_of_origins() {
        assert_eq!(origins(&config(&[])).verdict, Verdict::Ok);
        assert_eq!(origins(&config(&[("HOST", "0.0.0.0")])).verdict, Verdict::Warn);
        let listed = ("ALLOWED_ORIGINS", "https://chat.example");
        assert_eq!(origins(&config(&[("HOST", "0.0.0.0"), listed])).verdict, Verdict::Ok);
        assert_eq!(origins(&config(&[("ALLOWED_ORIGINS", "*")])).verdict, Verdict::Warn);
    }

    #[test]
    fn a_limit_by_address_needs_the_addresses_of_proxies() {
        let limit = ("MAX_CONNECTIONS_PER_IP", "10");
        assert_eq!(addresses(&config(&[])).verdict, Verdict::Ok);
        assert_eq!(addresses(&config(&[limit])).verdict, Verdict::Warn);
        let pairs = [limit, ("TRUSTED_PROXIES", "10.0.0.1")];
        assert_eq!(addresses(&config(&pairs)).verdict, Verdict::Ok);
    }

    #[test]
    fn a_redis_on_another_machine_should_have_a_password() {
        let (remote, password) = (("VALKEY_HOST", "db.example"), ("VALKEY_PASSWORD", "hunter2"));
        assert_eq!(login(&config(&[])).verdict, Verdict::Ok);
        assert_eq!(login(&config(&[password])).verdict, Verdict::Ok);
        assert_eq!(login(&config(&[remote])).verdict, Verdict::Warn);
        assert_eq!(login(&config(&[remote, password])).verdict, Verdict::Warn);
    }

    #[test]
    fn no_finding_shows_a_secret() {
        let findings = findings(&loaded(&[
            ("HOST", "0.0.0.0"),
            ("VALKEY_URL", "redis://hub:hunter2@db.example"),
        ]));
        assert!(findings.iter().all(|finding| !finding.to_string().contains("hunter2")));
    }
}
