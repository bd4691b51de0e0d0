//! The program: reads what it is told, and serves.

use std::process::ExitCode;

use aleatoria::config;
use aleatoria::server;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let inputs = config::Inputs { environment: std::env::vars().collect(), ..Default::default() };
    let config = config::understand(&inputs).expect("config").config;
    let result = actix::System::new().block_on(async move {
        let listener = server::listen(&config.address())?;
        log::info!("aleatoria {}: http://{}/", env!("CARGO_PKG_VERSION"), listener.local_addr()?);
        server::run(config, listener, stop_asked()).await
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The first SIGTERM or SIGINT; a second one ends the process at once.
async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be awaited");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be awaited");
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    actix_rt::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
}
