//! Many placements within one command: each is visible to the next, the view stays as it is.
//!
//! A scratch costs what is placed in it: it copies the blocks that it touches. Must not outlive its view.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use model::{AgentId, AppId, AppVersion, Constraint, Explanation, PortRanges};

use crate::columns::{Dimension, LANES, Stock};
use crate::constraint::{Matched, Test};
use crate::policy::{Context, Own, Policy, count_in};
use crate::ports::AgentPorts;
use crate::scan::{Overlay, scan};
use crate::{Request, View};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub agent: AgentId,
    /// In the order of the request's ports.
    pub host_ports: Vec<u16>,
    pub explanation: Explanation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Placed(Placed),
    /// No agent passed all filters.
    Nowhere(Explanation),
}

impl Outcome {
    #[must_use]
    pub const fn explanation(&self) -> &Explanation {
        match self {
            Self::Placed(placed) => &placed.explanation,
            Self::Nowhere(explanation) => explanation,
        }
    }
}

/// A view, and what has been placed since.
pub struct Scratch<'a> {
    view: &'a View,
    stock: BTreeMap<usize, Box<Stock>>,
    ports: BTreeMap<usize, AgentPorts>,
    apps: BTreeMap<AppId, App>,
    matched: Matched,
}

/// What is known about an app that was asked for.
#[derive(Default)]
struct App {
    /// Rows of the instances placed here, sorted, and how many.
    placed: Vec<(u32, u32)>,
    /// Requests of one app seldom differ; in nothing that matters here, as a rule.
    classes: Vec<Class>,
}

/// Requests of an app that have their constraints, and what these count, in common.
struct Class {
    counted_since: AppVersion,
    constraints: Vec<Constraint>,
    tests: Vec<Test>,
    own: OnceCell<Vec<(u32, u32)>>,
}

/// One placement, with nothing to follow.
#[must_use]
pub fn place(view: &View, policy: &dyn Policy, seed: u64, request: &Request) -> Outcome {
    Scratch::new(view).place(policy, seed, request)
}

impl<'a> Scratch<'a> {
    #[must_use]
    pub fn new(view: &'a View) -> Self {
        let (stock, ports, apps) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { view, stock, ports, apps, matched: Matched::default() }
    }

    /// Chooses an agent and takes what the request needs from it. The seed decides between equals: the same view,
    /// placements and seed give the same answer. What was placed here counts as an instance of the app's newest version.
    pub fn place(&mut self, policy: &dyn Policy, seed: u64, request: &Request) -> Outcome {
        let view = self.view;
        if !self.apps.contains_key(&request.app) {
            self.apps.insert(request.app.clone(), App::default());
        }
        let app = self.apps.get_mut(&request.app).expect("the app was entered just now");
        let class = app.class(view, request, &mut self.matched);
        let cx = Context::new(seed, &view.columns.scale, request, app.own(view, request, class));
        let overlay = Overlay { view, stock: &self.stock, ports: &self.ports };
        let found = scan(&overlay, policy, &cx, request, &app.classes[class].tests);
        let Some(best) = found.best else { return Outcome::Nowhere(found.explanation) };
        app.follow(view, best.row);
        let host_ports = self.take(best.row, request);
        Outcome::Placed(Placed { agent: view.columns.agent_at(best.row), host_ports, explanation: found.explanation })
    }

    /// Takes everything that is free on an agent: it was given to somebody else.
    pub fn withhold(&mut self, agent: AgentId) {
        let columns = &self.view.columns;
        let Some(row) = columns.row_of(agent) else { return };
        let (block, lane) = (row / LANES, row % LANES);
        let stock = self.stock.entry(block).or_insert_with(|| Box::new(columns.stock[block].clone()));
        stock.change(lane, stock.free(lane).map(|free| -free.max(0)), &columns.scale);
        let ports = self.ports.entry(row).or_insert_with(|| columns.ports[row].clone());
        let all = ports.free().clone();
        ports.take(&all);
        stock.set_free_ports(lane, 0);
    }

    fn take(&mut self, row: usize, request: &Request) -> Vec<u16> {
        let columns = &self.view.columns;
        let (block, lane) = (row / LANES, row % LANES);
        let stock = self.stock.entry(block).or_insert_with(|| Box::new(columns.stock[block].clone()));
        stock.change(lane, Dimension::ALL.map(|dimension| -request.amount(dimension).0.max(0)), &columns.scale);
        if request.ports.is_empty() {
            return Vec::new();
        }
        let ports = self.ports.entry(row).or_insert_with(|| columns.ports[row].clone());
        let picked = ports.pick(&request.ports).expect("the scan counted the free ports and looked for the fixed ones");
        let taken = PortRanges::from_ports(picked.iter().copied());
        ports.rotate(&taken, model::OfferId::default());
        ports.take(&taken);
        stock.set_free_ports(lane, ports.free().len());
        picked
    }
}

impl App {
    /// The index of the request's class.
    fn class(&mut self, view: &View, request: &Request, matched: &mut Matched) -> usize {
        let is_same =
            |class: &Class| class.counted_since == request.counted_since && class.constraints == request.constraints;
        if let Some(index) = self.classes.iter().position(is_same) {
            return index;
        }
        let rows = OnceCell::new();
        let counted_since = request.counted_since;
        let own = Own { view, app: &request.app, counted_since, placed: &self.placed, rows: &rows };
        let tests = request
            .constraints
            .iter()
            .map(|constraint| Test::new(constraint, &view.columns, matched, || own.rows()))
            .collect();
        self.classes.push(Class { counted_since, constraints: request.constraints.clone(), tests, own: rows });
        self.classes.len() - 1
    }

    fn own<'a>(&'a self, view: &'a View, request: &'a Request, class: usize) -> Own<'a> {
        let Class { counted_since, own, .. } = &self.classes[class];
        Own { view, app: &request.app, counted_since: *counted_since, placed: &self.placed, rows: own }
    }

    /// An instance was placed on this row.
    fn follow(&mut self, view: &View, row: usize) {
        count_in(&mut self.placed, row as u32, 1);
        for class in &mut self.classes {
            if let Some(own) = class.own.get_mut() {
                count_in(own, row as u32, 1);
            }
            for test in &mut class.tests {
                test.follow(&view.columns, row);
            }
        }
    }
}
