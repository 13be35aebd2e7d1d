//! The columns that a module is given, and the scores that it gives.
//!
//! All numbers are little-endian, and addresses are those of the module's memory. `bayplan_policy.h` declares the same; a change
//! here is another version of the ABI.

use placement::{Assessment, Context, Dimension, Fault, MAX_GPUS, Node, Request, Score};

use crate::ABI_VERSION;
use crate::limits::{WORK_PER_AGENT, WORK_PER_GPU};

/// What [`Assessment::Refused`] says.
const REFUSED: &str = "refused by the policy module";
const REFUSAL: i32 = -1;
/// What a score is before the module writes it.
const UNWRITTEN: i32 = i32::MIN;
const HEADER_BYTES: usize = 144;

/// Where everything is, in bytes from the beginning of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    agents: usize,
    total: [usize; 4],
    free: [usize; 4],
    ids: usize,
    free_ports: usize,
    instances: usize,
    gpu_starts: usize,
    scores: usize,
    gpu_shares: usize,
    pub(crate) bytes: usize,
}

impl Layout {
    /// Wider columns come first, so that all are aligned.
    pub(crate) const fn new(agents: usize, gpus: usize) -> Self {
        let wide = HEADER_BYTES;
        let narrow = wide + 8 * 8 * agents;
        let column = 4 * agents;
        let gpu_starts = narrow + 3 * column;
        let scores = gpu_starts + column + 4;
        let gpu_shares = scores + column;
        Self {
            agents,
            total: [wide, wide + 8 * agents, wide + 16 * agents, wide + 24 * agents],
            free: [wide + 32 * agents, wide + 40 * agents, wide + 48 * agents, wide + 56 * agents],
            ids: narrow,
            free_ports: narrow + column,
            instances: narrow + 2 * column,
            gpu_starts,
            scores,
            gpu_shares,
            bytes: gpu_shares + 2 * gpus,
        }
    }

    /// Of the largest batch that there can be.
    pub(crate) const fn largest(agents: usize) -> Self {
        Self::new(agents, agents * MAX_GPUS)
    }
}

