//! Slots: how many tasks of each kind an agent could take on its GPUs now, at most one on each GPU, and how scarce such slots are
//! in the whole cluster.

use std::collections::BTreeMap;

use model::{Constraint, WHOLE_GPU};

use crate::choice::gpus_wanted;
use crate::columns::{Columns, Dimension, Node};
use crate::constraint::{Matched, Test};
use crate::demand::Demand;
use crate::gpus::{Levels, MAX_GPUS, gpu_count};
use crate::policy::Score;

/// What one slot counts.
const SLOT: i64 = 1 << 10;
/// Added to the slots of a kind that an agent can take at all: the first one is worth more than the next.
const FIRST: i64 = SLOT / 2;
/// What all instances that are wanted count together.
const ALL_WANTED: u128 = 1 << 16;
/// Binary places of what is divided once, to be multiplied with often.
const PLACES: u32 = 22;
/// Kinds beyond the most frequent so many are left out.
const MAX_KINDS: usize = 256;

/// Tasks with GPUs that differ in memory and disk only.
#[derive(Debug)]
struct Kind {
    cpus: i64,
    /// The mean of the kind.
    mem: i64,
    gpus: i64,
    share: i16,
    /// Its share among the distinct ones, by number.
    level: usize,
    /// `SLOT / cpus` and `SLOT / mem`, with so many binary places that it is exact enough.
    per_cpus: i64,
    per_mem: i64,
    /// Its list of constraints, by number.
    list: usize,
    count: u64,
    /// What one slot is worth: the more, the more instances are wanted and the fewer slots there are.
    weight: i64,
}

/// The kinds of tasks that are asked for, and what their slots are worth on the agents that there are.
#[derive(Debug, Default)]
pub struct Slots {
    kinds: Vec<Kind>,
    lists: Vec<Vec<Test>>,
    levels: Levels,
    /// The least loss that a score tells apart: with it, all that an agent has is within the range of scores.
    unit: i64,
}

/// What an agent has free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) cpus: i64,
    pub(crate) mem: i64,
    pub(crate) gpus: [i16; MAX_GPUS],
    pub(crate) count: usize,
}

impl Room {
    pub(crate) fn of(node: Node<'_>) -> Self {
        let mut room = Self {
            cpus: node.free(Dimension::Cpus).0,
            mem: node.free(Dimension::Mem).0,
            gpus: [0; MAX_GPUS],
            count: 0,
        };
        for free in node.gpu_shares() {
            room.gpus[room.count] = free;
            room.count += 1;
        }
        room
    }

    /// What an agent has when nothing runs on it.
    fn of_empty(columns: &Columns, row: usize) -> Self {
        let total = columns.total(row);
        let gpus = total[Dimension::Gpus as usize];
        let mut room = Self {
            cpus: total[Dimension::Cpus as usize],
            mem: total[Dimension::Mem as usize],
            gpus: [0; MAX_GPUS],
            count: gpu_count(gpus),
        };
        for (gpu, free) in (0..).zip(&mut room.gpus[..room.count]) {
            *free = (gpus - gpu * WHOLE_GPU.0).min(WHOLE_GPU.0) as i16;
        }
        room
    }
}

impl Slots {
    pub(crate) fn of(demand: &Demand, columns: &Columns) -> Self {
        let mut slots = Self::kinds_of(demand, columns);
        let mut there_are: Vec<i64> = vec![0; slots.kinds.len()];
        for row in columns.live_rows() {
            let (room, admits) = (Room::of_empty(columns, row), slots.admits(|test| test.passes(columns, row)));
            let fitting = slots.levels.fitting(&room.gpus[..room.count]);
            for (kind, sum) in slots.kinds.iter().zip(&mut there_are) {
                let more = if admits[kind.list] { kind.slots_on(&room, fitting[kind.level]) } else { 0 };
                *sum = sum.saturating_add(more);
            }
        }
        let wanted: u128 = slots.kinds.iter().map(|kind| u128::from(kind.count)).sum();
        for (kind, there_are) in slots.kinds.iter_mut().zip(there_are) {
            let wanted = (u128::from(kind.count) * ALL_WANTED / wanted.max(1)).max(1);
            let scarcity = (wanted << 40) / (there_are.unsigned_abs() + SLOT.unsigned_abs()) as u128;
            // Slots for whole GPUs weigh less, as GPUs that a smaller share would split are counted by all of those shares.
            let half = (i64::from(kind.share) + WHOLE_GPU.0) / 2;
            kind.weight = i64::try_from(scarcity * WHOLE_GPU.0 as u128 / half as u128).unwrap_or(i64::MAX >> 20);
        }
        let of_empty =
            |row: usize| slots.worth(&Room::of_empty(columns, row), &slots.admits(|test| test.passes(columns, row)));
        let most = columns.live_rows().map(of_empty).max().unwrap_or(0);
        slots.unit = most / i64::from(Score::MAX.0) + 1;
        slots
    }

