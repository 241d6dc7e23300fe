//! Metrics that plugins have of their own, checked: whatever one says, every line of the text stays right.

use std::collections::{BTreeSet, HashSet};

use plugin_api::{MetricFamily, MetricKind, Metrics};

use super::exposition::{Exposition, Kind, Labels};
use crate::text::repr::repr;

/// Most families of one plugin, and most values of all of these.
const MAX_FAMILIES: usize = 1_000;
const MAX_SAMPLES: usize = 10_000;
/// Most bytes of a name, of a help and of the value of a label.
const MAX_NAME: usize = 200;
const MAX_TEXT: usize = 1_024;

/// Ends of names that say of which kind a value is, or that a type adds.
const RESERVED_ENDS: [&str; 6] = ["_total", "_created", "_bucket", "_sum", "_count", "_info"];

/// Write the metrics of the plugin of that namespace. Returns what is left out, and why: a line for each.
pub(super) fn write(text: &mut Exposition, namespace: &str, metrics: &Metrics) -> BTreeSet<String> {
    let mut complaints = BTreeSet::new();
    let prefix = prefix(namespace);
    let mut left = MAX_SAMPLES;
    for (index, family) in metrics.families().enumerate() {
        let mut complain = |why: String| {
            complaints.insert(format!("metric {} {why}", repr(family.name())));
        };
        if index == MAX_FAMILIES {
            complain(format!("and those after it are left out: there may be {MAX_FAMILIES}"));
            break;
        }
        let (name, kind) = match checked(family) {
            Ok(checked) => checked,
            Err(why) => {
                complain(format!("is left out: {why}"));
                continue;
            }
        };
        let Some(mut written) = text.family(&format!("{prefix}_{name}"), kind, family.help()) else {
            complain("is left out: there is one of that name already".to_owned());
            continue;
        };
        let mut seen = HashSet::new();
        for sample in family.samples() {
            if left == 0 {
                complain(format!("and those after it are left out in part: there may be {MAX_SAMPLES} values"));
                break;
            }
            let labels = sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            if let Some((name, _)) = labels.clone().find(|(name, value)| !is_label(name) || value.len() > MAX_TEXT) {
                complain(format!("is left out in part: {} is no label, or its value is too long", repr(name)));
                continue;
            }
            if kind == Kind::Counter && !(0.0..f64::INFINITY).contains(&sample.value) {
                complain(format!("is left out in part: {} is no count", sample.value));
                continue;
            }
            // One without a value is none at all.
            let labels = Labels::of(labels.filter(|(_, value)| !value.is_empty()));
            if !seen.insert(labels.clone()) {
                complain("is left out in part: it has two values of the same labels".to_owned());
                continue;
            }
            left -= 1;
            written.add(&labels, sample.value);
        }
    }
    complaints
}

/// Begin of the names of a namespace's metrics.
fn prefix(namespace: &str) -> String {
    let fit = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    format!("supervisor_{}", namespace.chars().map(fit).collect::<String>())
}

/// Check the name, the type and the help of a family.
fn checked(family: &MetricFamily) -> Result<(&str, Kind), String> {
    let kind = match family.kind() {
        MetricKind::Gauge => Kind::Gauge,
        MetricKind::Counter => Kind::Counter,
        MetricKind::Unknown => return Err("its type is neither gauge nor counter".to_owned()),
    };
    let name = family.name();
    // What is added anyway may stand there.
    let name = if kind == Kind::Counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.chars().all(is_letter) {
        return Err("a name is lower-case letters, digits and underscores, and begins with a letter".to_owned());
    }
    // The prefix puts the underscore before a name that is such an end alone.
    if let Some(end) = RESERVED_ENDS.iter().find(|end| name.ends_with(**end) || name == &end[1..]) {
        return Err(format!("no name of a {kind:?} ends in {end}").to_lowercase());
    }
    if name.len() > MAX_NAME || family.help().len() > MAX_TEXT {
        return Err("its name or its help is too long".to_owned());
    }
    if family.help().is_empty() {
        return Err("it has no help".to_owned());
    }
    Ok((name, kind))
}

