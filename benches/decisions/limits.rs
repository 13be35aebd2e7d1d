//! What decisions are held against: the simplest loop over all agents, and the memory that a scan has to read, read once.

use std::hint::black_box;
use std::time::Duration;

use bayplan_benches::rate;
use placement::{Dimension, Node, Request};

use crate::clusters::Cluster;

/// What is measured, and how often a second, by cluster.
pub(crate) fn rates(clusters: &[Cluster; 3], round: Duration) -> [(&'static str, [f64; 3]); 2] {
    let naive = clusters.each_ref().map(|cluster| {
        let request = cluster.request(0);
        rate(round, || usize::from(black_box(best_fit(cluster, black_box(&request))).is_some())).median()
    });
    let memory = clusters.each_ref().map(|cluster| {
        let agents = cluster.view.nodes().count();
        let columns: [Vec<i32>; 3] =
            std::array::from_fn(|column| (0..agents as i32).map(|row| row ^ column as i32).collect());
        rate(round, || {
            let sum: i32 = columns.iter().map(|column| column.iter().fold(0_i32, |sum, item| sum ^ item)).sum();
            black_box(sum);
            1
        })
        .median()
    });
    [("a loop over all agents, as a list", naive), ("three columns of 4 bytes, read once", memory)]
}

/// Best fit as anybody would write it first.
fn best_fit(cluster: &Cluster, request: &Request) -> Option<(i64, u32)> {
    let has_room = |node: &Node<'_>| {
        node.is_active()
            && Dimension::ALL.into_iter().all(|dimension| node.free(dimension) >= request.amount(dimension))
    };
    let left = |node: Node<'_>| {
        let shares = Dimension::ALL.map(|dimension| {
            let left = node.free(dimension).0 - request.amount(dimension).0;
            left * 1_000_000 / node.total(dimension).0.max(1)
        });
        (shares.iter().sum(), node.agent().0)
    };
    cluster.view.nodes().filter(has_room).map(left).min()
}
