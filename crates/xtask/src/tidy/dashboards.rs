//! Dashboards, alerts and documents speak of metrics that the code has, and every metric is on a dashboard.
//!
//! Their names are held to Prometheus' conventions too, and names that rules record are held to be recorded.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::metrics::{self, Mention, PREFIX};
use crate::workspace::SourceFile;

/// What rules record begins so.
const RECORDED_PREFIX: &str = "bayplan:";
/// What policy modules and their header are about; they begin as metrics do because a module has no other namespace.
const OF_MODULES: [&str; 4] = ["bayplan_abi_version", "bayplan_assess", "bayplan_batch", "bayplan_policy"];
/// What Prometheus makes of a histogram.
const OF_HISTOGRAM: [&str; 3] = ["_bucket", "_count", "_sum"];
/// Units that are a multiple of the base unit: seconds and bytes.
const NOT_BASE_UNITS: [&str; 9] =
    ["_ms", "_us", "_milliseconds", "_minutes", "_hours", "_kb", "_mb", "_gb", "_megabytes"];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let described = metrics::described(files);
    let kinds: BTreeMap<&str, &str> = described.iter().map(|metric| (metric.name.as_str(), metric.kind)).collect();
    let shown: BTreeSet<&str> = files.iter().filter(|file| is_dashboard(file)).flat_map(names_in).collect();
    let unknown = files.iter().filter(|file| speaks_of_metrics(file)).flat_map(|file| unknown_in(file, &kinds));
    let silent = metrics::set(files).into_iter().filter(|metric| !kinds.contains_key(metric.name.as_str()));
    let silent = silent.map(|metric| {
        let reason = format!("{} has no description, so Prometheus shows no HELP for it", metric.name);
        Finding::error(&metric.place, reason, format!("describe it with describe_{}!", metric.kind))
    });
    let hidden = described.iter().filter(|metric| !is_shown(metric, &shown)).map(|metric| {
        let reason = format!("{} is on no dashboard", metric.name);
        Finding::error(&metric.place, reason, "show it in dashboards/, or give it up")
    });
    let misnamed = described.iter().filter_map(misnamed);
    unknown.chain(silent).chain(hidden).chain(misnamed).chain(not_recorded(files)).collect()
}

/// Names such as `bayplan:commit_seconds:p99` that no rule records.
fn not_recorded(files: &[SourceFile]) -> Vec<Finding> {
    let about_metrics = || files.iter().filter(|file| file.path.starts_with("dashboards/"));
    let recorded: BTreeSet<&str> = about_metrics()
        .flat_map(|file| file.text.lines())
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("record: "))
        .collect();
    let used = about_metrics().flat_map(|file| {
        let lines = file.text.lines().enumerate();
        lines.flat_map(move |(number, line)| recorded_names_of(line).map(move |name| (file, number + 1, name)))
    });
    used.filter(|(.., name)| !recorded.contains(name))
        .map(|(file, number, name)| {
            let reason = format!("{name} is recorded by no rule");
            Finding::error(&format!("{}:{number}", file.path), reason, "record it in dashboards/, or correct the name")
        })
        .collect()
}

fn recorded_names_of(line: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let is_longer = |word: &&str| word.starts_with(RECORDED_PREFIX) && word.len() > RECORDED_PREFIX.len();
    line.split(move |c| !is_of_name(c)).filter(is_longer)
}

fn is_dashboard(file: &SourceFile) -> bool {
    file.path.starts_with("dashboards/") && file.path.ends_with(".json")
}

fn speaks_of_metrics(file: &SourceFile) -> bool {
    let is_page = !file.path.contains('/') || file.path.starts_with("docs/");
    file.path.starts_with("dashboards/") || (is_page && file.path.ends_with(".md"))
}

fn is_shown(metric: &Mention, shown: &BTreeSet<&str>) -> bool {
    shown.iter().any(|name| *name == metric.name || (metric.kind == "histogram" && base(name) == metric.name))
}

fn unknown_in<'a>(file: &'a SourceFile, kinds: &'a BTreeMap<&str, &str>) -> impl Iterator<Item = Finding> + 'a {
    let lines = file.text.lines().enumerate();
    let named = lines.flat_map(|(number, line)| names_of(line).map(move |name| (number + 1, name)));
    let is_known =
        |name: &str| kinds.contains_key(name) || kinds.get(base(name)).is_some_and(|kind| *kind == "histogram");
    named.filter(move |(_, name)| !is_known(name) && !OF_MODULES.contains(name)).map(|(number, name)| {
        let reason = format!("{name} is no metric that the code describes");
        Finding::error(&format!("{}:{number}", file.path), reason, "correct the name, or describe the metric")
    })
}

