//! `doctor`: what will go wrong on this machine, each with its remedy.
//!
//! Each check is a function from what was found to a verdict; asking the system and Redis happens
//! here and in `machine`.

mod exposure;
mod machine;
mod store;

use std::fmt;
use std::process::ExitCode;

use super::probe::probe;
use crate::config::{Loaded, Storage};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to be done.
    Ok,
    /// It works, but not as well or as safely as it could; or it could not be found out.
    Warn,
    /// It will not work as configured.
    Fail,
}

/// The outcome of one check, one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was found. It holds no secret.
    pub found: String,
    /// What to do about it; empty when all is well.
    pub remedy: String,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), remedy: String::new() }
    }

    fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), remedy: remedy.into() }
    }

    fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        write!(f, "{word:4}  {}: {}", self.check, self.found)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ". Remedy: {}", self.remedy) }
    }
}

/// Makes all checks. Asking Redis takes 5 s to connect at most and 3 s per question.
pub async fn examine(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = machine::findings(loaded);
    if loaded.config.storage == Storage::Memory {
        findings.push(Finding::ok("Redis", "not used (STORAGE_BACKEND=memory)"));
    } else {
        let found = probe(&loaded.config.redis).await;
        findings.extend(store::findings(loaded, &found));
    }
    findings.extend(exposure::findings(loaded));
    findings.extend(loaded.warnings.iter().map(|warning| {
        Finding::warn("configuration", warning, "correct it, or remove what has no effect")
    }));
    findings
}

/// Prints all findings; the exit code is 1 when one of them is a failure.
pub async fn run_doctor(loaded: &Loaded) -> ExitCode {
    let findings = examine(loaded).await;
    for finding in &findings {
        super::print(&finding.to_string());
    }
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
pub(super) fn loaded(pairs: &[(&str, &str)]) -> Loaded {
    use crate::config::{Inputs, understand};
    let environment =
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    understand(&Inputs { environment, ..Inputs::default() }).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        assert_eq!(Finding::ok("a", "b").to_string(), "ok    a: b");
        assert_eq!(Finding::warn("a", "b", "c").to_string(), "warn  a: b. Remedy: c");
        assert_eq!(Finding::fail("a", "b", "c").to_string(), "fail  a: b. Remedy: c");
    }
}