fn is_label(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_taken = name.starts_with("__") || name == "le" || name == "quantile";
    begins_well && name.chars().all(is_letter) && !is_taken && name.len() <= MAX_NAME
}

#[cfg(test)]
mod tests {
    use super::{super::exposition::Format, *};

    #[test]
    fn what_a_plugin_says_breaks_no_line() {
        let mut metrics = Metrics::new();
        metrics.gauge("level_bytes", "Le\"vel\nx 1\n# EOF").set_with([("at", "a\"b\n")], 1.5).set(-2);
        metrics
            .counter("turns_total", "Turns.")
            .set(3)
            .set(4)
            .set_with([("x", "")], -1)
            .set_with([("y", "")], f64::NAN);
        let labels = ["", "0", "a b", "__x", "le", "quantile", "\u{e4}"];
        for name in labels {
            metrics.gauge("labels", "L.").set_with([(name, "")], 1);
        }
        for name in
            ["", "Level", "a b", "a\nb", "1a", "_a", "a{", "a_total", "a_count", "count", "bucket", "info", "\u{e4}"]
        {
            metrics.gauge(name, "Bad.").set(1);
        }
        metrics.gauge("level_bytes", "Again.").set(1);
        metrics.gauge("silent", "").set(1);
        metrics.gauge("taken", "Taken.").set(1);
        metrics.gauge("tall", "Tall.").set(f64::INFINITY);
        let mut text = Exposition::new(Format::OpenMetrics, 0);
        text.own("supervisor_my_plug_taken", Kind::Gauge, "Ours.").add(&Labels::default(), 7_u64);
        let complaints = write(&mut text, "my.Plug", &metrics);
        let expected = "# HELP supervisor_my_plug_taken Ours.\n# TYPE supervisor_my_plug_taken gauge\n\
            supervisor_my_plug_taken 7\n\
            # HELP supervisor_my_plug_level_bytes Le\\\"vel\\nx 1\\n# EOF\n# TYPE supervisor_my_plug_level_bytes gauge\n\
            # UNIT supervisor_my_plug_level_bytes bytes\n\
            supervisor_my_plug_level_bytes{at=\"a\\\"b\\n\"} 1.5\nsupervisor_my_plug_level_bytes -2\n\
            # HELP supervisor_my_plug_turns Turns.\n# TYPE supervisor_my_plug_turns counter\n\
            supervisor_my_plug_turns_total 3\n\
            # HELP supervisor_my_plug_labels L.\n# TYPE supervisor_my_plug_labels gauge\n\
            # HELP supervisor_my_plug_tall Tall.\n# TYPE supervisor_my_plug_tall gauge\nsupervisor_my_plug_tall +Inf\n\
            # EOF\n";
        assert_eq!(text.finish(), expected);
        let said: Vec<_> = complaints.iter().map(String::as_str).collect();
        for complaint in [
            "metric 'turns_total' is left out in part: -1 is no count",
            "metric 'turns_total' is left out in part: it has two values of the same labels",
            "metric 'level_bytes' is left out: there is one of that name already",
            "metric 'taken' is left out: there is one of that name already",
            "metric 'silent' is left out: it has no help",
            "metric 'a_total' is left out: no name of a gauge ends in _total",
            "metric 'count' is left out: no name of a gauge ends in _count",
        ] {
            assert!(said.contains(&complaint), "{complaint}: {said:#?}");
        }
    }

    #[test]
    fn a_plugin_has_not_more_than_it_may() {
        let mut metrics = Metrics::new();
        let family = metrics.gauge("many", "Many.");
        for number in 0..MAX_SAMPLES + 5 {
            family.set_with([("n", number.to_string().as_str())], 1);
        }
        for number in 0..MAX_FAMILIES {
            metrics.gauge(&format!("family{number}"), "One.");
        }
        let mut text = Exposition::new(Format::Prometheus, 0);
        let complaints = write(&mut text, "p", &metrics);
        let text = text.finish();
        assert_eq!(text.lines().filter(|line| line.starts_with("supervisor_p_many{")).count(), MAX_SAMPLES);
        assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE")).count(), MAX_FAMILIES);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }
}
