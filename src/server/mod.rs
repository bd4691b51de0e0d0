//! Wires everything: store, hub, workers, routes; and takes it down in order.

mod storage;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, Addr, Arbiter};
use actix_http::HttpService;
use actix_server::Server;
use actix_service::map_config;
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::web::Data;
use socket2::{Domain, Protocol, Socket, Type};

use crate::actors::client::{Admission, Client, Inflow};
use crate::actors::hub::{Drain, HubActor, Inspect, Parts};
use crate::actors::redis_store::{Running, Settled};
use crate::actors::socket::{SocketConfig, Workers};

use crate::config::{Config, Loaded};
use crate::http::upgrade::upgrade;
use crate::http::{Doorkeeper, Shared, Sources, decide, routes};
use crate::hub::{Health, HubConfig, SessionId};
use crate::metrics::Metrics;

use self::storage::Opened;

/// Connections that may wait to be accepted; the kernel may allow fewer (`somaxconn`).
const BACKLOG: i32 = 4096;
/// How long what is on its way may take at the end.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on the first address that `HOST` names.
///
/// # Errors
/// When the name has no address or the address cannot be listened on.
pub fn listen(address: &str) -> io::Result<TcpListener> {
    use std::net::ToSocketAddrs;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in address.to_socket_addrs()? {
        let bound = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
            .and_then(|socket| {
                // A restarted hub need not wait for the sockets of the one before.
                socket.set_reuse_address(true)?;
                socket.bind(&address.into())?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
        match bound {
            Ok(socket) => return Ok(socket.into()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Serves until `stop` is done, then says goodbye to everybody, waits for what is on its way, and
/// returns. To be called within a running actix system.
///
/// # Errors
/// When the listener cannot be served or the store cannot be opened.
pub async fn run(
    loaded: Loaded,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let metrics = Metrics::new();
    let draining = Arc::new(AtomicBool::new(false));
    let node = node_name();
    let opened = storage::open(&loaded, &node, &metrics).await?;
    let described = opened.described.clone();
    let redis = opened.redis.clone();
    let Loaded { config, .. } = loaded;
    let workers = Workers::new(config.workers, socket_config(&config));
    let inflows: Arc<[Arc<Inflow>]> = (0..config.workers).map(|_| Arc::default()).collect();
    let hub = start_hub(&config, node, opened, &workers, &inflows, &metrics);

    let shared = Data::new(Shared {
        hub: hub.clone(),
        metrics: metrics.clone(),
        redis: redis.as_ref().map(|redis| redis.store.clone()),
        sources: Sources {
            workers: workers.clone(),
            redis: redis.as_ref().map(|redis| Arc::clone(&redis.counters)),
        },
        draining: Arc::clone(&draining),
    });
    let doorkeeper = Arc::new(Doorkeeper {
        origins: config.origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        admission: Admission::new(config.connections_max, config.connections_per_address_max),
        draining: Arc::clone(&draining),
        metrics: metrics.clone(),
    });

    let address = listener.local_addr()?;
    let server = {
        let (hub, workers) = (hub.clone(), workers.clone());
        Server::build()
            .workers(config.workers)
            .backlog(u32::try_from(BACKLOG).expect("a small positive number"))
            .disable_signals()
            // Idle HTTP connections need no farewell; sockets of sessions have had theirs.
            .shutdown_timeout(1)
            .listen("hub", listener, move || {
                let sockets = workers.enter(|worker, _| {
                    let inflow = Arc::clone(&inflows[worker]);
                    Client::new(worker, hub.clone(), inflow, metrics.clone())
                });
                let doorkeeper = Arc::clone(&doorkeeper);
                let app = App::new().configure(routes(shared.clone()));
                HttpService::build()
                    .upgrade(upgrade(sockets, move |head, peer| decide(&doorkeeper, head, peer)))
                    .finish(map_config(app, |_| AppConfig::default()))
                    .tcp()
            })?
            .run()
    };
    let handle = server.handle();
    let serving = actix_rt::spawn(server);

    log::info!(
        "aleatoria {} listens on http://{address}/ (the chat page), storage: {described}",
        env!("CARGO_PKG_VERSION")
    );
    stop.await;
    log::info!("stopping: saying goodbye to everybody");
    draining.store(true, Ordering::Relaxed);
    drain(&hub, &workers, redis).await;
    handle.stop(true).await;
    serving.await.map_err(io::Error::other)?
}

fn socket_config(config: &Config) -> SocketConfig {
    SocketConfig {
        frame_bytes_max: config.limits.frame_bytes_max,
        queue_bytes_max: config.queue_bytes_max,
        ping_interval: config.limits.ping_interval,
        pong_timeout: config.pong_timeout,
        write_timeout: config.write_timeout,
        sockets_max: SessionId::SLOTS_MAX,
        ..SocketConfig::default()
    }
}

fn start_hub(
    config: &Config,
    node: String,
    opened: Opened,
    workers: &Workers,
    inflows: &Arc<[Arc<Inflow>]>,
    metrics: &Metrics,
) -> Addr<HubActor> {
    let commands = opened.commands();
    let Opened { store, mailbox, .. } = opened;
    let parts = Parts {
        config: HubConfig {
            node,
            limits: config.limits.clone(),
            drain: config.drain,
            seed: rand::random(),
        },
        store,
        commands,
        workers: workers.clone(),
        inflows: Arc::clone(inflows),
        metrics: metrics.clone(),
    };
    // A thread of its own, so that sockets and Redis never wait for each other.
    let hub = HubActor::start_in_arbiter(&Arbiter::new().handle(), |_| HubActor::new(parts));
    mailbox.tie(&hub);
    hub
}

/// A name that no other process has, not even an earlier one on this machine.
fn node_name() -> String {
    format!("{:08x}", rand::random::<u32>())
}

async fn drain(hub: &Addr<HubActor>, workers: &Workers, redis: Option<Running>) {
    let settled = async {
        if hub.send(Drain).await.is_err() {
            return;
        }
        let mut pause = actix_rt::time::interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            let settled = hub.send(Inspect).await.is_ok_and(|status| status.settled);
            if settled && workers.counts().sockets_open() == 0 {
                break;
            }
        }
        if let Some(redis) = redis {
            // An error means that it has stopped: nothing is on its way any more.
            let _ = redis.store.send(Settled).await;
        }
    };
    if actix_rt::time::timeout(SETTLE_TIMEOUT, settled).await.is_err() {
        log::warn!("stopping: not everything was done within {} s", SETTLE_TIMEOUT.as_secs());
    }
    if let Ok(status) = hub.send(Inspect).await
        && status.journal_messages > 0
        && status.store == Health::Degraded
    {
        let count = status.journal_messages;
        if status.journal_durable {
            log::info!("stopping: {count} messages stay in JOURNAL_DIR for the next start");
        } else {
            log::warn!("stopping: {count} messages are not in Redis and end with this process");
        }
    }
}
