//! Slowing launches down when an app's tasks end by themselves, again and again.

use model::{App, Event, Timestamp};

use crate::draft::Draft;

impl Draft<'_> {
    /// One more task of `app` ended by itself now.
    pub(crate) fn raise_delay(&mut self, app: &App) {
        let (delay_ms, until) = raised(app, self.now());
        self.events.push(Event::LaunchDelayed { app: app.spec.id.clone(), delay_ms, until });
    }
}

/// The next delay: the first one after a quiet period, else the last one times the factor, up to the limit.
/// Ends that fall into a delay that is under way do not raise it again, so that many instances that
/// fail together count once.
fn raised(app: &App, now: Timestamp) -> (u64, Timestamp) {
    let backoff = app.spec.backoff;
    let first = backoff.initial_ms.min(backoff.max_ms);
    let delay_ms = match app.delay {
        None => first,
        Some(delay) if now < delay.until => delay.delay_ms,
        Some(delay) if now.ms_since(delay.until) > backoff.max_ms.max(delay.delay_ms) => first,
        Some(delay) => {
            let factor = u128::from(backoff.factor_milli.max(1_000));
            let next = u128::from(delay.delay_ms.max(1)) * factor / 1_000;
            // Rounding must not keep a small delay from growing.
            let grows = next.max(u128::from(delay.delay_ms) + u128::from(factor > 1_000));
            u64::try_from(grows).unwrap_or(u64::MAX).min(backoff.max_ms)
        }
    };
    (delay_ms, now.plus_ms(delay_ms))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{AppId, AppSpec, AppVersion, Backoff, Invocation, LaunchDelay, Resources};

    use super::*;

    fn app(delay: Option<LaunchDelay>) -> App {
        let spec = AppSpec {
            id: AppId::parse("a").expect("an id"),
            invocation: Invocation::ImageDefault,
            instances: 1,
            resources: Resources::default(),
            container: None,
            user: None,
            role: None,
            env: Default::default(),
            labels: Default::default(),
            ports: Vec::new(),
            require_ports: false,
            constraints: Vec::new(),
            dependencies: Vec::new(),
            backoff: Backoff { initial_ms: 1_000, factor_milli: 2_000, max_ms: 5_000 },
            kill_grace_ms: 3_000,
        };
        App {
            spec: Arc::new(spec),
            version: AppVersion::default(),
            config_version: AppVersion::default(),
            last_scaled_at: Timestamp(0),
            delay,
            waiting: None,
            last_failure: None,
        }
    }

    #[test]
    fn doubles_up_to_the_limit_and_begins_anew_after_a_quiet_period() {
        let mut delay = None;
        let mut now = Timestamp(100);
        let mut seen = Vec::new();
        for _ in 0..5 {
            let (delay_ms, until) = raised(&app(delay), now);
            seen.push(delay_ms);
            delay = Some(LaunchDelay { delay_ms, until });
            now = until;
        }
        assert_eq!(seen, [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(raised(&app(delay), now.plus_ms(5_001)).0, 1_000);
    }

    #[test]
    fn ends_within_a_delay_count_once() {
        let delay = Some(LaunchDelay { delay_ms: 2_000, until: Timestamp(10_000) });
        assert_eq!(raised(&app(delay), Timestamp(9_000)), (2_000, Timestamp(11_000)));
    }
}
