//! Moments as people write them: a record's number, a time, a time of the last day, or how long ago.

use model::{Seq, Timestamp};
use time::format_description::FormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use super::parse_duration;
use super::past::Meant;

const DATE: &[FormatItem<'static>] = format_description!("[year]-[month]-[day]");
const DATE_AND_TIME: &[FormatItem<'static>] = format_description!(
    "[year]-[month]-[day][first [T][ ]][hour]:[minute][optional [:[second][optional [.[subsecond digits:1+]]]]]"
);
const TIME: &[FormatItem<'static>] = format_description!("[hour]:[minute][optional [:[second]]]");
const DAY_MS: u64 = 24 * 3_600_000;

/// A moment, not yet for a certain log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    End,
    Seq(Seq),
    Time(Timestamp),
    /// The last such time of day, in milliseconds.
    TimeOfDay(u64),
    /// So many milliseconds before the end.
    Ago(u64),
}

impl When {
    /// `end` is the time of the log's last record, or the present one where the log goes on.
    pub(crate) fn before(self, end: Timestamp) -> Meant {
        match self {
            Self::End => Meant::End,
            Self::Seq(seq) => Meant::Seq(seq),
            Self::Time(at) => Meant::Time(at),
            Self::Ago(ms) => Meant::Time(Timestamp(end.0.saturating_sub(ms))),
            Self::TimeOfDay(ms) => {
                let day = end.0 - end.0 % DAY_MS;
                let today = day + ms;
                Meant::Time(Timestamp(if today > end.0 { today.saturating_sub(DAY_MS) } else { today }))
            }
        }
    }
}

pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    let text = text.trim();
    if text == "end" {
        return Ok(When::End);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let span = parse_duration(ago).map_err(|why| format!("{ago} {why}"))?;
        return Ok(When::Ago(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seq = text.parse().map_err(|_| "is too large for a record's number".to_owned())?;
        return Ok(When::Seq(Seq(seq)));
    }
    if let Ok(time) = Time::parse(text, TIME) {
        return Ok(When::TimeOfDay(
            u64::from(time.hour()) * 3_600_000 + u64::from(time.minute()) * 60_000 + u64::from(time.second()) * 1_000,
        ));
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, DATE_AND_TIME).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, DATE).map(|date| date.midnight().assume_utc()));
    let wrong = || {
        "is neither a record's number nor a time such as 2026-11-26T10:00:00Z, '2026-11-26 10:00', 02:27 or -10m"
            .to_owned()
    };
    let ms = moment.map_err(|_| wrong())?.unix_timestamp_nanos() / 1_000_000;
    u64::try_from(ms).map(|ms| When::Time(Timestamp(ms))).map_err(|_| "is before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_many_forms() {
        let at = |ms| Ok(When::Time(Timestamp(ms)));
        assert_eq!(parse_when("4711"), Ok(When::Seq(Seq(4711))));
        assert_eq!(parse_when("end"), Ok(When::End));
        assert_eq!(parse_when("2026-07-15T12:00:03.120Z"), at(1_784_116_803_120));
        assert_eq!(parse_when("2026-07-15T14:00:03.120+02:00"), at(1_784_116_803_120));
        assert_eq!(parse_when("2026-07-15 12:00"), at(1_784_116_800_000));
        assert_eq!(parse_when("2026-07-15T12:00:03"), at(1_784_116_803_000));
        assert_eq!(parse_when("2026-07-15"), at(1_784_073_600_000));
        assert_eq!(parse_when("02:27"), Ok(When::TimeOfDay(8_820_000)));
        assert_eq!(parse_when("-10m"), Ok(When::Ago(600_000)));
        for wrong in ["", "yesterday", "-10", "25:00", "1969-01-01", "99999999999999999999999"] {
            assert!(parse_when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_last_one_before_the_end() {
        let end = Timestamp(1_784_116_803_120);
        assert_eq!(When::TimeOfDay(8_820_000).before(end), Meant::Time(Timestamp(1_784_073_600_000 + 8_820_000)));
        let evening = 20 * 3_600_000;
        assert_eq!(When::TimeOfDay(evening).before(end), Meant::Time(Timestamp(1_784_073_600_000 + evening - DAY_MS)));
        assert_eq!(When::Ago(600_000).before(end), Meant::Time(Timestamp(end.0 - 600_000)));
    }
}
