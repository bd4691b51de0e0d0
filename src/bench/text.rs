//! A report as people read it.

use std::fmt::{self, Display, Formatter};

use super::latency::Percentiles;
use super::report::{Chat, Generator, Report};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { connections, connect_seconds, seconds, closed, .. } = self;
        write!(f, "clients      {connections} connected in {connect_seconds:.1} s, ")?;
        write!(f, "{closed} cut off")?;
        if let Some(reason) = &self.first_close {
            write!(f, " (first: {reason})")?;
        }
        writeln!(f, "; measured for {seconds:.1} s")?;
        if let Some(chat) = &self.chat {
            writeln!(f, "{chat}")?;
        }
        if let Some(kb) = self.idle.and_then(|idle| idle.resident_kb_per_connection) {
            writeln!(f, "memory       {kb:.2} KB per connection")?;
        }
        if let Some(server) = &self.server {
            write!(f, "server       {:.2} cores, {} KB", server.cores, server.resident_kb)?;
            if let (Some(all), Some(user), Some(system)) = (
                server.cpu_us_per_delivery,
                server.user_us_per_delivery,
                server.system_us_per_delivery,
            ) {
                write!(f, "; {all:.2} µs per delivery ({user:.2} program, {system:.2} kernel)")?;
            }
            writeln!(f)?;
        }
        let Generator { cores, frames_per_read, late_ms } = &self.generator;
        write!(f, "generator    {:.2} cores, ", cores.unwrap_or_default())?;
        write!(f, "{frames_per_read:.1} frames per read")?;
        if let Some(late) = late_ms {
            write!(f, "; sent late by p50 {:.3} ms, p99 {:.3} ms", late.p50, late.p99)?;
        }
        for warning in &self.warnings {
            write!(f, "\nWarning: {warning}")?;
        }
        Ok(())
    }
}

impl Display for Chat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { sent, expected, delivered, lost, duplicated, strayed, unsent, others, .. } =
            self;
        write!(f, "messages     {sent} sent, {delivered} of {expected} delivered: {lost} lost, ")?;
        write!(f, "{duplicated} duplicated, {strayed} astray, {unsent} unsent, {others} others")?;
        write!(f, "\nrate         {:.0} deliveries/s", self.deliveries_per_second)?;
        let Percentiles { p50, p90, p99, p99_9, max } = self.latency_ms;
        write!(f, "\nlatency      p50 {p50:.2} ms, p90 {p90:.2} ms, p99 {p99:.2} ms, ")?;
        write!(f, "p99.9 {p99_9:.2} ms, max {max:.2} ms")
    }
}
