//! What a master says of itself at `/metrics`, as far as it explains what limits it.

use std::time::Duration;

const METRICS_PATH: &str = "/metrics";

/// Counters that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counters {
    records: f64,
    appends: f64,
    append_seconds: f64,
    loop_cpu_micros: f64,
    publisher_cpu_micros: f64,
}

/// What a master did in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MasterWork {
    pub records: f64,
    pub records_per_append: f64,
    pub append_ms: f64,
    /// How much of the time one append or another was under way.
    pub appending: f64,
    /// How much of one processor the loop took, which decides, and the publisher, which shows what is durable.
    pub loop_cpu: f64,
    pub publisher_cpu: f64,
}

impl Counters {
    /// All zeros when the master does not say.
    pub(crate) async fn read(client: &reqwest::Client, master: &str) -> Self {
        let asked = async { client.get(format!("{master}{METRICS_PATH}")).send().await?.text().await };
        asked.await.map(|text: String| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
        };
        Self {
            records: value("bayplan_batch_records_sum"),
            appends: value("bayplan_batch_records_count"),
            append_seconds: value("bayplan_append_seconds_sum"),
            loop_cpu_micros: value("bayplan_cpu_microseconds_total{part=\"loop\"}"),
            publisher_cpu_micros: value("bayplan_cpu_microseconds_total{part=\"publisher\"}"),
        }
    }

    pub(crate) fn since(&self, before: &Self, took: Duration) -> MasterWork {
        let took = took.as_secs_f64().max(f64::EPSILON);
        let (records, appends) = (self.records - before.records, (self.appends - before.appends).max(1.0));
        let append_seconds = self.append_seconds - before.append_seconds;
        MasterWork {
            records,
            records_per_append: records / appends,
            append_ms: append_seconds * 1e3 / appends,
            appending: append_seconds / took,
            loop_cpu: (self.loop_cpu_micros - before.loop_cpu_micros) / 1e6 / took,
            publisher_cpu: (self.publisher_cpu_micros - before.publisher_cpu_micros) / 1e6 / took,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_their_whole_names() {
        let text = "# HELP x\nbayplan_batch_records_sum 40\nbayplan_batch_records_count 10\n\
                    bayplan_append_seconds_sum 0.5\nbayplan_append_seconds_bucket{le=\"1\"} 3\n\
                    bayplan_cpu_microseconds_total{part=\"loop\"} 250000\n";
        let work = Counters::parse(text).since(&Counters::default(), Duration::from_secs(1));
        assert_eq!((work.records, work.records_per_append, work.append_ms), (40.0, 4.0, 50.0));
        assert_eq!((work.appending, work.loop_cpu, work.publisher_cpu), (0.5, 0.25, 0.0));
    }
}