/// The histogram that a name of Prometheus' belongs to, if it is one of its three.
fn base(name: &str) -> &str {
    OF_HISTOGRAM.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

fn names_in(file: &SourceFile) -> impl Iterator<Item = &str> {
    file.text.lines().flat_map(names_of)
}

/// Words that begin as our metrics do. `BAYPLAN_DIR` and `x_bayplan_y` do not.
fn names_of(line: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.split(move |c| !is_of_name(c)).filter(|word| word.starts_with(PREFIX) && word.len() > PREFIX.len())
}

fn misnamed(metric: &Mention) -> Option<Finding> {
    let is_total = metric.name.ends_with("_total");
    let (reason, way_out) = match metric.kind {
        "counter" if !is_total => ("a counter's name ends in _total", "append _total"),
        "gauge" | "histogram" if is_total => ("only a counter's name ends in _total", "leave _total out"),
        _ if NOT_BASE_UNITS.iter().any(|unit| metric.name.ends_with(unit)) => {
            ("Prometheus counts in base units", "count in seconds or bytes, and say so at the end of the name")
        }
        _ => return None,
    };
    Some(Finding::error(&metric.place, format!("{}: {reason}", metric.name), way_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::file;

    const CODE: &str = r#"
        const COMMIT: &str = "bayplan_commit_seconds";
        histogram!(COMMIT).record(1.0);
        gauge!("bayplan_apps", "state" => "x").set(1.0);
        describe_histogram!(
            COMMIT, Unit::Seconds, "How long."
        );
        describe_gauge!("bayplan_apps", "How many.");
    "#;
    const BOARD: &str = r#""expr": "rate(bayplan_commit_seconds_bucket[5m]) + bayplan_apps""#;

    /// Places and reasons, with the project's files beside those that are given.
    fn found(more: &[(&str, &str)]) -> Vec<String> {
        let mut files = vec![file("crates/master/src/metrics.rs", CODE), file("dashboards/a.json", BOARD)];
        files.retain(|own| more.iter().all(|(path, _)| *path != own.path));
        files.extend(more.iter().map(|(path, text)| file(path, text)));
        check(&files).into_iter().map(|finding| format!("{}: {}", finding.file, finding.reason)).collect()
    }

    #[test]
    fn dashboards_that_show_what_is_described_are_fine() {
        assert_eq!(found(&[]), Vec::<String>::new());
        let page =
            "`bayplan_apps`, bayplan_commit_seconds_sum; BAYPLAN_DIR, bayplan.task, my_bayplan_thing, bayplan_assess";
        assert_eq!(found(&[("docs/a.md", page), ("dashboards/rules.yml", page)]), Vec::<String>::new());
    }

    #[test]
    fn a_metric_that_no_code_describes_is_found_with_its_line() {
        for path in ["dashboards/rules.yml", "docs/a.md", "README.md"] {
            let expected = format!("{path}:2: bayplan_apps_sum is no metric that the code describes");
            assert_eq!(found(&[(path, "fine\nbayplan_apps_sum")]), [expected]);
        }
        assert_eq!(found(&[("crates/a/src/x.rs", "// bayplan_apps_sum")]), Vec::<String>::new());
    }

    #[test]
    fn a_metric_on_no_dashboard_is_found_where_it_is_described() {
        let board = ("dashboards/a.json", "bayplan_commit_seconds_bucket");
        assert_eq!(found(&[board]), ["crates/master/src/metrics.rs:8: bayplan_apps is on no dashboard"]);
        // An alert is seen only when it is too late.
        assert_eq!(found(&[board, ("dashboards/rules.yml", "bayplan_apps")]).len(), 1);
    }

    #[test]
    fn a_metric_without_a_description_is_found() {
        let code = "counter!(\"bayplan_new_total\").increment(1);\ncounter!(\"others_total\");";
        let expected = "crates/a/src/x.rs:1: bayplan_new_total has no description, so Prometheus shows no HELP for it";
        assert_eq!(found(&[("crates/a/src/x.rs", code)]), [expected]);
    }

    #[test]
    fn a_name_that_no_rule_records_is_found() {
        let rules = ("dashboards/rules.yml", "  - record: bayplan:apps:max\n    expr: max(bayplan_apps)");
        let board = |name: &str| format!("{BOARD} + {name}{{job=\\\"a\\\"}}");
        assert_eq!(found(&[rules, ("dashboards/a.json", &board("bayplan:apps:max"))]), Vec::<String>::new());
        let expected = "dashboards/a.json:1: bayplan:apps:min is recorded by no rule";
        assert_eq!(found(&[rules, ("dashboards/a.json", &board("bayplan:apps:min"))]), [expected]);
    }

    #[test]
    fn names_keep_to_prometheus_conventions() {
        let reason = |call: &str| {
            let name = call.split('"').nth(1).expect("a name");
            let found = found(&[("crates/a/src/x.rs", call), ("dashboards/b.json", name)]);
            found.first().map_or_else(String::new, |line| line.split(": ").nth(2).unwrap_or_default().to_owned())
        };
        assert_eq!(reason("describe_counter!(\"bayplan_x_total\", \"\")"), "");
        assert_eq!(reason("describe_counter!(\"bayplan_x\", \"\")"), "a counter's name ends in _total");
        assert_eq!(reason("describe_gauge!(\"bayplan_x_total\", \"\")"), "only a counter's name ends in _total");
        assert_eq!(reason("describe_gauge!(\"bayplan_x_mb\", \"\")"), "Prometheus counts in base units");
    }
}
