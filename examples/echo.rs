//! An echo server on the hub's transport, for public conformance suites such as Autobahn's.

use std::io;
use std::net::TcpListener;

use actix_http::{HttpService, Request, Response};
use actix_server::Server;
use actix_service::fn_service;
use aleatoria::actors::socket::{
    Application, Delivery, Outbox, Receivers, SocketConfig, Workers, frame,
};
use aleatoria::http::upgrade::upgrade;
use aleatoria::hub::SessionId;
use bytes::Bytes;
use clap::Parser;
use socket2::SockRef;

/// Echoes WebSocket messages.
#[derive(Parser)]
struct Arguments {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 9001)]
    port: u16,
    /// Worker threads.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Reading waits while this much is on its way back.
const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;

struct Echo {
    outbox: Outbox,
    batch: Vec<Delivery>,
    weight: usize,
}

impl Echo {
    fn send(&mut self, to: SessionId, frame: Bytes) {
        let delivery = Delivery::Send { to: Receivers::One(to), bundle: frame.into() };
        self.weight += delivery.weight();
        self.batch.push(delivery);
    }
}

impl Application for Echo {
    type Hello = ();

    fn opened(&mut self, _: SessionId, (): ()) {}

    fn text(&mut self, session: SessionId, text: &str) {
        self.send(session, frame::text(text));
    }

    fn binary(&mut self, session: SessionId, data: &[u8]) {
        self.send(session, frame::binary(data));
    }

    fn overflowed(&mut self, _: SessionId) {}

    fn closed(&mut self, _: SessionId) {}

    fn flush(&mut self) {
        self.weight = 0;
        self.outbox.deliver(&mut self.batch);
    }

    fn congested(&self) -> bool {
        self.weight + self.outbox.backlog() > BACKLOG_BYTES_MAX
    }
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let config = SocketConfig {
        frame_bytes_max: 64 * 1024 * 1024,
        queue_bytes_max: 256 * 1024 * 1024,
        ..SocketConfig::default()
    };
    let workers = Workers::new(arguments.workers, config);
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))?;
    // The standard library asks for a queue of 128 only.
    SockRef::from(&listener).listen(4096)?;
    println!("listening on {}", listener.local_addr()?);
    Server::build()
        .workers(arguments.workers)
        .listen("echo", listener, move || {
            let sockets = workers.enter(|_, outbox| {
                let (batch, weight) = (Vec::new(), 0);
                Echo { outbox: outbox.clone(), batch, weight }
            });
            HttpService::build()
                .upgrade(upgrade(sockets, |_, _| Ok(())))
                .finish(fn_service(|_: Request| async {
                    Ok::<_, std::convert::Infallible>(Response::ok())
                }))
                .tcp()
        })?
        .run()
        .await
}
