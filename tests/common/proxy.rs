//! A TCP proxy in front of a server, to disturb what goes through it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Each piece waits this long.
    Delay(Duration),
    /// Nothing passes; connections stay open and new ones are taken.
    Freeze,
    /// Connections are closed, new ones as soon as they come.
    Cut,
}

struct Shared {
    mode: Mutex<Mode>,
    changed: Condvar,
    open: Mutex<Vec<TcpStream>>,
}

/// Forwards to one address until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy on a port of its own in front of `target`.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            mode: Mutex::new(Mode::Pass),
            changed: Condvar::new(),
            open: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        // The thread ends with the process: it waits in accept.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.forward(client, target);
            }
        });
        Self { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections and every new one.
    pub fn cut(&self) {
        self.set(Mode::Cut);
        self.shared.close_all();
    }

    /// Closes all connections; new ones pass.
    pub fn cut_once(&self) {
        self.shared.close_all();
    }

    /// Lets nothing pass and closes nothing.
    pub fn freeze(&self) {
        self.set(Mode::Freeze);
    }

    /// Holds each piece back for so long.
    pub fn delay(&self, time: Duration) {
        self.set(Mode::Delay(time));
    }

    /// Lets everything pass, what was frozen first.
    pub fn restore(&self) {
        self.set(Mode::Pass);
    }

    fn set(&self, mode: Mode) {
        *self.shared.mode.lock().expect("no thread panics with the lock") = mode;
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn close_all(&self) {
        for stream in self.open.lock().expect("no thread panics with the lock").drain(..) {
            // It fails only for a stream that is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn forward(self: &Arc<Self>, client: TcpStream, target: SocketAddr) {
        if *self.mode.lock().expect("no thread panics with the lock") == Mode::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(target) else { return };
        for (from, to) in [(&client, &server), (&server, &client)] {
            let _ = from.set_nodelay(true);
            let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone())
            else {
                return;
            };
            self.open.lock().expect("no thread panics with the lock").push(kept);
            let shared = Arc::clone(self);
            thread::spawn(move || shared.copy(from, to));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if !self.may_pass() || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Waits as the mode says; false if the connection is to be closed.
    fn may_pass(&self) -> bool {
        let mode = self.mode.lock().expect("no thread panics with the lock");
        let mode = self
            .changed
            .wait_while(mode, |mode| *mode == Mode::Freeze)
            .expect("no thread panics with the lock");
        match *mode {
            Mode::Delay(time) => {
                drop(mode);
                thread::sleep(time);
                true
            }
            Mode::Cut => false,
            Mode::Pass | Mode::Freeze => true,
        }
    }
}
