//! What keeps a request off an agent: it is what the decision finds, and with so much less the request would go there.

use std::collections::BTreeSet;

use model::{AgentId, Scalar};
use placement::{Account, Dimension, Lack, Policy, PortWanted, Request, Scratch, Standing, Wishes};
use proptest::prelude::*;

/// About so many agents are asked about, of however many there are.
const LOOKED_AT: usize = 12;

/// What is lacking agrees with an account of the same decision, and goes away with it and not before.
pub(crate) fn agrees(
    account: &Account,
    scratch: &mut Scratch<'_>,
    policy: &dyn Policy,
    seed: u64,
    request: &Request,
) -> Result<(), TestCaseError> {
    let wishes = if account.without_wishes { Wishes::LeftAside } else { Wishes::Count };
    // Not of all: each is compared with all others.
    for told in account.agents.iter().step_by(1 + account.agents.len() / LOOKED_AT) {
        let lacks = scratch.lacks(told.agent, policy, seed, request, wishes).expect("no policy fails");
        let filter = match &told.standing {
            Standing::Filtered { filter, .. } => Some(*filter),
            Standing::Compared { .. } | Standing::NotDrawn => None,
        };
        prop_assert_eq!(lacks.first().map(Lack::filter), filter, "{:?} {:?}", told, lacks);
        prop_assert!(lacks.is_sorted_by_key(Lack::filter), "{:?}", lacks);
        let left = reduced(scratch, policy, seed, request, told.agent, &lacks, wishes)?;
        // What decides is asked when nothing else is lacking, and has never an amount to wish for.
        let beyond = |lack: &&Lack| !matches!(lack, Lack::Amount { .. } | Lack::Ports { .. } | Lack::Policy(_));
        let (stays, is_left): (Vec<_>, Vec<_>) = (
            lacks.iter().filter(beyond).collect(),
            left.iter().filter(|lack| !matches!(lack, Lack::Policy(_))).collect(),
        );
        prop_assert_eq!(stays, is_left);
    }
    Ok(())
}

/// Takes what is lacking out of the request, one thing after the other, and looks each time that a little less would not
/// do. Returns what is lacking still.
fn reduced(
    scratch: &mut Scratch<'_>,
    policy: &dyn Policy,
    seed: u64,
    request: &Request,
    agent: AgentId,
    lacks: &[Lack],
    wishes: Wishes,
) -> Result<Vec<Lack>, TestCaseError> {
    let mut reduced = request.clone();
    let mut left = |request: &Request| scratch.lacks(agent, policy, seed, request, wishes).expect("no policy fails");
    for lack in lacks {
        let filter = lack.filter();
        let is_found = |lacks: &[Lack]| lacks.iter().any(|lack| lack.filter() == filter);
        match lack {
            Lack::Amount { dimension, wanted, free, .. } => {
                prop_assert!(free < wanted, "{:?}", lack);
                *amount(&mut reduced, *dimension) = Scalar(free.0 + 1);
                prop_assert!(is_found(&left(&reduced)), "{:?} is lacking with a thousandth more, too", lack);
                *amount(&mut reduced, *dimension) = *free;
            }
            Lack::Ports { free, held, not_offered, .. } => {
                let mut asked_for = BTreeSet::new();
                reduced.ports.retain(|port| match port {
                    PortWanted::Any => true,
                    PortWanted::Fixed(port) if not_offered.contains(port) => false,
                    // Of one that is asked for twice, the first may stay unless somebody has it.
                    PortWanted::Fixed(port) => asked_for.insert(*port) && !held.contains(port),
                });
                while reduced.ports.len() as u32 > *free {
                    prop_assert!(is_found(&left(&reduced)), "{:?} of {:?}", lack, reduced.ports);
                    let any =
                        reduced.ports.iter().position(|port| *port == PortWanted::Any).expect("fixed ones are free");
                    reduced.ports.remove(any);
                }
            }
            _ => continue,
        }
        prop_assert!(!is_found(&left(&reduced)), "{:?} is not lacking any more", lack);
    }
    Ok(left(&reduced))
}

fn amount(request: &mut Request, dimension: Dimension) -> &mut Scalar {
    match dimension {
        Dimension::Cpus => &mut request.cpus,
        Dimension::Mem => &mut request.mem,
        Dimension::Disk => &mut request.disk,
        Dimension::Gpus => &mut request.gpus,
    }
}
