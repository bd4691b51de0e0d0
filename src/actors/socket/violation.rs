//! What a client did wrong on the wire.

use crate::protocol::CloseCode;

/// A breach of RFC 6455 or of a limit that ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A frame that is not legal, or not legal here.
    Protocol,
    /// Text, or the reason of a close, that is not UTF-8.
    InvalidUtf8,
    /// A message above the limit.
    TooBig,
}

impl Violation {
    /// The code that the connection is closed with.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::Protocol,
            Self::InvalidUtf8 => CloseCode::InvalidUtf8,
            Self::TooBig => CloseCode::TooBig,
        }
    }
}