/// Agents in the form in which a module is told of them.
pub(crate) struct Batch<'a> {
    cx: &'a Context<'a>,
    request: &'a Request,
    nodes: &'a [Node<'a>],
    /// By agent, where its GPUs begin; and where those of the last end.
    gpu_starts: Vec<u32>,
    gpu_shares: Vec<i16>,
    pub(crate) layout: Layout,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(cx: &'a Context<'a>, request: &'a Request, nodes: &'a [Node<'a>]) -> Self {
        let mut gpu_starts = Vec::with_capacity(nodes.len() + 1);
        let mut gpu_shares = Vec::new();
        for node in nodes {
            gpu_starts.push(gpu_shares.len() as u32);
            gpu_shares.extend(node.gpu_shares());
        }
        gpu_starts.push(gpu_shares.len() as u32);
        let layout = Layout::new(nodes.len(), gpu_shares.len());
        Self { cx, request, nodes, gpu_starts, gpu_shares, layout }
    }

    /// What it takes to write it.
    pub(crate) fn work(&self) -> u64 {
        WORK_PER_AGENT * self.nodes.len() as u64 + WORK_PER_GPU * self.gpu_shares.len() as u64
    }

    /// `address` is where `bytes` begin in the module's memory.
    pub(crate) fn write(&self, bytes: &mut [u8], address: u32) {
        let Self { cx, nodes, layout, .. } = self;
        put(bytes, 0, [self.header(address)]);
        for (dimension, (total, free)) in Dimension::ALL.into_iter().zip(layout.total.into_iter().zip(layout.free)) {
            put(bytes, total, nodes.iter().map(|node| node.total(dimension).0.to_le_bytes()));
            put(bytes, free, nodes.iter().map(|node| node.free(dimension).0.to_le_bytes()));
        }
        put(bytes, layout.ids, nodes.iter().map(|node| node.agent().0.to_le_bytes()));
        put(bytes, layout.free_ports, nodes.iter().map(|node| node.free_port_count().to_le_bytes()));
        put(bytes, layout.instances, nodes.iter().map(|node| cx.instances_on(*node).to_le_bytes()));
        put(bytes, layout.gpu_starts, self.gpu_starts.iter().map(|start| start.to_le_bytes()));
        put(bytes, layout.scores, nodes.iter().map(|_| UNWRITTEN.to_le_bytes()));
        put(bytes, layout.gpu_shares, self.gpu_shares.iter().map(|share| share.to_le_bytes()));
    }

    fn header(&self, address: u32) -> [u8; HEADER_BYTES] {
        let Self { cx, request, layout, .. } = self;
        let mut header = [0; HEADER_BYTES];
        let at = |column: usize| (address + column as u32).to_le_bytes();
        put(&mut header, 0, [ABI_VERSION.to_le_bytes(), (layout.agents as u32).to_le_bytes()]);
        put(&mut header, 8, [cx.seed().to_le_bytes()]);
        put(&mut header, 16, request.amounts().map(i64::to_le_bytes));
        put(&mut header, 48, Dimension::ALL.map(|dimension| cx.largest(dimension).0.to_le_bytes()));
        let ports = request.ports.len() as u32;
        put(&mut header, 80, [ports.to_le_bytes(), u32::from(request.is_container).to_le_bytes()]);
        put(&mut header, 88, [at(layout.ids)]);
        put(&mut header, 92, layout.total.map(at));
        put(&mut header, 108, layout.free.map(at));
        let rest = [layout.free_ports, layout.instances, layout.gpu_starts, layout.gpu_shares, layout.scores];
        put(&mut header, 124, rest.map(at));
        header
    }

    /// What the module wrote.
    pub(crate) fn read(&self, bytes: &[u8], assessments: &mut Vec<Assessment>) -> Result<(), Fault> {
        let (scores, _) = bytes[self.layout.scores..].as_chunks();
        for (node, score) in self.nodes.iter().zip(scores) {
            assessments.push(assessment(i32::from_le_bytes(*score), *node)?);
        }
        Ok(())
    }
}

fn assessment(score: i32, node: Node<'_>) -> Result<Assessment, Fault> {
    let agent = node.agent();
    match score {
        0.. => Ok(Assessment::Scored(Score(score.unsigned_abs()))),
        REFUSAL => Ok(Assessment::Refused(REFUSED)),
        UNWRITTEN => Err(Fault(format!("it gave agent {agent} no score, nor {REFUSAL} to refuse it"))),
        _ => Err(Fault(format!(
            "it gave agent {agent} the score {score}; scores are from 0 to {}, and {REFUSAL} refuses",
            i32::MAX
        ))),
    }
}

fn put<const WIDTH: usize>(bytes: &mut [u8], start: usize, values: impl IntoIterator<Item = [u8; WIDTH]>) {
    let (places, _) = bytes[start..].as_chunks_mut();
    for (place, value) in places.iter_mut().zip(values) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lie_one_behind_the_other() {
        for (agents, gpus) in [(0, 0), (1, 0), (1, 3), (2, 1), (7, 448), (1_000, 8_000)] {
            let layout = Layout::new(agents, gpus);
            let wide = layout.total.into_iter().chain(layout.free).map(|start| (start, 8, agents));
            let narrow = [layout.ids, layout.free_ports, layout.instances].map(|start| (start, 4, agents));
            let rest = [(layout.gpu_starts, 4, agents + 1), (layout.scores, 4, agents), (layout.gpu_shares, 2, gpus)];
            let mut end = HEADER_BYTES;
            for (start, width, count) in wide.chain(narrow).chain(rest) {
                assert_eq!((start, start % width), (end, 0), "{agents} agents, {gpus} GPUs");
                end = start + width * count;
            }
            assert_eq!(layout.bytes, end);
        }
    }
}
