//! HTTP: routes extract, ask and answer, and decide nothing.

pub mod upgrade;
