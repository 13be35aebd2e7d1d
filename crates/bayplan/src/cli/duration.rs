//! Spans of time as people write them: `90s`, `5m`, `500ms`, `1h`.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// The longest span that makes sense here.
const LIMIT_MS: u64 = 365 * 24 * 3_600_000;

pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let ms = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    match ms {
        Some(ms) if ms <= LIMIT_MS => Ok(Duration::from_millis(ms)),
        Some(_) => Err("is longer than a year".to_owned()),
        None => Err("is not a number with a unit, such as 500ms, 90s, 5m or 1h".to_owned()),
    }
}

/// A span that lies between two others.
pub(crate) fn parse_duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    match parse_duration(text)? {
        span if span < least => Err(format!("is shorter than {least:?}")),
        span if span > most => Err(format!("is longer than {most:?}")),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_needs_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "5", "m", "-1s", "1.5h", "3 s", "99999999999999999999s", "9000h0"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert!(parse_duration("9999999h").is_err());
    }

    #[test]
    fn a_span_may_have_bounds() {
        let within = |text| parse_duration_within(text, Duration::from_millis(100), Duration::from_secs(60));
        assert_eq!(within("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(within("99ms"), Err("is shorter than 100ms".to_owned()));
        assert_eq!(within("2m"), Err("is longer than 60s".to_owned()));
    }
}
