//! `aleatoria bench` against a hub, both as processes of their own.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_aleatoria");

struct Hub {
    process: Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Hub {
    /// Starts a hub and waits until it takes connections.
    fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let directory = tempfile::tempdir().unwrap();
        let process = Command::new(PROGRAM)
            .current_dir(directory.path())
            .env("HOST", address.ip().to_string())
            .env("PORT", address.port().to_string())
            .env("STORAGE_BACKEND", "memory")
            .env("RATE_FRAMES_PER_SEC", "0")
            .env("RUST_LOG", "off")
            .spawn()
            .unwrap();
        let mut hub = Self { process, address, _directory: directory };
        while TcpStream::connect(hub.address).is_err() {
            assert!(hub.process.try_wait().unwrap().is_none(), "the hub did not start");
            std::thread::yield_now();
        }
        hub
    }

    fn bench(&self, arguments: &[&str]) -> Output {
        let url = format!("ws://{}/ws", self.address);
        let pid = self.process.id().to_string();
        let mut command = Command::new(PROGRAM);
        command.args(["bench", "--json", "--url", &url, "--pid", &pid]).args(arguments);
        command.output().unwrap()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_fanout_loses_nothing_and_doubles_nothing() {
    let hub = Hub::start();
    let short = ["--seconds", "1", "--warmup", "0.2", "--connections", "20", "--rooms", "2"];
    let report = report(&hub.bench(&short));
    let chat = &report["chat"];
    // 100 messages a second to ten members each, late ones included.
    let sent = chat["sent"].as_u64().unwrap();
    assert!((120..200).contains(&sent), "{report:#}");
    assert_eq!((&chat["expected"], &chat["delivered"]), (&(sent * 10).into(), &(sent * 10).into()));
    for nothing in ["lost", "duplicated", "strayed", "unsent", "others"] {
        assert_eq!(chat[nothing], 0, "{nothing} in {report:#}");
    }
    assert!(chat["latency_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert!(chat["latency_ms"]["max"].as_f64() >= chat["latency_ms"]["p99_9"].as_f64());
    assert_eq!(report["closed"], 0);
    if cfg!(target_os = "linux") {
        assert!(report["server"]["resident_kb"].as_u64().unwrap() > 0);
    }
}

#[test]
fn direct_messages_reach_both_users_and_idle_clients_stay() {
    let hub = Hub::start();
    let short = ["--seconds", "0.3", "--warmup", "0", "--connections", "10"];
    let with = |more: &[&str]| report(&hub.bench(&[&short[..], more].concat()));
    let direct = with(&["--scenario", "direct", "--saturate", "--window", "2"]);
    let (sent, chat) = (direct["chat"]["sent"].as_u64().unwrap(), &direct["chat"]);
    assert!(sent >= 10);
    assert_eq!((&chat["delivered"], &chat["lost"]), (&(sent * 2).into(), &0.into()));
    let idle = with(&["--scenario", "idle"]);
    assert_eq!((&idle["connections"], &idle["closed"]), (&10.into(), &0.into()));
    assert!(idle.get("chat").is_none());
}

#[test]
fn a_hub_that_is_not_there_is_told_in_one_line() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut process = Command::new(PROGRAM)
        .args(["bench", "--connections", "3", "--url", &format!("ws://{free}/ws")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(process.wait().unwrap().code(), Some(1));
    assert!(said[0].starts_with("aleatoria: client 1 of 3: Connection refused"), "{said:?}");
    assert_eq!(said.len(), 1);
}
