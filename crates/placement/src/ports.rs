//! The ports of one agent: which are free, and where the next search for free ones begins.
//!
//! The search goes round: it begins after the port that was given last, so that a port that has just become free is
//! not at once given to somebody else. Must not know who holds which port.

use model::{OfferId, PortRange, PortRanges};

use crate::PortWanted;

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
    /// Where the next search begins.
    next: u16,
    /// The youngest offer whose task moved `next`.
    rotated_by: OfferId,
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

    /// Moves the start of the next search past those of `ports` that such a search finds first. To be called before
    /// they are taken: what was picked by a search moves the start, what was asked for by number does not.
    pub(crate) fn rotate(&mut self, ports: &PortRanges, offer: OfferId) {
        self.rotated_by = self.rotated_by.max(offer);
        let mut left = self.free.intersection(ports).len();
        while left > 0 {
            let Some(run) = self.round().next() else { return };
            let Some(begin) = Some(run.begin).filter(|port| ports.contains(*port)) else { return };
            let last = ports.ranges().partition_point(|range| range.begin <= begin) - 1;
            let end = run.end.min(ports.ranges()[last].end);
            self.next = end.wrapping_add(1);
            left = left.saturating_sub(u32::from(end - begin) + 1);
        }
    }

    /// The same for a task whose launch is not in the log any more. The last port stands for those that were picked.
    pub(crate) fn restore_rotation(&mut self, host_ports: &[u16], offer: OfferId) {
        if let Some(last) = host_ports.last().filter(|_| offer >= self.rotated_by) {
            self.rotated_by = offer;
            self.next = last.wrapping_add(1);
        }
    }

    /// The host ports for what is wanted, in that order; None when a fixed port is not free or there are too few.
    pub(crate) fn pick(&self, wanted: &[PortWanted]) -> Option<Vec<u16>> {
        let is_fixed = |port: u16| wanted.contains(&PortWanted::Fixed(port));
        let mut any = self.round().flat_map(|run| run.begin..=run.end).filter(|port| !is_fixed(*port));
        let pick = |port: &PortWanted| match port {
            PortWanted::Any => any.next(),
            PortWanted::Fixed(port) => self.free.contains(*port).then_some(*port),
        };
        wanted.iter().map(pick).collect()
    }

    /// The free ports as runs, beginning at `next` and going round.
    fn round(&self) -> impl Iterator<Item = PortRange> {
        let (ranges, next) = (self.free.ranges(), self.next);
        let split = ranges.partition_point(|range| range.end < next);
        let later = ranges[split..].iter().map(move |range| PortRange { begin: range.begin.max(next), ..*range });
        let earlier = ranges.iter().take_while(move |range| range.begin < next);
        later.chain(earlier.map(move |range| PortRange { end: range.end.min(next - 1), ..*range }))
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

    fn launch(agent: &mut AgentPorts, wanted: &[PortWanted]) -> Vec<u16> {
        let picked = agent.pick(wanted).expect("enough free ports");
        let ports = PortRanges::from_ports(picked.iter().copied());
        agent.rotate(&ports, OfferId(0));
        agent.take(&ports);
        picked
    }

    #[test]
    fn a_freed_port_is_given_again_only_when_the_round_is_complete() {
        let mut agent = agent("10-12,20-21");
        let mut given = Vec::new();
        for _ in 0..10 {
            let picked = launch(&mut agent, &[PortWanted::Any]);
            agent.give_back(&PortRanges::from_ports(picked.iter().copied()));
            given.extend(picked);
        }
        assert_eq!(given, [10, 11, 12, 20, 21, 10, 11, 12, 20, 21]);
    }

    #[test]
    fn fixed_ports_do_not_disturb_the_round() {
        let mut agent = agent("10-19");
        assert_eq!(launch(&mut agent, &[PortWanted::Any, PortWanted::Fixed(10), PortWanted::Any]), [11, 10, 12]);
        assert_eq!(launch(&mut agent, &[PortWanted::Fixed(17), PortWanted::Any]), [17, 13]);
        assert_eq!(agent.pick(&[PortWanted::Fixed(17)]), None);
        assert_eq!(launch(&mut agent, &[PortWanted::Any; 4]), [14, 15, 16, 18]);
        assert_eq!(agent.pick(&[PortWanted::Any; 2]), None);
        assert_eq!(agent.pick(&[PortWanted::Any]), Some(vec![19]));
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
