//! Many placements within one command: each is visible to the next, the view stays as it is.
//!
//! A scratch costs what is placed in it: it copies the blocks that it touches. Must not outlive its view.

use std::cell::OnceCell;

use model::{AgentId, AppId, AppVersion, Constraint, Explanation, GpuSlots};

use crate::account::{Account, account};
use crate::blend::{self, Decider, Faulty};
use crate::cache::Cache;
use crate::choice::{Best, Question, choose};
use crate::constraint::{Matched, Test, without_wishes};
use crate::ledger::Ledger;
use crate::needs::Needs;
use crate::places::Places;
use crate::policy::{Context, Own, count_in};
use crate::scan::{pivot, scan};
use crate::tally::Tally;
use crate::wanted::Wanted;
use crate::{Request, View};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub agent: AgentId,
    /// In the order of the request's ports.
    pub host_ports: Vec<u16>,
    pub gpu_slots: GpuSlots,
    pub explanation: Explanation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Placed(Placed),
    /// No agent passed all filters.
    Nowhere(Explanation),
    /// Nothing was decided: a policy gave no answer that can be used.
    Faulty(Faulty),
}

impl Outcome {
    /// None when nothing was decided.
    #[must_use]
    pub const fn explanation(&self) -> Option<&Explanation> {
        match self {
            Self::Placed(placed) => Some(&placed.explanation),
            Self::Nowhere(explanation) => Some(explanation),
            Self::Faulty(_) => None,
        }
    }

    #[must_use]
    pub fn placed(self) -> Option<Placed> {
        match self {
            Self::Placed(placed) => Some(placed),
            Self::Nowhere(_) | Self::Faulty(_) => None,
        }
    }
}

/// How much of an account a decision gives of itself. What is chosen is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// What can be said without a look at every agent; all of it when nothing fits.
    Short,
    Whole,
}

/// A view, and what has been placed since.
pub struct Scratch<'a> {
    view: &'a View,
    ledger: Ledger<'a>,
    /// Of apps in `apps`.
    places: Places,
    apps: Vec<App>,
    matched: Matched,
    /// Borrowed from the view with the first decision.
    cache: Option<Box<Cache>>,
    work: u64,
}

/// What is known about an app that was asked for.
#[derive(Default)]
struct App {
    /// The instances placed here.
    placed: Tally,
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
pub fn place<'p>(view: &View, decider: impl Into<Decider<'p>>, seed: u64, request: &Request) -> Outcome {
    Scratch::new(view).place(decider, seed, request)
}

impl<'a> Scratch<'a> {
    #[must_use]
    pub fn new(view: &'a View) -> Self {
        let (places, apps, matched) = (Places::default(), Vec::new(), Matched::default());
        Self { view, ledger: Ledger::new(&view.columns), places, apps, matched, cache: None, work: 0 }
    }

