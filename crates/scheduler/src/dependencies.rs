//! The order in which apps start, from their `dependencies`. The graph is made when it is asked for, never kept.

use std::collections::{BTreeMap, BTreeSet};

use model::{AppId, AppSpec};
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;

use crate::Rejection;

/// The order in which changed apps start: each layer depends on earlier ones only, directly or by way of other apps.
/// Refuses dependencies that lead back to where they began. `spec_of` knows the apps as they will be.
pub(crate) fn layers<'a>(
    changed: &'a BTreeSet<AppId>,
    spec_of: impl Fn(&AppId) -> Option<&'a AppSpec>,
) -> Result<Vec<Vec<AppId>>, Rejection> {
    let graph = graph_of(changed, spec_of);
    let groups = kosaraju_scc(&graph);
    let is_cycle = |group: &&Vec<&'a AppId>| group.len() > 1 || graph.contains_edge(group[0], group[0]);
    if let Some(group) = groups.iter().find(is_cycle) {
        return Err(Rejection::DependencyCycle { cycle: walk_round(&graph, group) });
    }
    // Components come in reverse topological order of the edges "depends on": dependencies first.
    let mut depth: BTreeMap<&AppId, usize> = BTreeMap::new();
    for group in groups {
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
    Ok(layers.into_values().collect())
}

/// What the changed apps depend on, themselves included. A cycle that was not there before leads through one of them,
/// so the other apps need not be looked at, however many there are.
fn graph_of<'a>(
    changed: &'a BTreeSet<AppId>,
    spec_of: impl Fn(&AppId) -> Option<&'a AppSpec>,
) -> DiGraphMap<&'a AppId, ()> {
    let mut graph = DiGraphMap::new();
    let mut frontier: Vec<&AppId> = changed.iter().map(|app| graph.add_node(app)).collect();
    while let Some(app) = frontier.pop() {
        for dependency in spec_of(app).into_iter().flat_map(|spec| &spec.dependencies) {
            if !graph.contains_node(dependency) {
                frontier.push(dependency);
            }
            graph.add_edge(app, dependency, ());
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
