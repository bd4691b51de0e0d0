//! Counters with a label whose values are known beforehand.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::registration::Registration;
use crate::hub::Kept;
use crate::protocol::{CloseCode, Command, ErrorCode, FrameKind, Rejection, Request, Signal};

type Labels = [(&'static str, String); 1];

/// One counter for each value of a label, found by its number: no look-up and no lock on the way of
/// a frame.
#[derive(Debug)]
pub(super) struct PerValue(Box<[Counter]>);

impl PerValue {
    /// One counter for each of `values`, all at zero, registered as the metric `name` of the table.
    pub(super) fn register(
        registration: &mut Registration,
        name: &'static str,
        values: impl IntoIterator<Item = String>,
    ) -> Self {
        let family = Family::<Labels, Counter>::default();
        let label = registration.register(name, family.clone()).label;
        Self(
            values.into_iter().map(|value| family.get_or_create_owned(&[(label, value)])).collect(),
        )
    }

    pub(super) fn at(&self, index: usize) -> &Counter {
        &self.0[index]
    }
}

macro_rules! label_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As the label has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

label_values! {
    /// What a client sent: the `type` of the frame, if it was accepted.
    Received {
        /// `chat_message`.
        Chat = "chat_message",
        /// `join_room`.
        JoinRoom = "join_room",
        /// `leave_room`.
        LeaveRoom = "leave_room",
        /// `get_rooms`.
        GetRooms = "get_rooms",
        /// `get_recent_messages`.
        RecentMessages = "get_recent_messages",
        /// `get_direct_messages`.
        DirectMessages = "get_direct_messages",
        /// `user_available_webrtc`.
        Available = "user_available_webrtc",
        /// `user_unavailable_webrtc`.
        Unavailable = "user_unavailable_webrtc",
        /// `request_random_peer`.
        RandomPeer = "request_random_peer",
        /// `webrtc_offer`.
        Offer = "webrtc_offer",
        /// `webrtc_answer`.
        Answer = "webrtc_answer",
        /// `webrtc_candidate`.
        Candidate = "webrtc_candidate",
        /// `hangup`.
        Hangup = "hangup",
        /// `ping`.
        Ping = "ping",
        /// Refused, whatever it was: names that a client makes up must not become labels.
        Rejected = "rejected",
    }
}

impl Received {
    /// How a frame counts.
    #[must_use]
    pub fn of(frame: &Result<Request, Rejection>) -> Self {
        frame.as_ref().map_or(Self::Rejected, |request| Self::of_command(&request.command))
    }

    /// How an accepted frame counts.
    #[must_use]
    pub fn of_command(command: &Command) -> Self {
        match command {
            Command::Chat { .. } => Self::Chat,
            Command::JoinRoom { .. } => Self::JoinRoom,
            Command::LeaveRoom { .. } => Self::LeaveRoom,
            Command::GetRooms => Self::GetRooms,
            Command::RecentMessages { .. } => Self::RecentMessages,
            Command::DirectMessages { .. } => Self::DirectMessages,
            Command::Available => Self::Available,
            Command::Unavailable => Self::Unavailable,
            Command::RandomPeer { .. } => Self::RandomPeer,
            Command::Signal { signal: Signal::Offer, .. } => Self::Offer,
            Command::Signal { signal: Signal::Answer, .. } => Self::Answer,
            Command::Signal { signal: Signal::Candidate, .. } => Self::Candidate,
            Command::Signal { signal: Signal::Hangup, .. } => Self::Hangup,
            Command::Ping => Self::Ping,
        }
    }
}

label_values! {
    /// Why a connection was refused before the upgrade.
    Refusal {
        /// A user id or another parameter is wrong, or it is no WebSocket handshake: 400.
        BadRequest = "bad_request",
        /// The origin may not connect: 403.
        Origin = "origin",
        /// Too many connections from one address: 429.
        AddressFull = "address_full",
        /// `MAX_CONNECTIONS` is reached: 503.
        NodeFull = "node_full",
        /// The hub is stopping: 503.
        Draining = "draining",
    }
}

/// What holds a message, in the order of their counters.
const KEPT: [(Kept, &str); 3] =
    [(Kept::Redis, "redis"), (Kept::Memory, "memory"), (Kept::Journal, "journal")];

/// What is counted between the hub and Redis, as the Redis store names it.
pub const REDIS_EVENTS: [&str; 11] = [
    "appends",
    "reads",
    "facts",
    "renewals",
    "purges",
    "probes",
    "batches",
    "away",
    "refused",
    "full",
    "disconnects",
];

/// All counters with a label.
#[derive(Debug)]
pub(super) struct Labelled {
    received: PerValue,
    sent: PerValue,
    errors: PerValue,
    closes: PerValue,
    refusals: PerValue,
    messages: PerValue,
    redis: PerValue,
}

impl Labelled {
    pub(super) fn register(to: &mut Registration) -> Self {
        fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<String> {
            all.iter().map(|&value| name(value).to_owned()).collect()
        }
        let codes = CloseCode::ALL.iter().map(|code| code.number().to_string());
        let received = names(Received::ALL, Received::name);
        let sent = names(FrameKind::ALL, FrameKind::name);
        let errors = names(ErrorCode::ALL, ErrorCode::name);
        let refusals = names(Refusal::ALL, Refusal::name);
        let kept = KEPT.map(|(_, name)| name.to_owned());
        Self {
            received: PerValue::register(to, "aleatoria_frames_received_total", received),
            sent: PerValue::register(to, "aleatoria_frames_sent_total", sent),
            errors: PerValue::register(to, "aleatoria_errors_total", errors),
            closes: PerValue::register(to, "aleatoria_closes_total", codes),
            refusals: PerValue::register(to, "aleatoria_handshakes_refused_total", refusals),
            messages: PerValue::register(to, "aleatoria_messages_total", kept),
            redis: PerValue::register(
                to,
                "aleatoria_redis_events_total",
                REDIS_EVENTS.map(str::to_owned),
            ),
        }
    }

    pub(super) fn received(&self, frame: Received) -> &Counter {
        self.received.at(frame as usize)
    }

    pub(super) fn sent(&self, kind: FrameKind) -> &Counter {
        self.sent.at(kind as usize)
    }

    pub(super) fn error(&self, code: ErrorCode) -> &Counter {
        self.errors.at(code as usize)
    }

    pub(super) fn closed(&self, code: CloseCode) -> &Counter {
        self.closes.at(code as usize)
    }

    pub(super) fn refused(&self, refusal: Refusal) -> &Counter {
        self.refusals.at(refusal as usize)
    }

    pub(super) fn stored(&self, kept: Kept) -> &Counter {
        let at = KEPT.iter().position(|&(value, _)| value == kept);
        self.messages.at(at.expect("KEPT lists all of them"))
    }

    pub(super) fn redis(&self, event: &str) -> Option<&Counter> {
        Some(self.redis.at(REDIS_EVENTS.iter().position(|known| *known == event)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_value_is_its_place_in_the_list() {
        assert!(FrameKind::ALL.iter().enumerate().all(|(at, &kind)| kind as usize == at));
        assert!(ErrorCode::ALL.iter().enumerate().all(|(at, &code)| code as usize == at));
        assert!(CloseCode::ALL.iter().enumerate().all(|(at, &code)| code as usize == at));
        assert!(Received::ALL.iter().enumerate().all(|(at, &frame)| frame as usize == at));
        assert!(Refusal::ALL.iter().enumerate().all(|(at, &refusal)| refusal as usize == at));
    }

    #[test]
    fn a_frame_counts_under_its_type_and_a_refused_one_as_rejected() {
        let of = |text: &str| Received::of(&crate::protocol::parse(text)).name();
        for kind in ["get_rooms", "user_available_webrtc", "user_unavailable_webrtc", "ping"] {
            assert_eq!(of(&format!(r#"{{"type":"{kind}"}}"#)), kind);
        }
        for kind in ["join_room", "leave_room", "get_recent_messages"] {
            assert_eq!(of(&format!(r#"{{"type":"{kind}","room":"a"}}"#)), kind);
        }
        assert_eq!(of(r#"{"type":"made_up"}"#), "rejected");
    }
}