    /// Chooses an agent and takes what the request needs from it. The seed decides between equals: the same view,
    /// placements and seed give the same answer. What was placed here counts as an instance of the app's newest version.
    ///
    /// How many agents failed which filter is told when nothing fits; see [`Self::place_with_account`].
    pub fn place<'p>(&mut self, decider: impl Into<Decider<'p>>, seed: u64, request: &Request) -> Outcome {
        self.place_and_tell(decider.into(), seed, request, Detail::Short)
    }

    /// The same by a look at every agent, so that the explanation counts them all.
    pub fn place_with_account<'p>(&mut self, decider: impl Into<Decider<'p>>, seed: u64, request: &Request) -> Outcome {
        self.place_and_tell(decider.into(), seed, request, Detail::Whole)
    }

    /// What became of every agent in the decision that [`Self::place`] would make now; nothing is taken.
    pub fn account<'p>(
        &mut self,
        decider: impl Into<Decider<'p>>,
        seed: u64,
        request: &Request,
    ) -> Result<Account, Faulty> {
        let place = self.place_of(&request.app);
        self.ask(place, decider.into(), seed, request, |question, ledger, _, _| {
            let account = account(question, ledger)?;
            match without_wishes(question.tests).filter(|_| account.chosen().is_none()) {
                Some(tests) => crate::account::account(&Question { tests: &tests, ..*question }, ledger)
                    .map(|account| Account { without_wishes: true, ..account }),
                None => Ok(account),
            }
        })
    }

    fn place_and_tell(&mut self, decider: Decider<'_>, seed: u64, request: &Request, detail: Detail) -> Outcome {
        let view = self.view;
        let place = self.place_of(&request.app);
        let (decided, work) = self.ask(place, decider, seed, request, |question, ledger, cache, wanted| {
            let decided = decide_with_wishes(question, ledger, cache, wanted, detail);
            let placed = |best: Best| (best.row, question.gpus(ledger.node(best.row)));
            (decided.map(|(best, explanation)| (best.map(placed), explanation)), question.cx.work())
        });
        // An account is no decision: whether somebody asks for one must not change what is decided.
        self.work = self.work.saturating_add(work);
        let (best, explanation) = match decided {
            Ok(decided) => decided,
            Err(fault) => return Outcome::Faulty(fault),
        };
        let Some((row, gpu_slots)) = best else { return Outcome::Nowhere(explanation) };
        let host_ports = self.take(place, row, seed, request, &gpu_slots);
        Outcome::Placed(Placed { agent: view.columns.agent_at(row), host_ports, gpu_slots, explanation })
    }

    /// How much work was done here by what looks at every agent, as [`crate::DECISION_WORK`] counts it. What is decided without such
    /// a look counts nothing.
    #[must_use]
    pub const fn work(&self) -> u64 {
        self.work
    }

    /// Takes what the request needs, and returns its host ports.
    pub(crate) fn take(
        &mut self,
        place: usize,
        row: usize,
        seed: u64,
        request: &Request,
        gpu_slots: &GpuSlots,
    ) -> Vec<u16> {
        self.apps[place].follow(self.view, row);
        let host_ports = self.ledger.take(row, seed, request, gpu_slots);
        self.touch(row);
        host_ports
    }

    pub(crate) fn row_of(&self, agent: AgentId) -> Option<usize> {
        self.view.columns.row_of(agent)
    }

    pub(crate) fn place_of(&mut self, app: &AppId) -> usize {
        let place = self.places.of(app);
        if place == self.apps.len() {
            self.apps.push(App::default());
        }
        place
    }

    /// Puts a decision as a question; the last argument of `answer` is the number of the state of what is asked for.
    pub(crate) fn ask<T>(
        &mut self,
        place: usize,
        decider: Decider<'_>,
        seed: u64,
        request: &Request,
        answer: impl FnOnce(&Question<'_>, &Ledger<'_>, &mut Cache, u64) -> T,
    ) -> T {
        let view = self.view;
        let cache = self.cache.get_or_insert_with(|| view.cache.lend(&view.columns));
        let app = &mut self.apps[place];
        let class = app.class(view, request, &mut self.matched);
        let (kept, fresh);
        let (wanted, revision) = if decider.looks_at_demand(request) {
            kept = cache.wanted(&view.demand, &view.columns);
            (&*kept.0, kept.1)
        } else {
            fresh = Wanted::default();
            (&fresh, 0)
        };
        let own = app.own(view, request, class);
        let cx = Context::new(seed, &view.columns.scale, request, own, wanted, decider.asked_at_once());
        let (needs, tests) = (&Needs::of(request), app.classes[class].tests.as_slice());
        let (policy, blend) = match decider {
            Decider::Policy(policy) => (policy, None),
            Decider::Blend(blend) => (blend.terms()[0].policy.as_ref(), Some(blend)),
        };
        let question = Question { policy, blend, cx: &cx, request, needs, tests, pivot: pivot(&view.columns, seed) };
        answer(&question, &self.ledger, cache, revision)
    }

    /// Gives back what a request got here, or holds in the view.
    pub fn release(&mut self, request: &Request, placed: &Placed) {
        let Some(row) = self.view.columns.row_of(placed.agent) else { return };
        self.ledger.give_back(row, request, &placed.gpu_slots, &placed.host_ports);
        let place = self.place_of(&request.app);
        self.apps[place].unfollow(row);
        self.touch(row);
    }

    /// Takes what a request got on an agent that somebody else chose, whether it is there or not.
    pub fn occupy(&mut self, request: &Request, agent: AgentId, host_ports: &[u16], gpu_slots: &GpuSlots) {
        let Some(row) = self.view.columns.row_of(agent) else { return };
        self.ledger.occupy(row, request, gpu_slots, host_ports);
        let place = self.place_of(&request.app);
        self.apps[place].follow(self.view, row);
        self.touch(row);
    }

    /// Takes everything that is free on an agent: it was given to somebody else.
    pub fn withhold(&mut self, agent: AgentId) {
        let Some(row) = self.view.columns.row_of(agent) else { return };
        self.ledger.withhold(row);
        self.touch(row);
    }

    fn touch(&mut self, row: usize) {
        if let Some(cache) = &mut self.cache {
            cache.changes.note(row);
        }
    }

    /// What is wrong with what is kept between decisions, one sentence each; for tests.
    #[must_use]
    pub fn check(&mut self) -> Vec<String> {
        let Some(cache) = &mut self.cache else { return Vec::new() };
        cache.check(&self.ledger)
    }
}

