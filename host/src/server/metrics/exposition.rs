//! Text of metrics, in OpenMetrics or in the older format of Prometheus.
//!
//! They differ in little: where a counter's name ends in `_total`, and in the types that there are. Both end in
//! `# EOF`, which is a comment to those who know the older one.

use std::{collections::HashSet, fmt::Write as _, time::Duration};

use hyper::{HeaderMap, header::ACCEPT};

use crate::histogram::{BOUNDS, HistogramSnapshot};

/// Format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus' own, 0.0.4, which `promtool` checks.
    Prometheus,
}

impl Format {
    /// Choose the one that a client prefers. One that says nothing gets the older one, which everybody reads.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let (mut open_metrics, mut other) = (0.0, 0.0);
        for value in headers.get_all(ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let media = parts.next().unwrap_or_default().to_ascii_lowercase();
                let (mut quality, mut version) = (1.0_f64, String::new());
                for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                    match name.trim().to_ascii_lowercase().as_str() {
                        "q" => quality = value.trim().parse().unwrap_or(0.0),
                        "version" => value.trim().trim_matches('"').clone_into(&mut version),
                        _ => {}
                    }
                }
                let is_known = matches!(version.as_str(), "" | "1.0.0" | "0.0.1");
                match media.as_str() {
                    "application/openmetrics-text" if is_known => open_metrics = quality.max(open_metrics),
                    "text/plain" | "text/*" | "*/*" => other = quality.max(other),
                    _ => {}
                }
            }
        }
        if open_metrics > 0.0 && open_metrics >= other { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Return the type of the text.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Type of a family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
    /// Labels that are the value.
    Info,
}

/// Labels, as they stand between the braces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Labels(String);

impl Labels {
    pub(super) fn of<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        for (name, value) in labels {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            escape(&mut text, value, true);
            text.push('"');
        }
        Self(text)
    }
}

/// Write a text without what would end it.
fn escape(text: &mut String, value: &str, quotes: bool) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            letter => text.push(letter),
        }
    }
}

/// Value of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<bool> for Number {
    fn from(is_so: bool) -> Self {
        Self::Whole(is_so.into())
    }
}

impl From<i32> for Number {
    fn from(number: i32) -> Self {
        Self::Real(number.into())
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<Duration> for Number {
    fn from(time: Duration) -> Self {
        Self::Real(time.as_secs_f64())
    }
}

/// Text of metrics, family by family.
#[derive(Debug)]
pub(super) struct Exposition {
    format: Format,
    text: String,
    /// Names of the families so far, without what a type adds to them.
    families: HashSet<String>,
}

/// Family that is being written.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: String,
    kind: Kind,
}

impl Exposition {
    /// Begin a text that will have about so many bytes.
    pub(super) fn new(format: Format, size: usize) -> Self {
        Self { format, text: String::with_capacity(size), families: HashSet::new() }
    }

    /// Begin a family. Its name is without what its type adds, as `_total`. `None` where there is one of that name.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) -> Option<Family<'_>> {
        if !self.families.insert(name.to_owned()) {
            return None;
        }
        let is_open = self.format == Format::OpenMetrics;
        let (full_name, type_name) = match (kind, is_open) {
            (Kind::Gauge, _) => (name.to_owned(), "gauge"),
            (Kind::Histogram, _) => (name.to_owned(), "histogram"),
            (Kind::Counter, true) => (name.to_owned(), "counter"),
            (Kind::Counter, false) => (format!("{name}_total"), "counter"),
            (Kind::Info, true) => (name.to_owned(), "info"),
            (Kind::Info, false) => (format!("{name}_info"), "gauge"),
        };
        let text = &mut self.text;
        // Writing to a `String` cannot fail.
        let _ = write!(text, "# HELP {full_name} ");
        escape(text, help, is_open);
        let _ = writeln!(text, "\n# TYPE {full_name} {type_name}");
        let unit = name.rsplit_once('_').map(|(_, unit)| unit).filter(|unit| ["seconds", "bytes"].contains(unit));
        if let (true, Some(unit)) = (is_open, unit) {
            let _ = writeln!(text, "# UNIT {full_name} {unit}");
        }
        Some(Family { text, name: name.to_owned(), kind })
    }

    /// Begin a family of our own, whose name nobody else has.
    pub(super) fn own(&mut self, name: &str, kind: Kind, help: &str) -> Family<'_> {
        self.family(name, kind, help).expect("each of our own names stands once, before those of plugins")
    }

    /// End the text.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

