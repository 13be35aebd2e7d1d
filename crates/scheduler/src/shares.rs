//! Fair shares: who is offered next. A framework's share is the largest part that it holds of any one resource.

use std::collections::BTreeSet;

use model::{FrameworkId, Resources};
use state::State;

use crate::World;

/// All there is of a resource.
const WHOLE: u128 = 1 << 40;

/// A part of the cluster, comparable; [`WHOLE`] is all of it.
pub(crate) type Share = u64;

/// The largest part of any resource. What nobody has counts as nothing.
pub(crate) fn dominant(held: &Resources, total: &[i64; 4]) -> Share {
    let held = [held.cpus, held.mem, held.disk, held.gpus];
    let parts = held.iter().zip(total).filter(|(_, total)| **total > 0).map(|(held, total)| {
        let part = u128::from(held.0.max(0).unsigned_abs()) * WHOLE / u128::from(total.unsigned_abs());
        u64::try_from(part).unwrap_or(u64::MAX)
    });
    parts.max().unwrap_or(0)
}

/// The frameworks outside that want offers, the one with the smallest share first.
pub(crate) struct Queue {
    pub(crate) by_share: BTreeSet<(Share, FrameworkId)>,
}

impl Queue {
    pub(crate) fn of(world: &World) -> Self {
        let wanting = world.state.frameworks.values().filter(|framework| framework.wants_offers());
        let share = |id| dominant(&world.state.holdings(id).amounts, &world.book.total);
        Self { by_share: wanting.map(|framework| (share(framework.id), framework.id)).collect() }
    }

    /// The first that is not in `refusing`, which is sorted.
    pub(crate) fn first_but(&self, refusing: &[FrameworkId]) -> Option<(Share, FrameworkId)> {
        self.by_share.iter().find(|(_, id)| refusing.binary_search(id).is_err()).copied()
    }

    pub(crate) fn raise(&mut self, from: (Share, FrameworkId), to: Share) {
        self.by_share.remove(&from);
        self.by_share.insert((to, from.1));
    }
}

/// Whether the services go before the frameworks outside: as long as they have less than an equal part of the cluster, and
/// beyond that when nobody has a smaller share. They take no more than they need; so until then nobody has to wait for offers
/// that others hold.
pub(crate) fn services_first(state: &State, total: &[i64; 4], queue: &Queue) -> bool {
    let share = dominant(&state.holdings(FrameworkId::SERVICES).amounts, total);
    let equal = WHOLE / (queue.by_share.len() as u128 + 1);
    u128::from(share) < equal || queue.by_share.first().is_none_or(|(smallest, _)| share <= *smallest)
}

#[cfg(test)]
mod tests {
    use model::Scalar;

    use super::*;

    #[test]
    fn a_share_is_the_largest_part_of_any_resource() {
        let held = Resources { cpus: Scalar(2_000), mem: Scalar(1_000), gpus: Scalar(5), ..Resources::default() };
        assert_eq!(u128::from(dominant(&held, &[8_000, 2_000, 0, 0])), WHOLE / 2);
        assert_eq!(dominant(&Resources::default(), &[8_000, 2_000, 0, 0]), 0);
        assert_eq!(dominant(&held, &[0; 4]), 0);
    }
}
