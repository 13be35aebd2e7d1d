//! Families in Prometheus' text format.

use std::fmt::Write;

use model::{TIMES_BOUNDS_MS, Times};

use super::{Family, Kind, Sample, Value};

/// As a scrape has them.
#[must_use]
pub fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        put(&mut text, format_args!("# HELP {} {}\n# TYPE {} {kind}\n", family.name, family.help, family.name));
        for sample in &family.samples {
            put_sample(&mut text, family, sample);
        }
    }
    text
}

fn put_sample(text: &mut String, family: &Family, sample: &Sample) {
    let label = family.label.map(|label| format!("{label}=\"{}\"", escaped(&sample.label)));
    match &sample.value {
        Value::Number(value) => match label {
            Some(label) => put(text, format_args!("{}{{{label}}} {value}\n", family.name)),
            None => put(text, format_args!("{} {value}\n", family.name)),
        },
        Value::Times(times) => put_times(text, family.name, label, times),
    }
}

fn put_times(text: &mut String, name: &str, label: Option<String>, times: &Times) {
    let before = label.as_ref().map_or_else(String::new, |label| format!("{label},"));
    let mut count = 0;
    let bounds = TIMES_BOUNDS_MS.iter().map(|ms| seconds(*ms).to_string()).chain(["+Inf".to_owned()]);
    for (bound, more) in bounds.zip(times.counts) {
        count += more;
        put(text, format_args!("{name}_bucket{{{before}le=\"{bound}\"}} {count}\n"));
    }
    let labels = label.map_or_else(String::new, |label| format!("{{{label}}}"));
    put(text, format_args!("{name}_sum{labels} {}\n{name}_count{labels} {count}\n", seconds(times.sum_ms)));
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// A label's value may hold anything.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_upwards_and_labels_are_escaped() {
        let mut times = Times::default();
        [5, 20, 7_200_001].into_iter().for_each(|ms| times.add(ms));
        let open = Family::histogram("x_seconds", Some("outcome"), "How long.").with_times("a\"b", times);
        let text = text(&[open, Family::gauge("y", None, "What.").of(1.5)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["# HELP x_seconds How long.", "# TYPE x_seconds histogram"]);
        assert_eq!(lines[2], "x_seconds_bucket{outcome=\"a\\\"b\",le=\"0.01\"} 1");
        assert_eq!(lines[3], "x_seconds_bucket{outcome=\"a\\\"b\",le=\"0.025\"} 2");
        assert_eq!(lines[17], "x_seconds_bucket{outcome=\"a\\\"b\",le=\"+Inf\"} 3");
        assert_eq!(
            lines[18..20],
            ["x_seconds_sum{outcome=\"a\\\"b\"} 7200.026", "x_seconds_count{outcome=\"a\\\"b\"} 3"]
        );
        assert_eq!(lines[lines.len() - 2..], ["# TYPE y gauge", "y 1.5"]);
    }
}
