//! Times and versions as Marathon writes them: `2014-11-24T09:08:07.006Z`.

use model::Timestamp;
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const FORMAT: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// Marathon leaves the milliseconds out where there are none, so its clients may do the same.
const FORMAT_IN: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond digits:1+]]]Z");
/// The end of the year 9999, in milliseconds: a later time cannot be written in this form.
const LATEST_MS: u64 = 253_402_300_799_999;

#[must_use]
pub fn write_timestamp(at: Timestamp) -> String {
    let ms = at.0.min(LATEST_MS);
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(FORMAT).ok())
        .expect("every time up to the year 9999 has this form")
}

#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let ns = PrimitiveDateTime::parse(text, FORMAT_IN).ok()?.assume_utc().unix_timestamp_nanos();
    u64::try_from(ns / 1_000_000).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_end_in_z() {
        assert_eq!(write_timestamp(Timestamp(1_416_820_087_006)), "2014-11-24T09:08:07.006Z");
        assert_eq!(write_timestamp(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(write_timestamp(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn reads_what_it_writes_and_what_clients_make_of_it() {
        let at = Timestamp(1_416_820_087_006);
        assert_eq!(parse_timestamp(&write_timestamp(at)), Some(at));
        assert_eq!(parse_timestamp("2014-11-24T09:08:07.006000Z"), Some(at));
        assert_eq!(parse_timestamp("2014-11-24T09:08:07Z"), Some(Timestamp(1_416_820_087_000)));
        assert_eq!(parse_timestamp("yesterday"), None);
    }
}
