//! Times and ages.

use model::{Seq, Timestamp};
use time::OffsetDateTime;
use time::macros::format_description;

/// `2026-07-15T12:00:03.120Z`: sorts as text, and is the same everywhere.
pub(crate) fn moment(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    moment.ok().and_then(|moment| moment.format(&format).ok()).unwrap_or_else(|| format!("{} ms", at.0))
}

/// A record and what is said of it; before the first one there is nothing to say, not even a time.
pub(crate) fn record(seq: Seq, said: &str) -> String {
    if seq == Seq::default() { "before the first record".to_owned() } else { format!("record {seq}{said}") }
}

/// How long ago: `4s`, `3m12s`, `5h03m`, `12d4h`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    span(now.ms_since(since))
}

pub(crate) fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0 if ms > 0 => format!("{ms}ms"),
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{}h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_text_that_sorts() {
        assert_eq!(moment(Timestamp(1_784_116_803_120)), "2026-07-15T12:00:03.120Z");
        assert_eq!(moment(Timestamp(u64::MAX)), format!("{} ms", u64::MAX));
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let shown: Vec<_> = [0, 250, 59_999, 192_000, 18_180_000, 1_051_200_000].into_iter().map(span).collect();
        assert_eq!(shown, ["0s", "250ms", "59s", "3m12s", "5h03m", "12d4h"]);
    }
}