    fn kinds_of(demand: &Demand, columns: &Columns) -> Self {
        let mut grouped: BTreeMap<(i64, i64, &[Constraint]), (u64, u128)> = BTreeMap::new();
        for (shape, count) in demand.shapes().filter(|(shape, _)| shape.amounts[Dimension::Gpus as usize] > 0) {
            let [cpus, mem, _, gpus] = shape.amounts;
            let (sum, mems) = grouped.entry((cpus, gpus, &shape.constraints)).or_default();
            *sum += count;
            *mems += mem.unsigned_abs() as u128 * u128::from(count);
        }
        let mut groups: Vec<_> = grouped.into_iter().collect();
        groups.sort_by(|(one, (count, _)), (other, (other_count, _))| {
            other_count.cmp(count).then_with(|| other.cmp(one))
        });
        let mut slots = Self::default();
        let (mut lists, mut matched): (Vec<&[Constraint]>, _) = (Vec::new(), Matched::default());
        for ((cpus, gpus, constraints), (count, mems)) in groups.into_iter().take(MAX_KINDS) {
            let list = lists.iter().position(|known| *known == constraints).unwrap_or_else(|| {
                lists.push(constraints);
                let test = |constraint| Test::new(constraint, columns, &mut matched, || &[]);
                slots.lists.push(constraints.iter().map(test).collect());
                lists.len() - 1
            });
            let (gpus, share) = gpus_wanted(gpus);
            let Some(level) = slots.levels.of(share as i16) else { continue };
            let mem = (mems / u128::from(count.max(1))) as i64;
            let per = |wanted: i64| (SLOT << PLACES) / wanted.max(1);
            slots.kinds.push(Kind {
                cpus,
                mem,
                gpus,
                level,
                per_cpus: per(cpus),
                per_mem: per(mem),
                share: share as i16,
                list,
                count,
                weight: 0,
            });
        }
        slots
    }

    /// The loss that a score tells apart from none.
    pub(crate) const fn unit(&self) -> i64 {
        self.unit
    }

    fn admits(&self, passes: impl Fn(&Test) -> bool) -> Vec<bool> {
        self.lists.iter().map(|tests| tests.iter().all(&passes)).collect()
    }

    /// By list of constraints, whether such tasks may be on a node.
    pub(crate) fn admitted_on(&self, node: Node<'_>) -> Vec<bool> {
        self.admits(|test| node.passes(test))
    }

    /// What all slots of an agent are worth.
    pub(crate) fn worth(&self, room: &Room, admits: &[bool]) -> i64 {
        let fitting = self.levels.fitting(&room.gpus[..room.count]);
        let of_kind = |kind: &Kind| match admits[kind.list] {
            true => kind.weight.saturating_mul(kind.slots_on(room, fitting[kind.level])),
            false => 0,
        };
        self.kinds.iter().map(of_kind).fold(0, i64::saturating_add)
    }
}

impl Kind {
    /// One on each of the `gpus` that have enough free, or on each group of them, as far as cpus and memory go.
    fn slots_on(&self, room: &Room, gpus: i64) -> i64 {
        if gpus < self.gpus || room.cpus < self.cpus || room.mem < self.mem {
            return 0;
        }
        let fed = |free: i64, per: i64| free.saturating_mul(per) >> PLACES;
        let on_gpus = if self.gpus == 1 { gpus * SLOT } else { gpus * SLOT / self.gpus };
        let slots = on_gpus.min(fed(room.cpus, self.per_cpus)).min(fed(room.mem, self.per_mem));
        if self.gpus == 1 { slots + FIRST } else { slots }
    }
}
