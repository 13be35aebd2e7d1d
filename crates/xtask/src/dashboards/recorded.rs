//! Series that Prometheus has recorded, written as promtool's tests have them. Pure: from samples to a text.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A series with a sample for each step, or none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) samples: Vec<Option<f64>>,
}

/// A test that no alert fires while the series are like that.
pub(crate) fn written(series: &[Recorded], minutes: u32, step_s: u32) -> String {
    let mut test = format!(
        "# promtool test rules dashboards/recorded_test.yml\n\
         #\n\
         # {minutes} minutes of a real cluster in which nothing was wrong, recorded by `cargo xtask dashboards --record-normal {minutes}`.\n\
         \n\
         rule_files:\n  - recording.yml\n  - alerts.yml\n\n\
         evaluation_interval: {step_s}s\n\n\
         tests:\n  - name: a recorded normal run\n    interval: {step_s}s\n    input_series:\n"
    );
    for Recorded { name, labels, samples } in series {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
        let line = format!("      - series: '{name}{{{}}}'\n        values: {}\n", labels.join(", "), values(samples));
        test.push_str(&line);
    }
    let at = format!("        eval_time: {minutes}m\n        exp_samples:");
    let seen = "max_over_time(bayplan:leaders:sum";
    let _ = write!(
        test,
        "    promql_expr_test:\n      - expr: count_over_time(ALERTS{{alertstate=\"firing\"}}[{minutes}m])\n{at} []\n\
         \x20     # The run is really seen.\n\
         \x20     - expr: {seen}[{minutes}m])\n{at}\n          - {{ labels: '{{job=\"bayplan\"}}', value: 1 }}\n"
    );
    test
}

/// A piece of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    /// From a number on, so much more with each further one of so many steps.
    Line {
        from: f64,
        by: f64,
        steps: usize,
    },
    Nothing {
        steps: usize,
    },
}

/// In promtool's notation: `7x3` are four samples of 7, `7+2x3` are 7, 9, 11, 13, `_` is none.
fn values(samples: &[Option<f64>]) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut was_there = false;
    for piece in pieces(samples) {
        match piece {
            // Prometheus marks the end of a series, so that its last sample does not count for minutes.
            Piece::Nothing { steps } if was_there => texts.extend(["stale".to_owned(), none(steps)]),
            Piece::Nothing { steps } => texts.push(none(steps + 1)),
            Piece::Line { from, steps: 0, .. } => texts.push(from.to_string()),
            Piece::Line { from, by: 0.0, steps } => texts.push(format!("{from}x{steps}")),
            Piece::Line { from, by, steps } if by < 0.0 => texts.push(format!("{from}{by}x{steps}")),
            Piece::Line { from, by, steps } => texts.push(format!("{from}+{by}x{steps}")),
        }
        was_there = matches!(piece, Piece::Line { .. });
    }
    texts.retain(|text| !text.is_empty());
    texts.join(" ")
}

fn none(samples: usize) -> String {
    match samples {
        0 => String::new(),
        samples => format!("_x{samples}"),
    }
}

fn pieces(samples: &[Option<f64>]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for sample in samples {
        let longer = pieces.last().and_then(|piece| piece.with(*sample));
        match (longer, pieces.last_mut()) {
            (Some(longer), Some(last)) => *last = longer,
            _ => pieces.push(match sample {
                Some(value) => Piece::Line { from: *value, by: 0.0, steps: 0 },
                None => Piece::Nothing { steps: 0 },
            }),
        }
    }
    pieces
}

impl Piece {
    /// The piece with one more sample, if that goes on with it. Steps are whole numbers, as others would add up to something else.
    fn with(self, sample: Option<f64>) -> Option<Self> {
        match (self, sample) {
            (Self::Nothing { steps }, None) => Some(Self::Nothing { steps: steps + 1 }),
            (Self::Line { from, steps: 0, .. }, Some(value)) => {
                let by = value - from;
                let is_exact = by == 0.0 || (by.fract() == 0.0 && from.fract() == 0.0);
                is_exact.then_some(Self::Line { from, by, steps: 1 })
            }
            (Self::Line { from, by, steps }, Some(value)) => {
                let next = from + by * (steps as f64 + 1.0);
                (value == next).then_some(Self::Line { from, by, steps: steps + 1 })
            }
            (Self::Nothing { .. }, Some(_)) | (Self::Line { .. }, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_promtool_reads_them() {
        let of = |samples: &[Option<f64>]| values(samples);
        assert_eq!(of(&[Some(7.0), Some(7.0), Some(7.0)]), "7x2");
        assert_eq!(of(&[Some(7.0), Some(9.0), Some(11.0), Some(12.0)]), "7+2x2 12");
        assert_eq!(of(&[Some(9.0), Some(8.0), Some(7.0)]), "9-1x2");
        assert_eq!(of(&[Some(0.5), Some(0.75), Some(0.75)]), "0.5 0.75x1");
        assert_eq!(of(&[None, None, Some(1.0), None, None, None, Some(2.0), None]), "_x2 1 stale _x2 2 stale");
    }

    #[test]
    fn a_test_has_all_series_and_asks_for_alerts() {
        let labels = BTreeMap::from([("job".to_owned(), "bayplan".to_owned())]);
        let test = written(&[Recorded { name: "up".to_owned(), labels, samples: vec![Some(1.0); 3] }], 60, 15);
        assert!(test.contains("      - series: 'up{job=\"bayplan\"}'\n        values: 1x2\n"), "{test}");
        assert!(
            test.contains("ALERTS{alertstate=\"firing\"}[60m])\n        eval_time: 60m\n        exp_samples: []"),
            "{test}"
        );
    }
}
