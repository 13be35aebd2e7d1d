//! The demand as a few typical tasks, and how badly an agent's free GPUs serve them: its fragmentation.
//!
//! After Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent"
//! (USENIX ATC 2023): what is free of GPUs on an agent is a fragment for a typical task that cannot use it.

use std::collections::BTreeMap;

use model::Constraint;

use crate::choice::gpus_wanted;
use crate::columns::{Columns, Dimension, Node};
use crate::constraint::{Matched, Test};
use crate::demand::Demand;
use crate::gpus::{Levels, MAX_GPUS};

/// So much of the demand is covered by the typical tasks, in percent.
const COVERED_PERCENT: u64 = 95;
/// Typical tasks differ in at most so many lists of constraints; those with further lists are left out.
const MAX_CONSTRAINT_LISTS: usize = 64;

/// One kind of task that is asked for often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypicalTask {
    /// In thousandths.
    pub cpus: i64,
    /// How many GPUs.
    pub gpus: u32,
    /// How much of each of them, in thousandths.
    pub share: i16,
    /// How many instances of it are wanted.
    pub count: u64,
    /// Its list of constraints, by number.
    list: usize,
    /// Its share among the distinct shares, by number.
    level: usize,
}

/// The typical tasks, most frequent first.
#[derive(Debug, Default)]
pub struct Typical {
    tasks: Vec<TypicalTask>,
    /// How many instances they stand for.
    total: u64,
    lists: Vec<Vec<Test>>,
    levels: Levels,
}

/// What is free on an agent, for a look at its fragmentation before and after something.
#[derive(Debug, Clone, Copy)]
pub struct Stand {
    pub cpus: i64,
    gpus: [i16; MAX_GPUS],
    count: usize,
    /// By constraint list, whether such tasks may be there.
    admits: u64,
}

impl Stand {
    #[must_use]
    pub fn gpus(&self) -> &[i16] {
        &self.gpus[..self.count]
    }

    pub fn gpus_mut(&mut self) -> &mut [i16] {
        &mut self.gpus[..self.count]
    }

    /// All that is free of GPUs, in thousandths.
    #[must_use]
    pub fn idle(&self) -> i64 {
        self.gpus().iter().map(|free| i64::from(*free)).sum()
    }
}

impl Typical {
    /// Shapes that differ in memory and disk only count as one. The most frequent first, larger ones first among equals, until
    /// most of the demand is covered.
    pub(crate) fn of(demand: &Demand, columns: &Columns) -> Self {
        let mut grouped: BTreeMap<(i64, i64, &[Constraint]), u64> = BTreeMap::new();
        for (shape, count) in demand.shapes() {
            let [cpus, _, _, gpus] = shape.amounts;
            *grouped.entry((cpus, gpus, &shape.constraints)).or_default() += count;
        }
        let all: u64 = grouped.values().sum();
        let mut groups: Vec<_> = grouped.into_iter().collect();
        groups.sort_by(|(one, count), (other, other_count)| other_count.cmp(count).then_with(|| other.cmp(one)));
        let mut typical = Self::default();
        let (mut lists, mut matched): (Vec<&[Constraint]>, _) = (Vec::new(), Matched::default());
        for ((cpus, gpus, constraints), count) in groups {
            if typical.total * 100 >= all * COVERED_PERCENT {
                break;
            }
            let list = match lists.iter().position(|known| *known == constraints) {
                Some(list) => list,
                None if lists.len() == MAX_CONSTRAINT_LISTS => continue,
                None => {
                    lists.push(constraints);
                    let test = |constraint| Test::new(constraint, columns, &mut matched, || &[]);
                    typical.lists.push(constraints.iter().map(test).collect());
                    lists.len() - 1
                }
            };
            typical.enter(cpus, gpus, count, list);
        }
        typical
    }

    fn enter(&mut self, cpus: i64, gpus: i64, count: u64, list: usize) {
        let (gpus, share) = gpus_wanted(gpus);
        let share = share as i16;
        let Some(level) = self.levels.of(share) else { return };
        self.total += count;
        self.tasks.push(TypicalTask { cpus, gpus: u32::try_from(gpus).unwrap_or(u32::MAX), share, count, list, level });
    }

    #[must_use]
    pub fn tasks(&self) -> &[TypicalTask] {
        &self.tasks
    }

    /// How many instances the typical tasks stand for.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// What an agent has free.
    #[must_use]
    pub fn stand(&self, node: Node<'_>) -> Stand {
        let mut stand = Stand { cpus: node.free(Dimension::Cpus).0, gpus: [0; MAX_GPUS], count: 0, admits: 0 };
        for free in node.gpu_shares() {
            stand.gpus[stand.count] = free;
            stand.count += 1;
        }
        for (list, tests) in self.lists.iter().enumerate() {
            stand.admits |= u64::from(tests.iter().all(|test| node.passes(test))) << list;
        }
        stand
    }

    /// The free GPU that a typical task cannot use, in thousandths, summed over the instances that are wanted: divide by
    /// [`Self::total`] for its mean.
    #[must_use]
    pub fn fragmentation(&self, stand: &Stand) -> i64 {
        let idle = stand.idle();
        if idle == 0 {
            return 0;
        }
        let (fitting, on_others) = (self.levels.fitting(stand.gpus()), self.levels.on_others(stand.gpus()));
        let mut sum = 0;
        for task in &self.tasks {
            let is_usable = task.gpus > 0
                && stand.admits >> task.list & 1 != 0
                && stand.cpus >= task.cpus
                && fitting[task.level] >= i64::from(task.gpus);
            sum += task.count as i64 * if is_usable { on_others[task.level] } else { idle };
        }
        sum
    }
}
