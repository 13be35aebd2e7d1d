//! The order in which apps start, from their `dependencies`. The graph is made when it is asked for, never kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AppId, AppSpec};
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;

use crate::Rejection;

type Apps<'a> = BTreeMap<&'a AppId, &'a Arc<AppSpec>>;

/// Refuses dependencies that lead back to where they began.
pub(crate) fn refuse_cycle(apps: &Apps<'_>) -> Result<(), Rejection> {
    let graph = graph_of(apps);
    let stuck =
        kosaraju_scc(&graph).into_iter().find(|group| group.len() > 1 || graph.contains_edge(group[0], group[0]));
    match stuck {
        None => Ok(()),
        Some(group) => Err(Rejection::DependencyCycle { cycle: walk_round(&graph, &group) }),
    }
}

/// The ids in `changed`, leaves first: each layer depends on earlier ones only, directly or by way of other apps.
/// There must be no cycle.
pub(crate) fn layers(apps: &Apps<'_>, changed: &[AppId]) -> Vec<Vec<AppId>> {
    let graph = graph_of(apps);
    // Components come in reverse topological order of the edges "depends on": dependencies first.
    let mut depth: BTreeMap<&AppId, usize> = BTreeMap::new();
    for group in kosaraju_scc(&graph) {
        let app = group[0];
        let below = graph.neighbors(app).filter_map(|dependency| {
            let counts = usize::from(changed.contains(dependency));
            depth.get(dependency).map(|depth| depth + counts)
        });
        let own = below.max().unwrap_or(0);
        depth.insert(app, own);
    }
    let mut layers: BTreeMap<usize, Vec<AppId>> = BTreeMap::new();
    for app in changed {
        layers.entry(depth.get(app).copied().unwrap_or(0)).or_default().push(app.clone());
    }
    layers.into_values().collect()
}

fn graph_of<'a>(apps: &Apps<'a>) -> DiGraphMap<&'a AppId, ()> {
    let mut graph = DiGraphMap::new();
    for (id, spec) in apps {
        graph.add_node(*id);
        for dependency in &spec.dependencies {
            graph.add_edge(*id, dependency, ());
        }
    }
    graph
}

/// One way round through a strongly connected group, the first app again at the end.
fn walk_round(graph: &DiGraphMap<&AppId, ()>, group: &[&AppId]) -> Vec<AppId> {
    let Some(start) = group.iter().min().copied() else { return Vec::new() };
    let mut came_from: BTreeMap<&AppId, &AppId> = BTreeMap::new();
    let mut frontier = vec![start];
    while let Some(app) = frontier.pop() {
        for next in graph.neighbors(app).filter(|next| group.contains(next)) {
            if next == start {
                let mut path = vec![start.clone(), app.clone()];
                let mut at = app;
                while at != start {
                    at = came_from[at];
                    path.push(at.clone());
                }
                path.reverse();
                return path;
            }
            came_from.entry(next).or_insert_with(|| {
                frontier.push(next);
                app
            });
        }
    }
    Vec::new()
}
