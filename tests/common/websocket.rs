//! A server on the transport with an application that echoes and remembers, and a client that can
//! send anything.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use actix_http::header::HeaderValue;
use actix_http::{HttpService, Request, RequestHead, Response, StatusCode};
use actix_server::ServerHandle;
use actix_service::fn_service;
use aleatoria::actors::socket::{
    Application, Delivery, Outbox, Receivers, SocketConfig, Workers, frame,
};
use aleatoria::http::upgrade::{Refusal, upgrade};
use aleatoria::hub::SessionId;
use bytes::Bytes;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the application was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Opened(SessionId, String),
    Text(SessionId, String),
    Binary(SessionId, usize),
    Overflowed(SessionId),
    Closed(SessionId),
}

#[derive(Default)]
struct Log {
    told: Mutex<Vec<Told>>,
    more: Condvar,
}

/// Echoes all but what begins with `quiet`, and stops reading at `hold`.
struct Echo {
    outbox: Outbox,
    batch: Vec<Delivery>,
    log: Arc<Log>,
    congested: Arc<AtomicBool>,
}

impl Echo {
    fn tell(&self, told: Told) {
        self.log.told.lock().unwrap().push(told);
        self.log.more.notify_all();
    }

    fn send(&mut self, session: SessionId, frame: Bytes) {
        self.batch.push(Delivery::Send { to: Receivers::One(session), bundle: frame.into() });
    }
}

impl Application for Echo {
    type Hello = String;

    fn opened(&mut self, session: SessionId, hello: String) {
        self.tell(Told::Opened(session, hello));
    }

    fn text(&mut self, session: SessionId, text: &str) {
        self.tell(Told::Text(session, text.to_owned()));
        if text.starts_with("hold") {
            self.congested.store(true, Ordering::SeqCst);
        }
        if !text.starts_with("quiet") {
            self.send(session, frame::text(text));
        }
    }

    fn binary(&mut self, session: SessionId, data: &[u8]) {
        self.tell(Told::Binary(session, data.len()));
        self.send(session, frame::binary(data));
    }

    fn overflowed(&mut self, session: SessionId) {
        self.tell(Told::Overflowed(session));
    }

    fn closed(&mut self, session: SessionId) {
        self.tell(Told::Closed(session));
    }

    fn flush(&mut self) {
        self.outbox.deliver(&mut self.batch);
    }

    fn congested(&self) -> bool {
        self.congested.load(Ordering::SeqCst)
    }
}

/// A server in this process, stopped when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub workers: Workers,
    log: Arc<Log>,
    congested: Arc<AtomicBool>,
    handle: ServerHandle,
}

impl Server {
    /// One worker, limits of 1000 bytes per message, and times as in production.
    pub fn start() -> Self {
        Self::with(1, SocketConfig { frame_bytes_max: 1000, ..SocketConfig::default() })
    }

    pub fn with(threads: usize, config: SocketConfig) -> Self {
        let workers = Workers::new(threads, config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Log>::default();
        let congested = Arc::<AtomicBool>::default();
        let (handle, started) = mpsc::channel();
        {
            let (workers, log, congested) = (workers.clone(), log.clone(), congested.clone());
            thread::spawn(move || {
                let service = move || {
                    let sockets = workers.enter(|_, outbox| Echo {
                        outbox: outbox.clone(),
                        batch: Vec::new(),
                        log: log.clone(),
                        congested: congested.clone(),
                    });
                    HttpService::build()
                        .upgrade(upgrade(sockets, decide))
                        .finish(fn_service(|_: Request| async {
                            Ok::<_, std::convert::Infallible>(Response::ok())
                        }))
                        .tcp()
                };
                actix_web::rt::System::new().block_on(async {
                    let server = actix_server::Server::build()
                        .workers(threads)
                        .disable_signals()
                        .listen("test", listener, service)
                        .unwrap()
                        .run();
                    handle.send(server.handle()).unwrap();
                    server.await.unwrap();
                });
            });
        }
        let handle = started.recv_timeout(PATIENCE).unwrap();
        Self { address, workers, log, congested, handle }
    }

    /// A connected client.
    pub fn connect(&self) -> Client {
        Client::new(self.address).upgraded()
    }

    /// A connected client and the name of its session.
    pub fn join(&self, name: &str) -> (Client, SessionId) {
        let mut client = Client::new(self.address);
        client.send(handshake(&format!("/ws?{name}")).as_bytes());
        let client = client.answered();
        let session = self.until(|told| match told {
            Told::Opened(session, hello) if hello == name => Some(*session),
            _ => None,
        });
        (client, session)
    }

    /// Waits until the application is told something, and returns what `find` makes of it.
    pub fn until<T>(&self, mut find: impl FnMut(&Told) -> Option<T>) -> T {
        let mut told = self.log.told.lock().unwrap();
        let mut seen = 0;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = told[seen..].iter().find_map(&mut find) {
                return found;
            }
            seen = told.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the application was told only {told:?}");
            told = self.log.more.wait_timeout(told, left).unwrap().0;
        }
    }

