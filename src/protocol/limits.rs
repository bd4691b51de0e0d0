//! Every bound that a client can meet, in one place.

use std::time::Duration;

use serde::Serialize;

/// Messages in one page of history at most.
pub const HISTORY_PAGE_MAX: u16 = 200;
/// Messages in one page of history when the client names no limit.
pub const HISTORY_PAGE_DEFAULT: u16 = 50;
/// Longest session description of an offer or answer, in bytes of the payload's JSON.
pub const SDP_BYTES_MAX: usize = 64 * 1024;
/// Longest candidate, in bytes of the payload's JSON.
pub const CANDIDATE_BYTES_MAX: usize = 4 * 1024;

/// The configurable bounds of one session. A zero turns a rate off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest message from a client, in bytes (`MAX_FRAME_BYTES`).
    pub frame_bytes_max: usize,
    /// Bytes of messages in one page of history, so that a page fits into the queue of its reader;
    /// a single message is never too large for it.
    pub page_bytes_max: usize,
    /// Rooms one session may be in (`MAX_ROOMS_PER_SESSION`).
    pub rooms_max: usize,
    /// Frames per second that one session may send on average (`RATE_FRAMES_PER_SEC`); 0: no limit.
    pub frames_per_second: u32,
    /// Frames that one session may send at once (`RATE_BURST`).
    pub frames_burst: u32,
    /// Time between two pings of the server (`PING_INTERVAL_SECS`).
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 1024 * 1024,
            page_bytes_max: 512 * 1024,
            rooms_max: 128,
            frames_per_second: 50,
            frames_burst: 100,
            ping_interval: Duration::from_secs(25),
        }
    }
}

/// The limits as `welcome` tells them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldLimits {
    frame_bytes: usize,
    rooms: usize,
    frames_per_second: u32,
    frames_burst: u32,
    history_page: u16,
}

impl Limits {
    /// What a client should know of them.
    #[must_use]
    pub fn told(&self) -> ToldLimits {
        ToldLimits {
            frame_bytes: self.frame_bytes_max,
            rooms: self.rooms_max,
            frames_per_second: self.frames_per_second,
            frames_burst: self.frames_burst,
            history_page: HISTORY_PAGE_MAX,
        }
    }
}