impl Family<'_> {
    /// Add a value with these labels, of which no two may be the same.
    pub(super) fn add(&mut self, labels: &Labels, value: impl Into<Number>) {
        self.add_with(labels, &Labels::default(), value);
    }

    /// Add a value with labels, and more of them.
    pub(super) fn add_with(&mut self, labels: &Labels, more: &Labels, value: impl Into<Number>) {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.line(suffix, labels, more, value.into());
    }

    /// Add a histogram with these labels.
    pub(super) fn add_histogram(&mut self, labels: &Labels, histogram: &HistogramSnapshot) {
        let bounds = BOUNDS.iter().map(Some).chain([None]);
        let mut total = 0;
        for (bound, count) in bounds.zip(histogram.counts) {
            total += count;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| format!("{:?}", bound.as_secs_f64()));
            self.line("_bucket", labels, &Labels::of([("le", bound.as_str())]), total.into());
        }
        self.line("_sum", labels, &Labels::default(), histogram.sum.into());
        self.line("_count", labels, &Labels::default(), total.into());
    }

    fn line(&mut self, suffix: &str, labels: &Labels, more: &Labels, value: Number) {
        let text = &mut *self.text;
        text.push_str(&self.name);
        text.push_str(suffix);
        if !labels.0.is_empty() || !more.0.is_empty() {
            text.push('{');
            text.push_str(&labels.0);
            if !labels.0.is_empty() && !more.0.is_empty() {
                text.push(',');
            }
            text.push_str(&more.0);
            text.push('}');
        }
        text.push(' ');
        // Writing to a `String` cannot fail.
        let _ = match value {
            Number::Whole(number) => writeln!(text, "{number}"),
            Number::Real(number) if number.is_nan() => writeln!(text, "NaN"),
            Number::Real(number) if number.is_infinite() => {
                writeln!(text, "{}", if number > 0.0 { "+Inf" } else { "-Inf" })
            }
            Number::Real(number) => writeln!(text, "{number}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &[&str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        Format::accepted(&headers)
    }

    #[test]
    fn a_client_gets_what_it_prefers() {
        let of_prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;\
                             version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in [
            &[of_prometheus][..],
            &["application/openmetrics-text"],
            &["Application/OpenMetrics-Text; Version=\"1.0.0\"; escaping=allow-utf-8"],
            &["text/plain;q=0.5", "application/openmetrics-text"],
        ] {
            assert_eq!(accepted(accept), Format::OpenMetrics, "{accept:?}");
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["text/html, image/gif; q=.2, */*; q=.2"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=x, text/plain"],
            &["application/openmetrics-text;version=7.0.0"],
            &["application/openmetrics-text;q=0.3, text/plain;q=0.5"],
        ] {
            assert_eq!(accepted(accept), Format::Prometheus, "{accept:?}");
        }
    }

    fn sample(format: Format) -> String {
        let mut text = Exposition::new(format, 0);
        let strange = Labels::of([("name", "a\"b\\c\nd"), ("group", "grün")]);
        text.own("x_bytes", Kind::Gauge, "Of \"x\"\\y\nz.").add(&strange, 5_u64);
        let mut turns = text.own("turns", Kind::Counter, "Turns.");
        turns.add_with(&strange, &Labels::of([("way", "left")]), 1.5);
        turns.add(&Labels::default(), f64::NAN);
        text.own("megabytes", Kind::Gauge, "No unit.");
        text.own("build", Kind::Info, "Build.").add(&Labels::of([("version", "1")]), 1_u64);
        assert!(text.family("turns", Kind::Gauge, "again").is_none());
        let counts = [1, 0, 2, 0, 0, 0, 0, 0, 0, 1];
        let took = HistogramSnapshot { counts, sum: Duration::from_millis(12_500) };
        text.own("took_seconds", Kind::Histogram, "Took.").add_histogram(&Labels::default(), &took);
        text.finish()
    }

    #[test]
    fn open_metrics_and_the_older_format_differ_in_little() {
        let open = sample(Format::OpenMetrics);
        let expected = "# HELP x_bytes Of \\\"x\\\"\\\\y\\nz.\n# TYPE x_bytes gauge\n# UNIT x_bytes bytes\n\
            x_bytes{name=\"a\\\"b\\\\c\\nd\",group=\"gr\u{fc}n\"} 5\n\
            # HELP turns Turns.\n# TYPE turns counter\n\
            turns_total{name=\"a\\\"b\\\\c\\nd\",group=\"gr\u{fc}n\",way=\"left\"} 1.5\nturns_total NaN\n\
            # HELP megabytes No unit.\n# TYPE megabytes gauge\n\
            # HELP build Build.\n# TYPE build info\nbuild_info{version=\"1\"} 1\n";
        assert!(open.starts_with(expected), "{open}");
        let buckets = "took_seconds_bucket{le=\"0.0001\"} 1\ntook_seconds_bucket{le=\"0.0005\"} 1\n\
            took_seconds_bucket{le=\"0.001\"} 3\n";
        assert!(open.contains(buckets), "{open}");
        let end = "took_seconds_bucket{le=\"10.0\"} 3\ntook_seconds_bucket{le=\"+Inf\"} 4\ntook_seconds_sum 12.5\n\
            took_seconds_count 4\n# EOF\n";
        assert!(open.ends_with(end), "{open}");
        let older = sample(Format::Prometheus)
            .replace("# HELP x_bytes Of \"x\"", "# HELP x_bytes Of \\\"x\\\"")
            .replace("# HELP turns_total", "# HELP turns")
            .replace("# TYPE turns_total", "# TYPE turns")
            .replace("# HELP build_info", "# HELP build")
            .replace("# TYPE build_info gauge", "# TYPE build info");
        let open = open.replace("# UNIT x_bytes bytes\n", "").replace("# UNIT took_seconds seconds\n", "");
        assert_eq!(older, open);
    }
}
