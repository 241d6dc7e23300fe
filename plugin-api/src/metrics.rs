//! Metrics of a plugin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use supervisor_plugin_macros::{FromValue, IntoValue};

/// Metrics of a plugin at one moment: what its `#[rpc(on_metrics)]` function returns. supervisord adds them to
/// `/metrics`, as `supervisor_NAMESPACE_NAME`.
///
/// Names are lower-case letters, digits and underscores, begin with a letter and end in their unit, a base one:
/// `_seconds`, `_bytes`. That a name is a counter's, `_total`, is added for it. What is not fit to be shown is left out,
/// and supervisord's log says why.
///
/// ```
/// use plugin_api::Metrics;
///
/// let mut metrics = Metrics::new();
/// metrics.gauge("notes", "Notes on the board.").set(7);
/// let mut read = metrics.counter("reads", "Notes that were read.");
/// read.set_with([("by", "cat")], 3).set_with([("by", "dog")], 0.0);
/// assert_eq!(metrics.get("reads", &[("by", "cat")]), Some(3.0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, FromValue, IntoValue)]
pub struct Metrics(Vec<MetricFamily>);

/// Values of one name, which differ in their labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricFamily {
    name: String,
    #[serde(rename = "type")]
    kind: MetricKind,
    help: String,
    samples: Vec<MetricSample>,
}

/// Type of a metric. Another one of a later version is read as [`Unknown`](Self::Unknown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows, and begins again at 0 with each supervisord.
    Counter,
    /// Another one, of which this version knows nothing.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One value with its labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricSample {
    /// Labels and their values.
    pub labels: BTreeMap<String, String>,
    /// Value itself.
    pub value: f64,
}

/// Number that a metric may have.
pub trait MetricValue {
    /// Return it as Prometheus counts: a whole one is exact up to 2⁵³.
    fn to_f64(self) -> f64;
}

macro_rules! metric_values {
    ($($type:ty),*) => {
        $(impl MetricValue for $type {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "Prometheus knows no other numbers")]
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}

metric_values!(i32, i64, u32, u64, usize, f32, f64);

impl MetricValue for bool {
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
}

impl MetricValue for std::time::Duration {
    /// Return its seconds.
    fn to_f64(self) -> f64 {
        self.as_secs_f64()
    }
}

impl Metrics {
    /// Make an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a value that goes up and down. `help` is a sentence for a person.
    pub fn gauge(&mut self, name: &str, help: &str) -> &mut MetricFamily {
        self.add(name, MetricKind::Gauge, help)
    }

    /// Add a value that only grows. `help` is a sentence for a person.
    pub fn counter(&mut self, name: &str, help: &str) -> &mut MetricFamily {
        self.add(name, MetricKind::Counter, help)
    }

    fn add(&mut self, name: &str, kind: MetricKind, help: &str) -> &mut MetricFamily {
        let family = MetricFamily { name: name.to_owned(), kind, help: help.to_owned(), samples: Vec::new() };
        self.0.push(family);
        self.0.last_mut().expect("it was just added")
    }

    /// Return the value of that name and these labels, for tests.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = owned(labels.iter().copied());
        let family = self.0.iter().find(|family| family.name == name)?;
        family.samples.iter().find(|sample| sample.labels == labels).map(|sample| sample.value)
    }

    /// Iterate over the names, in their order.
    pub fn families(&self) -> impl Iterator<Item = &MetricFamily> {
        self.0.iter()
    }
}

impl MetricFamily {
    /// Set the value that has no labels.
    pub fn set(&mut self, value: impl MetricValue) -> &mut Self {
        self.set_with([], value)
    }

    /// Set the value that has these labels. Each labels have one value: another one is left out.
    pub fn set_with<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: impl MetricValue,
    ) -> &mut Self {
        self.samples.push(MetricSample { labels: owned(labels), value: value.to_f64() });
        self
    }

    /// Name without the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Type of its values.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Sentence for a person.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Values.
    pub fn samples(&self) -> &[MetricSample] {
        &self.samples
    }
}

fn owned<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FromValue as _, IntoValue as _, Value};

    #[test]
    fn metrics_travel_as_values() {
        let mut metrics = Metrics::new();
        metrics.gauge("level_bytes", "Level.").set(5_u64);
        metrics.counter("turns", "Turns.").set_with([("way", "left")], 2).set_with([("way", "right")], true);
        let value = metrics.clone().into_value();
        let Value::Array(families) = &value else { panic!("{value:?}") };
        assert_eq!(families[1].get("type").and_then(Value::as_str), Some("counter"));
        assert_eq!(Metrics::from_value(value), Ok(metrics.clone()));
        assert_eq!(metrics.get("level_bytes", &[]), Some(5.0));
        assert_eq!(metrics.get("turns", &[("way", "right")]), Some(1.0));
        assert_eq!(metrics.get("turns", &[]), None);
    }

    #[test]
    fn what_is_missing_or_new_can_be_read() {
        let sample = Value::structure([("value", Value::Int(3)), ("exemplar", Value::Nil)]);
        let family = [("name", "x".into()), ("type", "summary".into()), ("samples", Value::array([sample]))];
        let metrics = Metrics::from_value(Value::array([Value::structure(family)])).unwrap();
        let family = metrics.families().next().unwrap();
        assert_eq!((family.kind(), family.help()), (MetricKind::Unknown, ""));
        assert_eq!(metrics.get("x", &[]), Some(3.0));
        assert!(Metrics::from_value(Value::Int(3)).is_err());
    }
}
