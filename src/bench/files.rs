//! The limit of open files.

use super::BenchError;

/// Files beside the connections: poller, waker, standard streams, /proc.
const FILES_BESIDE: u64 = 32;

/// Raises the soft limit so that `connections` can be open, as far as the hard limit lets it.
pub(super) fn allow(connections: usize) -> Result<(), BenchError> {
    let needed = connections as u64 + FILES_BESIDE;
    let (soft, hard) = rlimit::Resource::NOFILE
        .get()
        .map_err(|error| BenchError::System("the limit of open files", error))?;
    if soft >= needed {
        return Ok(());
    }
    let raised = rlimit::increase_nofile_limit(needed)
        .map_err(|error| BenchError::System("raising the limit of open files", error))?;
    if raised >= needed {
        return Ok(());
    }
    Err(BenchError::Options(format!(
        "{connections} connections need {needed} open files, the hard limit is {hard}: \
         raise it (`ulimit -Hn {needed}` as root) or lower --connections"
    )))
}