    /// Waits until the application is told exactly this.
    pub fn until_told(&self, expected: &Told) {
        self.until(|told| (told == expected).then_some(()));
    }

    /// All that the application was told so far.
    pub fn told(&self) -> Vec<Told> {
        self.log.told.lock().unwrap().clone()
    }

    /// What it was told of the ends of sessions.
    pub fn ends(&self) -> Vec<Told> {
        let mut told = self.told();
        told.retain(|told| matches!(told, Told::Closed(_) | Told::Overflowed(_)));
        told
    }

    /// Lets reading go on after a `hold`.
    pub fn release(&self) {
        self.congested.store(false, Ordering::SeqCst);
        self.workers.outboxes().iter().for_each(Outbox::resume);
    }

    /// Delivers to the worker of a session, as the hub does.
    pub fn deliver(&self, session: SessionId, deliveries: impl IntoIterator<Item = Delivery>) {
        let mut batch = deliveries.into_iter().collect();
        self.workers.outboxes()[session.worker()].deliver(&mut batch);
    }

    pub fn send(&self, session: SessionId, frame: Bytes) {
        self.deliver(
            session,
            [Delivery::Send { to: Receivers::One(session), bundle: frame.into() }],
        );
    }

    pub fn close(&self, session: SessionId, code: u16, reason: &str) {
        self.deliver(session, [Delivery::Close { session, code, reason: reason.to_owned() }]);
    }

    /// Stops the server as a second signal would, without waiting.
    pub fn stop(&self) {
        // The command is sent at once; the future only waits for it to be carried out.
        drop(self.handle.stop(false));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Lets in whoever asks for `/ws`, under the name in the query.
fn decide(head: &RequestHead, peer: Option<SocketAddr>) -> Result<String, Refusal> {
    assert!(peer.is_some_and(|peer| peer.ip().is_loopback()));
    match head.uri.path() {
        "/ws" => Ok(head.uri.query().unwrap_or_default().to_owned()),
        "/busy" => Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "come back later")
            .with_header(actix_http::header::RETRY_AFTER, HeaderValue::from_static("7"))),
        _ => Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", "no WebSocket here")),
    }
}

pub fn handshake(path: &str) -> String {
    // The key and the answer to it are those of RFC 6455, section 1.3.
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    /// The server closed its side of the connection.
    End,
    /// The connection was cut.
    Cut,
}

pub fn text(text: &str) -> Frame {
    Frame::Text(text.to_owned())
}

pub fn close(code: u16) -> Frame {
    let reason = match code {
        1002 => "protocol error",
        1007 => "invalid UTF-8",
        1009 => "message too big",
        4001 => "slow consumer",
        4003 => "no sign of life",
        _ => "",
    };
    Frame::Close(Some(code), reason.to_owned())
}

/// A raw client. It answers nothing by itself.
pub struct Client {
    pub stream: TcpStream,
    received: VecDeque<u8>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: VecDeque::new() }
    }

    fn upgraded(mut self) -> Self {
        self.send(handshake("/ws").as_bytes());
        self.answered()
    }

    /// Reads the answer to a handshake that must succeed.
    pub fn answered(mut self) -> Self {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        self
    }

    /// Sends bytes. That the server has closed already is for the reading side to see.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn send_text(&mut self, text: &str) {
        self.send(&masked(0x81, text.as_bytes()));
    }

    pub fn shut(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The head of an HTTP response.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// All bytes until the server closes.
    pub fn rest(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.byte().ok()).collect()
    }

    /// The next frame.
    pub fn receive(&mut self) -> Frame {
        match self.frame() {
            Ok(frame) => frame,
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => Frame::End,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Frame::Cut,
                _ => panic!("waited in vain for a frame: {error}"),
            },
        }
    }

    /// All frames until the server closes or cuts the connection.
    pub fn receive_all(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while !matches!(frames.last(), Some(Frame::End | Frame::Cut)) {
            frames.push(self.receive());
        }
        frames
    }

    fn frame(&mut self) -> io::Result<Frame> {
        let first = self.byte()?;
        let second = self.byte()?;
        assert!(second < 0x80, "a server does not mask");
        let length = match second {
            126 => self.bytes(2)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
            127 => self.bytes(8)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
            short => usize::from(short),
        };
        let payload = self.bytes(length)?;
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(match first {
            0x81 => Frame::Text(utf8(&payload)),
            0x82 => Frame::Binary(payload),
            0x89 => Frame::Ping(payload),
            0x8a => Frame::Pong(payload),
            0x88 if payload.is_empty() => Frame::Close(None, String::new()),
            0x88 => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Frame::Close(Some(code), utf8(&payload[2..]))
            }
            other => panic!("the server sent {other:#x}"),
        })
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 64 * 1024];
        while self.received.len() < count {
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.received.extend(&buffer[..count]),
            }
        }
        Ok(self.received.drain(..count).collect())
    }
}

/// A masked frame with any first byte.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xa1, 0x00, 0x5e, 0x37];
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        medium @ ..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    frame
}
