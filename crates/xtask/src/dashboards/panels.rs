//! What panels ask, and which metrics dashboards and rules speak of. Pure: from texts to texts.

use std::collections::BTreeSet;

use serde_json::Value;

/// A question of a panel, as Prometheus is asked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Of the dashboard, and of the panel in it.
    pub(crate) place: String,
    pub(crate) expression: String,
}

/// What Grafana would put in place of its variables, with everything chosen.
const VARIABLES: [(&str, &str); 3] = [("$job", "bayplan"), ("$instance", ".*"), ("$__rate_interval", "15s")];

pub(crate) fn questions(dashboard: &Value) -> Vec<Question> {
    let title = |value: &Value| value["title"].as_str().unwrap_or("?").to_owned();
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().into_iter().flatten() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let Some(expression) = target["expr"].as_str() else { continue };
            let place =
                format!("{}, panel '{}', {}", title(dashboard), title(panel), target["refId"].as_str().unwrap_or("?"));
            let expression =
                VARIABLES.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
            found.push(Question { place, expression });
        }
    }
    found
}

/// Names of series, of metrics and of what rules record.
pub(crate) fn names_in(text: &str) -> BTreeSet<&str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(move |c: char| !is_of_name(c));
    words
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.starts_with("bayplan_") || word.starts_with("bayplan:"))
        .collect()
}

/// Rules that act in seconds instead of minutes, so that a trial need not wait.
pub(crate) fn quick(rules: &str) -> String {
    let quick = |line: &str| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: 3s"),
        _ => line
            .replace("[15m]", "[20s]")
            .replace("[5m]", "[20s]")
            .replace("offset 1m", "offset 5s")
            .replace("offset 5m", "offset 10s"),
    };
    rules.lines().map(|line| quick(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_ask_with_everything_chosen() {
        let board = serde_json::json!({"title": "B", "panels": [
            {"title": "row"},
            {"title": "P", "targets": [{"refId": "A", "expr": "rate(bayplan_x{job=\"$job\"}[$__rate_interval])"}]},
        ]});
        let expression = "rate(bayplan_x{job=\"bayplan\"}[15s])".to_owned();
        assert_eq!(questions(&board), [Question { place: "B, panel 'P', A".to_owned(), expression }]);
    }

    #[test]
    fn names_are_found_in_rules() {
        let rule = "      - record: bayplan:x:sum\n        expr: sum(bayplan_x_total{job=\"bayplan\"}) + on (job) up";
        assert_eq!(names_in(rule), BTreeSet::from(["bayplan:x:sum", "bayplan_x_total"]));
    }

    #[test]
    fn quick_rules_act_in_seconds() {
        let rules = "  expr: rate(x[5m]) > 1\n        for: 10m\n  summary: waits for: 3 things\n";
        assert_eq!(quick(rules), "  expr: rate(x[20s]) > 1\n        for: 3s\n  summary: waits for: 3 things\n");
    }
}