/// For the view all touched rows are as they were, and so they have changed once more.
impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let Some(mut cache) = self.cache.take() else { return };
        self.ledger.touched().for_each(|row| cache.changes.note(row));
        self.view.cache.take_back(cache);
    }
}

/// Wishes are left aside when nothing fulfils them.
fn decide_with_wishes(
    question: &Question<'_>,
    ledger: &Ledger<'_>,
    cache: &mut Cache,
    wanted: u64,
    detail: Detail,
) -> Result<(Option<Best>, Explanation), Faulty> {
    let decided = decide(question, ledger, cache, wanted, detail)?;
    match without_wishes(question.tests).filter(|_| decided.0.is_none()) {
        Some(tests) => decide(&Question { tests: &tests, ..*question }, ledger, cache, wanted, detail),
        None => Ok(decided),
    }
}

fn decide(
    question: &Question<'_>,
    ledger: &Ledger<'_>,
    cache: &mut Cache,
    wanted: u64,
    detail: Detail,
) -> Result<(Option<Best>, Explanation), Faulty> {
    if question.blend.is_some() || question.policy.is_asked_at_once() {
        return blend::choose(question, ledger);
    }
    if detail == Detail::Short
        && let Some(best) = choose(question, ledger, cache, wanted)
    {
        let policy = question.policy.name().to_owned();
        let (score, considered) = (Some(i64::from(best.score.0)), ledger.columns.live());
        let explanation = Explanation { policy, score, considered, feasible: None, filtered: Vec::new() };
        return Ok((Some(best), explanation));
    }
    let found = scan(question, ledger);
    Ok((found.best, found.explanation))
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
        self.placed.add(row as u32);
        for class in &mut self.classes {
            if let Some(own) = class.own.get_mut() {
                count_in(own, row as u32, 1);
            }
            for test in &mut class.tests {
                test.follow(&view.columns, row);
            }
        }
    }

    /// An instance that was placed here, or is in the view, has gone from this row. What constraints had learned of it cannot
    /// be taken back, so it is learned anew.
    fn unfollow(&mut self, row: usize) {
        let has_followed = |class: &Class| class.tests.iter().any(|test| !test.is_static());
        self.classes.retain(|class| !has_followed(class));
        if self.placed.remove(row as u32) {
            for own in self.classes.iter_mut().filter_map(|class| class.own.get_mut()) {
                if let Ok(index) = own.binary_search_by_key(&(row as u32), |(row, _)| *row) {
                    uncount(own, index);
                }
            }
        }
    }
}

fn uncount(rows: &mut Vec<(u32, u32)>, index: usize) {
    rows[index].1 -= 1;
    if rows[index].1 == 0 {
        rows.remove(index);
    }
}
