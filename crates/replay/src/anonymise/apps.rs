//! Pseudonyms of apps' ids that keep two orders at once: that of the ids, in which apps are looked at, and that of the stems
//! of their tasks' ids, in which tasks are.
//!
//! The two differ, because `/` is less than a digit and `_`, which stands for it in a stem, is more; and because an id ends where a
//! stem goes on with `.`, which is more than `-`. Both turn the order of whole groups round, so all apps form a tree of
//! groups that are in the same order in both, or in the opposite one. A pseudonym says the way through that tree.

use std::collections::{BTreeMap, BTreeSet};

use model::AppId;

/// An app, or a group of them, in the order of the ids.
enum Node {
    App(AppId),
    /// In the same order by stems.
    Alike(Vec<Node>),
    /// In the opposite order by stems.
    Opposite(Vec<Node>),
}

/// A node, whose apps have the places from `first` to `last` by stems.
struct Span {
    first: usize,
    last: usize,
    node: Node,
}

/// What stands for each of the apps.
pub(super) fn pseudonyms(apps: &BTreeSet<AppId>) -> BTreeMap<AppId, AppId> {
    // Ids of frameworks' tasks begin with a capital letter, which is between the two.
    let begins_with_digit = |app: &&AppId| app.as_str().as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let (digits, letters): (Vec<&AppId>, Vec<&AppId>) = apps.iter().partition(begins_with_digit);
    let mut given = BTreeMap::new();
    let all = [("/0app", digits), ("/app", letters)];
    match all.iter().try_for_each(|(prefix, apps)| name(&tree(apps), prefix, &mut given)) {
        Some(()) => given,
        None => in_one_order(&all),
    }
}

fn tree(apps: &[&AppId]) -> Node {
    let mut by_stem: Vec<usize> = (0..apps.len()).collect();
    by_stem.sort_by_cached_key(|index| format!("{}.instance-", apps[*index].flat()));
    let mut places = vec![0; apps.len()];
    by_stem.iter().enumerate().for_each(|(place, index)| places[*index] = place);
    let mut spans: Vec<Span> = Vec::new();
    for (app, place) in apps.iter().zip(places) {
        let mut last = Span { first: place, last: place, node: Node::App((*app).clone()) };
        while let Some(before) = spans.pop_if(|before| is_next_to(before, &last)) {
            last = join(before, last);
        }
        spans.push(last);
    }
    let mut nodes: Vec<Node> = spans.into_iter().map(|span| span.node).collect();
    match nodes.pop() {
        Some(node @ Node::Alike(_)) if nodes.is_empty() => node,
        // More than one are left of ids such as `/a.instance-7`, whose tasks are in no order that one could tell.
        node => Node::Alike(nodes.into_iter().chain(node).collect()),
    }
}

fn is_next_to(one: &Span, other: &Span) -> bool {
    one.last + 1 == other.first || other.last + 1 == one.first
}

fn join(one: Span, other: Span) -> Span {
    let is_alike = one.last < other.first;
    let (first, last) = (one.first.min(other.first), one.last.max(other.last));
    let parts = |node| match node {
        Node::Alike(nodes) if is_alike => nodes,
        Node::Opposite(nodes) if !is_alike => nodes,
        node => vec![node],
    };
    let nodes = parts(one.node).into_iter().chain(parts(other.node)).collect();
    Span { first, last, node: if is_alike { Node::Alike(nodes) } else { Node::Opposite(nodes) } }
}

/// None when an id would be too long.
fn name(node: &Node, prefix: &str, given: &mut BTreeMap<AppId, AppId>) -> Option<()> {
    match node {
        Node::App(app) => {
            given.insert(app.clone(), AppId::parse(prefix).ok()?);
        }
        Node::Alike(nodes) => {
            let width = nodes.len().to_string().len();
            for (number, node) in (1..).zip(nodes) {
                name(node, &format!("{prefix}-{number:0width$}"), given)?;
            }
        }
        Node::Opposite(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                name(node, &format!("{prefix}{}/app", "0".repeat(index)), given)?;
            }
        }
    }
    Some(())
}

/// For hundreds of ids of which each begins with the one before it: the order of the ids alone.
fn in_one_order(all: &[(&str, Vec<&AppId>)]) -> BTreeMap<AppId, AppId> {
    let mut given = BTreeMap::new();
    for (prefix, apps) in all {
        let width = apps.len().to_string().len();
        for (number, app) in (1..).zip(apps) {
            let pseudonym = AppId::parse(&format!("{prefix}-{number:0width$}"));
            given.insert((*app).clone(), pseudonym.expect("a word and a number are an id"));
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apps(ids: &[&str]) -> BTreeSet<AppId> {
        ids.iter().map(|id| AppId::parse(id).expect("an id")).collect()
    }

    fn told(ids: &[&str]) -> Vec<String> {
        pseudonyms(&apps(ids)).values().map(ToString::to_string).collect()
    }

    #[test]
    fn apps_are_numbered_where_both_orders_are_the_same() {
        assert_eq!(told(&["/web", "/cart", "/shop/db"]), ["/app-1", "/app-2", "/app-3"]);
        assert_eq!(told(&[]), Vec::<String>::new());
        assert_eq!(told(&["/web"]), ["/app-1"]);
    }

    #[test]
    fn a_group_in_the_opposite_order_has_a_level_of_its_own() {
        assert_eq!(
            told(&["/api", "/web", "/web-2", "/web-canary", "/zoo"]),
            ["/app-1", "/app-2/app", "/app-20/app-1", "/app-20/app-2", "/app-3"]
        );
    }

    #[test]
    fn ids_that_would_become_too_long_keep_the_order_of_the_ids() {
        let levels = (0..250).map(|level| format!("/a{}", "-b".repeat(level)));
        let many: Vec<String> = levels.flat_map(|id| [format!("{id}-a"), id]).collect();
        let told = told(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((told.first().map(String::as_str), told.len()), (Some("/app-001"), many.len()));
        assert!(told.is_sorted(), "{told:?}");
    }

    fn key(app: &AppId) -> String {
        format!("{}.instance-", app.flat())
    }

    proptest! {
        #[test]
        fn both_orders_are_kept(ids in proptest::collection::btree_set("[a-b0-1](([-./]?)[a-b0-1]){0,6}", 0..24)) {
            let apps: BTreeSet<AppId> = ids.iter().filter_map(|id| AppId::parse(id).ok()).collect();
            let given = pseudonyms(&apps);
            prop_assert_eq!(given.len(), apps.len());
            for (one, other) in apps.iter().flat_map(|one| apps.iter().map(move |other| (one, other))) {
                let (new, new_other) = (&given[one], &given[other]);
                prop_assert_eq!(one.cmp(other), new.cmp(new_other), "{} and {}: {} and {}", one, other, new, new_other);
                let stems = (key(one).cmp(&key(other)), key(new).cmp(&key(new_other)));
                prop_assert_eq!(stems.0, stems.1, "{} and {}: {} and {}", one, other, new, new_other);
            }
        }
    }
}
