//! Puts metrics into the registry under the words of the table.

use prometheus_client::registry::{Metric as Encodable, Registry};

use super::table::{Kind, Metric, TABLE};

/// A registry that takes only what stands in the table.
#[derive(Debug, Default)]
pub(super) struct Registration(Registry);

impl Registration {
    /// Registers `instrument` as the metric `name`, and answers its row.
    pub(super) fn register(
        &mut self,
        name: &'static str,
        instrument: impl Encodable,
    ) -> &'static Metric {
        let row = row(name);
        // The encoder writes these ends itself.
        let short = match row.kind {
            Kind::Counter => name.strip_suffix("_total"),
            Kind::Info => name.strip_suffix("_info"),
            Kind::Gauge | Kind::Histogram => Some(name),
        };
        self.0.register(short.expect("names end as their kind asks"), row.help, instrument);
        row
    }

    /// Registers an instrument that begins at nothing.
    pub(super) fn fresh<T: Encodable + Clone + Default>(&mut self, name: &'static str) -> T {
        let instrument = T::default();
        self.register(name, instrument.clone());
        instrument
    }

    pub(super) fn finish(self) -> Registry {
        self.0
    }
}

fn row(name: &str) -> &'static Metric {
    TABLE
        .iter()
        .find(|metric| metric.name == name)
        .unwrap_or_else(|| panic!("{name} is in the table of metrics"))
}
