//! `check-config`: the effective configuration, where each value comes from, and what Redis says.

use std::fmt::Write;
use std::process::ExitCode;

use super::probe::{Facts, ProbeError, probe};
use crate::config::{Loaded, Storage};

/// What `check-config` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Every value with its source, the warnings, and what Redis said. It holds no secret.
    pub text: String,
    /// Whether the hub can work as configured: false when Redis is counted on and cannot be asked.
    pub usable: bool,
}

/// Lists every value with its source and tries Redis, which takes 5 s to connect at most.
pub async fn check_config(loaded: &Loaded) -> Checked {
    let listing = listing(loaded);
    if loaded.config.storage == Storage::Memory {
        let text = format!("{listing}\nRedis: not used (STORAGE_BACKEND=memory)");
        return Checked { text, usable: true };
    }
    let found = probe(&loaded.config.redis).await;
    let usable = found.is_ok() || !loaded.needs_redis();
    Checked { text: format!("{listing}\n{}", said(loaded, &found)), usable }
}

/// Prints what [`check_config`] found; the exit code is 1 when the hub cannot work as configured.
pub async fn run_check_config(loaded: &Loaded) -> ExitCode {
    let Checked { text, usable } = check_config(loaded).await;
    super::print(&text);
    if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn listing(loaded: &Loaded) -> String {
    let mut text = String::new();
    let shown: Vec<_> = loaded.settings.iter().map(|setting| (setting, setting.shown())).collect();
    let name_width = shown.iter().map(|(setting, _)| setting.variable.name.len()).max();
    // One long URL must not push all sources off the screen.
    let value_width =
        shown.iter().map(|(_, value)| value.chars().count()).filter(|&width| width <= 32);
    let (name_width, value_width) = (name_width.unwrap_or(0), value_width.max().unwrap_or(0));
    for (setting, value) in shown {
        let value = if value.is_empty() { "-" } else { &value };
        let (name, source) = (setting.variable.name, setting.source.name());
        writeln!(text, "{name:name_width$}  {value:value_width$}  {source}")
            .expect("a string takes all");
    }
    writeln!(text, "\nWorkers: {}", loaded.config.workers).expect("a string takes all");
    for warning in &loaded.warnings {
        writeln!(text, "Warning: {warning}").expect("a string takes all");
    }
    text.trim_end().to_owned()
}

fn said(loaded: &Loaded, found: &Result<Facts, ProbeError>) -> String {
    let address = loaded.config.redis.shown();
    match found {
        Ok(facts) => format!(
            "Redis: {} {} at {address} answers in {:.1} ms",
            facts.product,
            facts.version,
            facts.latency.as_secs_f64() * 1000.0
        ),
        Err(error) => {
            let then = match loaded.config.storage {
                Storage::Redis => "the hub will not start",
                Storage::Auto | Storage::Memory => {
                    "the hub will start without it and keep messages in memory and the journal"
                }
            };
            format!("Redis: {address}: {error}; {then}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Inputs, Texts, VARIABLES, understand};

    fn loaded(pairs: &[(&str, &str)]) -> Loaded {
        let environment: Texts =
            pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        understand(&Inputs { environment, ..Inputs::default() }).unwrap()
    }

    #[test]
    fn every_value_is_listed_with_its_source_and_secrets_are_not_shown() {
        let text = listing(&loaded(&[
            ("PORT", "9000"),
            ("VALKEY_PASSWORD", "hunter2"),
            ("VALKEY_URL", "redis://hub:hunter3@db.example:6380/2"),
        ]));
        for variable in VARIABLES {
            assert!(text.lines().any(|line| line.starts_with(variable.name)), "{}", variable.name);
        }
        let row = |name: &str| {
            let line = text.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
            line.split_whitespace().skip(1).collect::<Vec<_>>()
        };
        assert_eq!(row("PORT"), ["9000", "environment"]);
        assert_eq!(row("HOST"), ["127.0.0.1", "default"]);
        assert_eq!(row("JOURNAL_DIR"), ["-", "default"]);
        assert_eq!(row("VALKEY_PASSWORD"), ["***", "environment"]);
        assert_eq!(row("VALKEY_URL"), ["redis://hub:***@db.example:6380/2", "environment"]);
        assert!(text.contains("Warning: VALKEY_PASSWORD has no effect: VALKEY_URL is set"));
        assert!(!text.contains("hunter"));
    }

    #[test]
    fn redis_is_needed_when_it_is_demanded_or_an_address_was_chosen() {
        assert!(!loaded(&[]).needs_redis());
        assert!(loaded(&[("STORAGE_BACKEND", "redis")]).needs_redis());
        assert!(loaded(&[("VALKEY_HOST", "db.example")]).needs_redis());
        assert!(!loaded(&[("STORAGE_BACKEND", "memory"), ("VALKEY_HOST", "db")]).needs_redis());
    }
}
