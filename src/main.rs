//! The program: reads what it is told, and serves.

use std::io;
use std::process::ExitCode;

use aleatoria::cli::{self, Action};
use aleatoria::config::Loaded;
use aleatoria::{logging, server};

fn main() -> ExitCode {
    let action = match cli::parse() {
        Ok(action) => action,
        Err(stop) => return stop.report(),
    };
    // One file per connection. What the hard limit does not allow, `doctor` tells.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let system = actix::System::new();
    match action {
        Action::CheckConfig(loaded) => system.block_on(cli::run_check_config(&loaded)),
        Action::Doctor(loaded) => system.block_on(cli::run_doctor(&loaded)),
        Action::Bench(options) => cli::run_bench(&options),
        Action::Serve(loaded) => {
            logging::start(&loaded.config.log);
            match system.block_on(serve(*loaded)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    log::error!("cannot serve: {error}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}

async fn serve(loaded: Loaded) -> io::Result<()> {
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    let stop = stop_asked()?;
    let address = loaded.config.address();
    let listener = server::listen(&address)
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    server::run(loaded, listener, stop).await
}

/// Waits for the first SIGTERM or SIGINT; from then on a second one ends the process at once.
fn stop_asked() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        actix_rt::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            log::warn!("stopping: asked twice, ending at once");
            std::process::exit(130);
        });
    })
}
