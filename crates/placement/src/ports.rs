//! The ports of one agent, and which of them are given.
//!
//! The search for free ones begins where the seed says and goes round, so that a port that has just become free is seldom given to
//! somebody else at once. It depends on nothing that was before: whoever has the same state picks the same ports, also when all
//! tasks that had others are forgotten. Must not know who holds which port.

use model::{PortRange, PortRanges};

use crate::PortWanted;
use crate::scan::mix;

#[derive(Debug, Clone, Default)]
pub(crate) struct AgentPorts {
    /// What the agent says that tasks may be given.
    all: PortRanges,
    /// What tasks and open offers hold, also outside of `all`.
    taken: PortRanges,
    /// One entry for each further holder of a port that is taken already; empty unless the log is at fault.
    doubled: Vec<u16>,
    /// `all` without `taken`.
    free: PortRanges,
}

impl AgentPorts {
    pub(crate) fn free(&self) -> &PortRanges {
        &self.free
    }

    /// Whether it is one that tasks may be given.
    pub(crate) fn has(&self, port: u16) -> bool {
        self.all.contains(port)
    }

    pub(crate) fn taken(&self) -> &PortRanges {
        &self.taken
    }

    pub(crate) fn doubled(&self) -> &[u16] {
        &self.doubled
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.free == self.all.difference(&self.taken)
    }

    pub(crate) fn describe(&mut self, all: &PortRanges) {
        self.all.clone_from(all);
        self.free = self.all.difference(&self.taken);
    }

    pub(crate) fn take(&mut self, ports: &PortRanges) {
        if ports.is_empty() {
            return;
        }
        self.doubled.extend(self.taken.intersection(ports).iter());
        self.taken = self.taken.union(ports);
        self.free = self.free.difference(ports);
    }

    pub(crate) fn give_back(&mut self, ports: &PortRanges) {
        if ports.is_empty() {
            return;
        }
        let mut back = ports.intersection(&self.taken);
        self.doubled.retain(|port| !back.remove(*port));
        self.taken = self.taken.difference(&back);
        self.free = self.free.union(&back.intersection(&self.all));
    }

    /// The host ports for what is wanted, in that order; None when a fixed port is not free or there are too few.
    pub(crate) fn pick(&self, wanted: &[PortWanted], seed: u64) -> Option<Vec<u16>> {
        let is_fixed = |port: u16| wanted.contains(&PortWanted::Fixed(port));
        let mut any = self.round(self.begin(seed)).flat_map(|run| run.begin..=run.end).filter(|port| !is_fixed(*port));
        let pick = |port: &PortWanted| match port {
            PortWanted::Any => any.next(),
            PortWanted::Fixed(port) => self.free.contains(*port).then_some(*port),
        };
        wanted.iter().map(pick).collect()
    }

    /// One of the free ports, each as likely as the others.
    fn begin(&self, seed: u64) -> u16 {
        let mut left = mix(seed) % u64::from(self.free.len().max(1));
        for run in self.free.ranges() {
            let ports = u64::from(run.end - run.begin) + 1;
            match u16::try_from(left) {
                Ok(further) if left < ports => return run.begin + further,
                _ => left -= ports,
            }
        }
        0
    }

    /// The free ports as runs, from one on and going round.
    fn round(&self, begin: u16) -> impl Iterator<Item = PortRange> {
        let ranges = self.free.ranges();
        let split = ranges.partition_point(|range| range.end < begin);
        let later = ranges[split..].iter().map(move |range| PortRange { begin: range.begin.max(begin), ..*range });
        let earlier = ranges.iter().take_while(move |range| range.begin < begin);
        later.chain(earlier.map(move |range| PortRange { end: range.end.min(begin - 1), ..*range }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(ports: &str) -> AgentPorts {
        let mut agent = AgentPorts::default();
        agent.describe(&ports.parse().expect("ranges"));
        agent
    }

    fn launch(agent: &mut AgentPorts, wanted: &[PortWanted], seed: u64) -> Vec<u16> {
        let picked = agent.pick(wanted, seed).expect("enough free ports");
        agent.take(&PortRanges::from_ports(picked.iter().copied()));
        picked
    }

    /// A seed whose search begins there.
    fn from(agent: &AgentPorts, port: u16) -> u64 {
        (0..).find(|seed| agent.begin(*seed) == port).expect("any free port may be the first")
    }

    #[test]
    fn any_free_port_may_be_given_whatever_was_given_before() {
        let mut agent = agent("10-12,20-21");
        agent.take(&PortRanges::from_ports([11]));
        let mut given = [0; 22];
        for seed in 0..4_000 {
            given[usize::from(agent.pick(&[PortWanted::Any], seed).expect("some are free")[0])] += 1;
        }
        for (port, times) in given.into_iter().enumerate() {
            let is_free = [10, 12, 20, 21].contains(&port);
            assert!(if is_free { (800..1_200).contains(&times) } else { times == 0 }, "{port}: {times} times");
        }
    }

    #[test]
    fn a_search_goes_round_and_passes_over_fixed_ports() {
        let mut agent = agent("10-19");
        let wanted = [PortWanted::Any, PortWanted::Fixed(10), PortWanted::Any];
        let seed = from(&agent, 19);
        assert_eq!(launch(&mut agent, &wanted, seed), [19, 10, 11]);
        assert_eq!(launch(&mut agent, &[PortWanted::Fixed(17), PortWanted::Any], 0), [17, 12]);
        assert_eq!(agent.pick(&[PortWanted::Fixed(17)], 0), None);
        let seed = from(&agent, 16);
        assert_eq!(launch(&mut agent, &[PortWanted::Any; 4], seed), [16, 18, 13, 14]);
        assert_eq!(agent.pick(&[PortWanted::Any; 2], 0), None);
        assert_eq!(agent.pick(&[PortWanted::Any], 7), Some(vec![15]));
    }

    #[test]
    fn a_port_with_two_holders_is_free_when_both_gave_it_back() {
        let mut agent = agent("10-12");
        let port = PortRanges::from_ports([11]);
        agent.take(&port);
        agent.take(&port);
        agent.give_back(&port);
        assert_eq!((agent.free().contains(11), agent.doubled()), (false, &[][..]));
        agent.give_back(&port);
        assert!(agent.free().contains(11));
    }

    #[test]
    fn a_new_range_keeps_what_tasks_hold() {
        let mut agent = agent("10-12");
        agent.take(&"11-12".parse().expect("a range"));
        agent.describe(&"12-14".parse().expect("a range"));
        assert_eq!(agent.free().to_string(), "13-14");
        agent.give_back(&"11-12".parse().expect("a range"));
        assert_eq!(agent.free().to_string(), "12-14");
    }
}
