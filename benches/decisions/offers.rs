//! Offers folded into the view while decisions go on.

use std::time::Duration;

use bayplan_benches::{Table, cpu_time, number, rate_of};
use model::{AgentId, Event, FrameworkId, OfferBatch, OfferId, OfferOutcome, Resources, Scalar};
use placement::{Outcome, by_name, place};

use crate::clusters::{CLASSES, Cluster};

const ROUND: Duration = Duration::from_millis(300);
/// Of one record.
const OFFERS: u32 = 10_000;

pub(crate) fn fold_while_deciding(cluster: &Cluster) {
    let mut table = Table::new(
        1,
        ["decisions per record of 10,000 offers", "offers/s", "decisions/s", "µs per offer", "µs per decision"],
    );
    for decisions in [0_usize, 1, 100, 1_000] {
        let (mut view, mut next) = (cluster.view.clone(), 0);
        let policy = by_name("best-fit").expect("a policy of that name");
        let mut decided = Duration::ZERO;
        let mut folded = Duration::ZERO;
        let mut rounds: u32 = 0;
        let rate = rate_of(ROUND, || {
            let began_at = cpu_time();
            let made = offers(next);
            let closed = close(&made);
            next += u64::from(OFFERS);
            let events_at = cpu_time();
            view.apply(&Event::OffersMade { framework: FrameworkId(1), offers: made });
            let made_at = cpu_time();
            for number in 0..decisions {
                let outcome = place(&view, policy.as_ref(), number as u64, &cluster.request(number % CLASSES));
                assert!(matches!(outcome, Outcome::Placed(_)), "{:?}", outcome.explanation());
            }
            let decided_at = cpu_time();
            view.apply(&closed);
            let closed_at = cpu_time();
            decided += decided_at - made_at;
            folded += (made_at - events_at) + (closed_at - decided_at);
            rounds += 1;
            (OFFERS as usize, closed_at - began_at - (events_at - began_at))
        });
        let per = |took: Duration, count: usize| match count {
            0 => "".to_owned(),
            count => number(took.as_secs_f64() * 1e6 / f64::from(rounds) / count as f64),
        };
        let decisions_per_s = rate.median() / f64::from(OFFERS) * decisions as f64;
        table.row([
            number(decisions as f64),
            number(rate.median()),
            if decisions == 0 { String::new() } else { number(decisions_per_s) },
            per(folded, OFFERS as usize),
            per(decided, decisions),
        ]);
    }
    println!("\n### Records of 10,000 offers folded into the view of 10,000 agents, one thread\n\n{table}");
    println!("An offer is made and declined. Medians of 5 rounds, by the CPU time of one thread.");
}

fn offers(first: u64) -> OfferBatch {
    let mut batch = OfferBatch::default();
    for number in 0..OFFERS {
        batch.offers.push(OfferId(first + u64::from(number)));
        batch.agents.push(AgentId(number));
        batch.resources.push(Resources { cpus: Scalar(10), mem: Scalar(1_000), ..Resources::default() });
    }
    batch
}

fn close(made: &OfferBatch) -> Event {
    Event::OffersClosed {
        framework: FrameworkId(1),
        offers: made.offers.clone(),
        outcome: OfferOutcome::Declined,
        refused_until: None,
    }
}
