//! A private redis-server for one test: its own directory, port and socket, gone with the value.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Connection, ConnectionInfo, FromRedisValue, IntoConnectionInfo};
use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A server that is killed when the value is dropped, on a panic too.
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    password: Option<String>,
}

impl RedisServer {
    /// A server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// A server whose data survives [`RedisServer::kill`] and [`RedisServer::restart`].
    pub fn start_persistent() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// A server with further arguments of redis-server.
    pub fn start_with(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let dir = tempfile::tempdir().expect("a directory for redis-server");
        let mut server = Self { dir, port: 0, arguments, child: None, password: None };
        // Another test may take the port between the choice and the start.
        for _ in 0..5 {
            server.port = Self::free_port();
            if server.launch() {
                return server;
            }
        }
        panic!("redis-server did not start: {}", server.log());
    }

    /// A port that nobody listened on a moment ago.
    pub fn free_port() -> u16 {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("a bound address").port()
    }

    /// Starts again after [`RedisServer::kill`] at the same address.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.launch(), "redis-server did not start again: {}", self.log());
    }

    /// Whether the server answers.
    fn launch(&mut self) -> bool {
        let log = std::fs::File::create(self.dir.path().join("log")).expect("a log file");
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .args(["--port", &self.port.to_string()])
            .args(["--unixsocket".as_ref(), self.socket().as_os_str()])
            .args(["--dir".as_ref(), self.dir.path().as_os_str()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < START_TIMEOUT {
            let child = self.child.as_mut().expect("it was just started");
            if child.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            if self.answers() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Asks over the socket, which is made after the port: on the port another server may answer.
    fn answers(&self) -> bool {
        let url = format!("unix://{}", self.socket().display());
        let client = redis::Client::open(url).expect("a URL of Redis");
        let Ok(mut connection) = client.get_connection() else { return false };
        match redis::cmd("PING").exec(&mut connection) {
            Ok(()) => true,
            // It asks for a password, so it is there.
            Err(error) => error.code() == Some("NOAUTH"),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        let Some(child) = &self.child else { return };
        let status = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "kill {name} failed");
    }

    /// Freezes the server: it takes connections and bytes, and answers nothing.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Ends the server at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It fails only for a server that has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// The address, with the password if one was set through [`RedisServer::require_password`].
    pub fn url(&self) -> String {
        let login = self.password.as_ref().map(|it| format!(":{it}@")).unwrap_or_default();
        format!("redis://{login}127.0.0.1:{}/", self.port)
    }

    pub fn connection_info(&self) -> ConnectionInfo {
        self.url().into_connection_info().expect("a URL of Redis")
    }

    /// Asks every new connection for a password.
    pub fn require_password(&mut self, password: &str) {
        self.config_set("requirepass", password);
        self.password = Some(password.to_owned());
    }

    pub fn config_set(&self, name: &str, value: &str) {
        let () = self.run(&["CONFIG", "SET", name, value]);
    }

    /// Lets the server fail to save its data, after which it refuses writes.
    pub fn break_disk(&self) {
        self.config_set("save", "3600 1");
        std::fs::remove_dir_all(self.dir.path()).expect("the directory is ours");
        // It fails in the background; the state shows when it has.
        let () = self.run(&["BGSAVE"]);
        let begun = Instant::now();
        while !self.run::<String>(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err") {
            assert!(begun.elapsed() < START_TIMEOUT, "the server saved without a directory");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("a URL of Redis")
    }

    /// A connection for asserts; do not use it while the server is frozen.
    pub fn connection(&self) -> Connection {
        self.client().get_connection().expect("the server takes connections")
    }

    /// Runs one command, as redis-cli does.
    pub fn try_run<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection())
    }

    /// Runs one command that must succeed.
    pub fn run<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_run(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.run(&["KEYS", "*"]);
        keys.sort();
        keys
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
