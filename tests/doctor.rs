//! `check-config` and `doctor` against real servers.

#[path = "common/redis.rs"]
mod redis_server;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use aleatoria::cli::{Finding, Persistence, ProbeError, Verdict, check_config, examine, probe};
use aleatoria::config::{Inputs, Loaded, understand};
use redis_server::RedisServer;

fn loaded(pairs: &[(&str, &str)]) -> Loaded {
    let environment =
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    understand(&Inputs { environment, ..Inputs::default() }).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(future)
}

fn verdict(findings: &[Finding], check: &str) -> Verdict {
    let finding = findings.iter().find(|finding| finding.check == check);
    finding.unwrap_or_else(|| panic!("{check} in {findings:?}")).verdict
}

#[test]
fn a_server_that_keeps_everything_is_found_to_be_well() {
    let redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let loaded = loaded(&[("VALKEY_URL", &redis.url()), ("STORAGE_BACKEND", "redis")]);
    wait(async {
        let facts = probe(&loaded.config.redis).await.unwrap();
        assert_eq!(facts.persistence, Persistence::AppendOnly);
        assert!(facts.primary && !facts.cluster && !facts.version.is_empty());
        let findings = examine(&loaded).await;
        for check in [
            "Redis version",
            "Redis role",
            "Redis eviction",
            "Redis persistence",
            "Redis login",
            "clock",
        ] {
            assert_eq!(verdict(&findings, check), Verdict::Ok, "{findings:?}");
        }
        assert!(check_config(&loaded).await.usable);
    });
}

#[test]
fn a_server_that_evicts_history_is_a_failure() {
    let options = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--save", ""];
    let redis = RedisServer::start_with(&options);
    let loaded = loaded(&[("VALKEY_URL", &redis.url())]);
    wait(async {
        let findings = examine(&loaded).await;
        assert_eq!(verdict(&findings, "Redis eviction"), Verdict::Fail);
        assert_eq!(verdict(&findings, "Redis persistence"), Verdict::Warn);
        // It can be used all the same.
        assert!(check_config(&loaded).await.usable);
    });
}

#[test]
fn a_replica_is_a_failure() {
    let redis = RedisServer::start_with(&["--replicaof", "127.0.0.1", "1"]);
    let loaded = loaded(&[("VALKEY_URL", &redis.url())]);
    let findings = wait(examine(&loaded));
    assert_eq!(verdict(&findings, "Redis role"), Verdict::Fail);
}

#[test]
fn a_wrong_password_is_a_failure_and_is_not_shown() {
    let redis = RedisServer::start_with(&["--requirepass", "hunter2"]);
    let socket = format!("unix://{}", redis.socket().display());
    let url = |password: &str| format!("{socket}?pass={password}");
    for (url, let_in) in [(url("hunter2"), true), (url("hunter3"), false), (socket.clone(), false)]
    {
        let loaded = loaded(&[("VALKEY_URL", &url)]);
        wait(async {
            let found = probe(&loaded.config.redis).await;
            assert_eq!(found.is_ok(), let_in, "{found:?}");
            assert!(let_in || matches!(found, Err(ProbeError::Login(_))), "{found:?}");
            let findings = examine(&loaded).await;
            assert!(findings.iter().all(|finding| !finding.to_string().contains("hunter")));
            assert!(findings.iter().all(|finding| !finding.to_string().contains('\n')));
            let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
            assert_eq!(failed, !let_in, "{findings:?}");
            let checked = check_config(&loaded).await;
            assert_eq!(checked.usable, let_in, "{}", checked.text);
            assert!(!checked.text.contains("hunter"), "{}", checked.text);
        });
    }
}

#[test]
fn a_server_that_is_not_there_matters_only_where_it_is_counted_on() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("unix://{}/none.sock", directory.path().display());
    wait(async {
        let needed = loaded(&[("VALKEY_URL", &url)]);
        assert_eq!(verdict(&examine(&needed).await, "Redis"), Verdict::Fail);
        assert!(!check_config(&needed).await.usable);
        let unused = loaded(&[("VALKEY_URL", &url), ("STORAGE_BACKEND", "memory")]);
        assert_eq!(verdict(&examine(&unused).await, "Redis"), Verdict::Ok);
        assert!(check_config(&unused).await.usable);
    });
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let loaded = loaded(&[("VALKEY_HOST", "127.0.0.1"), ("VALKEY_PORT", &port)]);
    let begin = Instant::now();
    let error = wait(probe(&loaded.config.redis)).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    assert!(!error.to_string().is_empty());
}
