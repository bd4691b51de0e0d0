//! A real hub process on a free port, with its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::client::Client;

/// The longest that anything may take that a test awaits.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Stands where the log ends.
const END: &str = "(end of the log)";

pub struct Server {
    child: Child,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
    pub address: SocketAddr,
    variables: Vec<(String, String)>,
    // The working directory, so that no .env of the machine is read.
    _directory: tempfile::TempDir,
}

impl Server {
    /// A hub in memory.
    pub fn in_memory() -> Self {
        Self::start(&[("STORAGE_BACKEND", "memory")])
    }

    pub fn start(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::start_with(variables.iter().map(owned).collect())
    }

    fn start_with(variables: Vec<(String, String)>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_aleatoria"));
        command.env_clear().current_dir(directory.path()).env("PORT", "0");
        command.env("RATE_FRAMES_PER_SEC", "0").envs(variables.iter().cloned());
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the hub starts");
        let stderr = child.stderr.take().expect("piped");
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let filled = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                filled.0.lock().unwrap().push(line);
                filled.1.notify_all();
            }
            filled.0.lock().unwrap().push(END.to_owned());
            filled.1.notify_all();
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, log, address, variables, _directory: directory };
        let line = server.wait_for_log("listens on http://");
        let rest = line.split_once("http://").expect("an address").1;
        server.address = rest.split('/').next().unwrap().parse().expect("an address");
        server
    }

    /// Ends this process at once and starts another one with the same variables, on the same port.
    pub fn kill_and_restart(self) -> Self {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| name != "PORT");
        variables.push(("PORT".to_owned(), self.address.port().to_string()));
        drop(self);
        Self::start_with(variables)
    }

    /// Waits for a line of the log that contains `part`.
    pub fn wait_for_log(&self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut lines = self.log.0.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.last().is_some_and(|it| it == END) {
                // Not while holding the lock, which is needed to show the log.
                drop(lines);
                panic!("no {part:?} in the log");
            }
            lines = self.log.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap().clone()
    }

    /// Connects a plain client: `query` is what follows `/ws?`.
    pub fn connect(&self, query: &str) -> Client {
        Client::connect(self.address, query)
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the process and returns its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("the hub does not end");
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Sends a plain request and returns status line and headers, and body.
    pub fn get(&self, path: &str) -> (String, String) {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        ))
    }

    pub fn request(&self, text: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).expect("the hub listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer and its end");
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    }

    /// The value of one metric.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
    }

    /// Waits until a metric has a value.
    pub fn wait_for_metric(&self, name: &str, wanted: f64) {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.metric(name);
            if value == wanted {
                return;
            }
            assert!(Instant::now() < end, "{name} is {value}, not {wanted}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // kill -9: what a test wants to be orderly it does before.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("log of the hub: {:#?}", self.log());
        }
    }
}
