//! The real form and the simple form follow the same random cluster and must give the same answers.

use model::{AgentId, AppVersion, Event, OfferId, OfferOutcome, PortRanges, Resources, TaskId};
use placement::{Context, Node, Outcome, Placed, Policy, PortWanted, Request, Score, Scratch, Verdict, View, by_name};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::accounts;
use crate::cluster::*;
use crate::lacking;
use crate::reference::{self, Reference, Refusal};
use crate::steps::{Order, Shape, Step, Wanted, shape, step, wanted};

/// Written as a policy developer would write it: only the simple forms.
pub(crate) struct Picky;

fn picky_refusal(agent: AgentId) -> Option<&'static str> {
    match agent.0 % 5 {
        0 => Some("divisible by five"),
        1 => Some("next to that"),
        _ => None,
    }
}

fn picky_score(_: &Resources, _: &Resources, _: &Request, own: u32, agent: AgentId) -> u32 {
    agent.0 % 3 + own
}

impl Policy for Picky {
    fn name(&self) -> &str {
        "picky"
    }

    fn filter(&self, _: &Context<'_>, _: &Request, node: Node<'_>) -> Verdict {
        picky_refusal(node.agent()).map_or(Verdict::Feasible, Verdict::Refused)
    }

    fn score(&self, cx: &Context<'_>, _: &Request, node: Node<'_>) -> Score {
        Score(node.agent().0 % 3 + cx.instances_on(node))
    }
}

/// A policy, and how the reference decides in its place. Without that, a look at every agent is what it is held to.
struct Known {
    policy: std::sync::Arc<dyn Policy>,
    reference: Option<(reference::Score, Refusal)>,
}

fn policies() -> Vec<Known> {
    let built_in = |(name, _): &(&str, &str)| {
        let reference: Option<(reference::Score, Refusal)> = match *name {
            "best-fit" => Some((reference::best_fit, |_| None)),
            "best-fit-gpu" => Some((reference::best_fit_gpu, |_| None)),
            "dot-product" => Some((reference::dot_product, |_| None)),
            "first-fit" => Some((reference::first_fit, |_| None)),
            "l2-norm-greedy" => Some((reference::l2_norm_greedy, |_| None)),
            "spread" | "worst-fit" => Some((reference::spread, |_| None)),
            _ => None,
        };
        Known { policy: by_name(name).expect("a policy of that name"), reference }
    };
    let picky = Known { policy: std::sync::Arc::new(Picky), reference: Some((picky_score, picky_refusal)) };
    placement::POLICIES.iter().map(built_in).chain([picky]).collect()
}

/// Both forms, and what is needed to tell events.
#[derive(Default)]
struct Pair {
    view: View,
    reference: Reference,
    next_agent: u32,
    next_offer: u64,
}

impl Pair {
    fn apply(&mut self, event: &Event) {
        self.view.apply(event);
        self.reference.apply(event);
    }

    fn agent(&self, index: usize) -> Option<u32> {
        let agents = &self.reference.agents;
        agents.keys().nth(index.checked_rem(agents.len())?).map(|agent| agent.0)
    }

    fn register(&mut self, shape: &Shape) {
        self.apply(&registered(self.next_agent, shape.describe()));
        self.next_agent += 1;
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Register { skipped, shape } => {
                self.next_agent += skipped;
                self.register(shape);
            }
            Step::Reconnect { agent, shape } => {
                if let Some(agent) = self.agent(*agent) {
                    self.apply(&reconnected(agent, shape.describe()));
                }
            }
            Step::Disconnect { agent } => {
                if let Some(agent) = self.agent(*agent) {
                    self.apply(&disconnected(agent));
                }
            }
            Step::Remove { agent } => {
                if let Some(agent) = self.agent(*agent) {
                    self.apply(&removed(agent));
                }
            }
            Step::RemoveMany { every } => {
                let agents: Vec<u32> = self.reference.agents.keys().map(|agent| agent.0).collect();
                let (gone, _): (Vec<_>, Vec<_>) =
                    agents.into_iter().partition(|agent| (*agent as usize).is_multiple_of(*every));
                gone.into_iter().for_each(|agent| self.apply(&removed(agent)));
            }
            Step::Place { policy, seed, requests, order } => self.place(*policy, *seed, requests, *order)?,
            Step::End { tasks } => tasks.iter().for_each(|index| self.end_task(*index)),
            Step::Offer { agent } => self.offer(*agent),
            Step::Ask { wanted } => self.apply(&asked(&wanted.request(), wanted.count as u32)),
            Step::Close { offer } => {
                let open: Vec<u64> = self.reference.offers.keys().map(|offer| offer.0).collect();
                if let Some(offer) = offer.checked_rem(open.len()).map(|index| open[index]) {
                    self.apply(&closed(offer, OfferOutcome::Expired));
                }
            }
        }
        self.compare_columns()
    }

    fn end_task(&mut self, index: usize) {
        let tasks = &self.reference.tasks;
        let Some(index) = index.checked_rem(tasks.len()) else { return };
        let Some((task, held)) = tasks.iter().nth(index).map(|(task, held)| (task.clone(), held.agent)) else { return };
        self.apply(&ended(task.0.as_ref(), held.0));
    }

    /// All that an agent has free, as an external framework would be offered it.
    fn offer(&mut self, agent: usize) {
        let Some(agent) = self.agent(agent) else { return };
        let free = self.reference.free(AgentId(agent));
        if free.is_valid() {
            self.next_offer += 1;
            self.apply(&offered(self.next_offer, agent, free));
        }
    }

    fn compare_columns(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.view.check(), Vec::<String>::new());
        prop_assert_eq!(self.view.nodes().count(), self.reference.agents.len());
        for node in self.view.nodes() {
            let free = self.reference.free(node.agent());
            let of_node = placement::Dimension::ALL.map(|dimension| node.free(dimension));
            prop_assert_eq!(of_node, [free.cpus, free.mem, free.disk, free.gpus]);
            prop_assert_eq!(node.free_gpus(), free.gpu_slots);
            prop_assert_eq!(self.view.free_ports(node.agent()), Some(&free.ports));
            prop_assert_eq!(node.hostname(), &self.reference.agents[&node.agent()].description.hostname);
        }
        Ok(())
    }

    fn place(&mut self, policy: usize, seed: u64, wanted: &[Wanted], order: Order) -> Result<(), TestCaseError> {
        let mut known = policies();
        let Known { policy, reference } = known.swap_remove(policy % known.len());
        // The picture itself, so that what it keeps from decision to decision is kept here too.
        let view = std::mem::take(&mut self.view);
        // A clone keeps nothing: every agent is looked at.
        let bare = view.clone();
        let (mut scratch, mut simple) = (Scratch::new(&view), Scratch::new(&bare));
        // Interleaved, so that requests of one app meet others in between.
        let newest = wanted.iter().map(|wanted| wanted.version).max().unwrap_or_default();
        let rounds = wanted.iter().map(|wanted| wanted.count).max().unwrap_or_default();
        let mut events = Vec::new();
        for (round, wanted) in (0..rounds).flat_map(|round| wanted.iter().map(move |wanted| (round, wanted))) {
            if round >= wanted.count {
                continue;
            }
            let request = wanted.request();
            let outcome = scratch.place(policy.as_ref(), seed, &request);
            let told = simple.account(policy.as_ref(), seed, &request).expect("no policy fails");
            lacking::agrees(&told, &mut simple, policy.as_ref(), seed, &request)?;
            let account = simple.place_with_account(policy.as_ref(), seed, &request);
            accounts::agrees(&told, &account, &bare)?;
            prop_assert_eq!(scratch.check(), Vec::<String>::new());
            if let Some((score, refusal)) = reference {
                let expected = self.reference.place((policy.name(), score, refusal), seed, &request);
                prop_assert_eq!(&choice(&account), &expected);
            }
            let explanation = explained(&account);
            let filtered: u32 = explanation.filtered.iter().map(|filtered| filtered.agents).sum();
            prop_assert_eq!(Some(explanation.considered - filtered), explanation.feasible);
            let (Outcome::Placed(placed), Outcome::Placed(simply)) = (&outcome, &account) else {
                prop_assert_eq!(outcome, account);
                continue;
            };
            prop_assert_eq!((placed.agent, &placed.host_ports), (simply.agent, &simply.host_ports));
            prop_assert_eq!(&placed.gpu_slots, &simply.gpu_slots);
            prop_assert_eq!(placed.explanation.score, simply.explanation.score);
            self.check_ports(&request, placed)?;
            self.check_gpus(&request, placed)?;
            self.next_offer += 1;
            let launch = self.launch(&request, version(newest), placed);
            self.reference.apply(&launch);
            events.push(launch);
        }
        drop(scratch);
        self.view = view;
        self.tell(events, order);
        Ok(())
    }

    fn check_gpus(&self, request: &Request, placed: &Placed) -> Result<(), TestCaseError> {
        let free = self.reference.free(placed.agent).gpu_slots;
        prop_assert_eq!(placed.gpu_slots.sum(), request.gpus);
        prop_assert!(placed.gpu_slots.iter().all(|slot| free.of(slot.gpu) >= slot.share));
        let parts = placed.gpu_slots.iter().filter(|slot| slot.share < model::WHOLE_GPU).count();
        prop_assert!(parts <= 1);
        Ok(())
    }

    fn check_ports(&self, request: &Request, placed: &Placed) -> Result<(), TestCaseError> {
        let free = self.reference.free(placed.agent).ports;
        let distinct = PortRanges::from_ports(placed.host_ports.iter().copied());
        prop_assert_eq!(distinct.len() as usize, request.ports.len());
        for (wanted, port) in request.ports.iter().zip(&placed.host_ports) {
            prop_assert!(free.contains(*port));
            prop_assert!(matches!(wanted, PortWanted::Any) || *wanted == PortWanted::Fixed(*port));
        }
        Ok(())
    }

    fn launch(&self, request: &Request, version: AppVersion, placed: &Placed) -> Event {
        let name = format!("t{}", self.next_offer);
        Event::TaskLaunched { task: Box::new(launched(&name, self.next_offer, version, request, placed)) }
    }

    /// The reference knows the launches already; the view is told as a record would.
    fn tell(&mut self, launches: Vec<Event>, order: Order) {
        for launch in launches {
            let Event::TaskLaunched { task } = &launch else { continue };
            let made = offered(task.offer.0, task.agent.0, task.resources.clone());
            let close = closed(task.offer.0, OfferOutcome::Accepted);
            let told = match order {
                Order::CloseThenLaunch => vec![made, close, launch.clone()],
                Order::LaunchThenClose => vec![made, launch.clone(), close],
                Order::LaunchOnly => vec![launch.clone()],
            };
            told.iter().for_each(|event| self.view.apply(event));
        }
    }

    /// The same cluster without its history.
    fn restored(&self) -> View {
        let mut rows = Vec::new();
        for (agent, known) in &self.reference.agents {
            rows.push(registered(agent.0, known.description.clone()));
            if !known.active {
                rows.push(disconnected(agent.0));
            }
        }
        let place_of = |agent| Placed {
            agent,
            host_ports: Vec::new(),
            gpu_slots: model::GpuSlots::none(),
            explanation: no_explanation(),
        };
        for (task, held) in &self.reference.tasks {
            let mut fresh =
                launched(&task.0, 0, held.version, &request(held.app.as_str(), 0, 0), &place_of(held.agent));
            fresh.resources = held.resources.clone();
            rows.push(Event::TaskLaunched { task: Box::new(fresh) });
        }
        for (OfferId(offer), (agent, left)) in &self.reference.offers {
            rows.push(offered(*offer, agent.0, left.clone()));
        }
        rows.extend(self.reference.apps.values().cloned());
        let mut view = View::new();
        rows.iter().for_each(|event| view.apply(event));
        view
    }
}

fn no_explanation() -> model::Explanation {
    model::Explanation { policy: String::new(), score: None, considered: 0, feasible: None, filtered: Vec::new() }
}

fn choice(outcome: &Outcome) -> (Option<AgentId>, model::Explanation) {
    match outcome {
        Outcome::Placed(placed) => (Some(placed.agent), placed.explanation.clone()),
        Outcome::Nowhere(explanation) => (None, explanation.clone()),
        Outcome::Faulty(fault) => panic!("{}", fault.reason),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Also: no history overcommits an agent or gives a port twice, because `check` finds nothing after any step.
    #[test]
    fn the_scan_and_the_simple_form_agree(
        shapes in vec(shape(), 1..5),
        agents in prop_oneof![0..10_usize, 120..300_usize],
        steps in vec(step(), 1..25),
    ) {
        let mut pair = Pair::default();
        for index in 0..agents {
            pair.register(&shapes[index % shapes.len()]);
        }
        pair.compare_columns()?;
        for step in &steps {
            pair.step(step)?;
        }
    }

    #[test]
    fn decisions_do_not_depend_on_history(
        shapes in vec(shape(), 1..5),
        steps in vec(step(), 1..40),
        requests in vec((wanted(), any::<u64>(), any::<usize>()), 1..5),
    ) {
        let mut pair = Pair::default();
        for index in 0..150 {
            pair.register(&shapes[index % shapes.len()]);
        }
        for step in &steps {
            pair.step(step)?;
        }
        let restored = pair.restored();
        let (mut lived, mut fresh) = (Scratch::new(&pair.view), Scratch::new(&restored));
        for (wanted, seed, policy) in &requests {
            let mut known = policies();
            let Known { policy, .. } = known.swap_remove(*policy % known.len());
            for _ in 0..wanted.count {
                // Which of its free ports an agent gives does depend on those it gave before, so none is wanted by number.
                let request = Request { ports: any_ports(wanted.ports.len()), ..wanted.request() };
                let of_lived = lived.place(policy.as_ref(), *seed, &request);
                prop_assert_eq!(choice(&of_lived), choice(&fresh.place(policy.as_ref(), *seed, &request)));
            }
        }
    }
}

#[test]
fn task_ids_are_not_reused_by_the_generator() {
    // The reference keeps tasks by id alone, so two launches under one id would hide a difference.
    let mut pair = Pair::default();
    pair.register(&Shape { size: 3, disk: 0, gpus: 0, zone: None, hostname: 0, ports: "", has_engine: false });
    let wanted = Wanted {
        is_container: false,
        app: 0,
        version: 1,
        counted_since: 0,
        cpus: 100,
        mem: 0,
        disk: 0,
        gpus: 0,
        ports: Vec::new(),
        constraints: Vec::new(),
        count: 5,
    };
    for _ in 0..2 {
        pair.place(1, 0, std::slice::from_ref(&wanted), Order::CloseThenLaunch).expect("both forms agree");
    }
    assert_eq!(pair.reference.tasks.keys().cloned().collect::<Vec<TaskId>>().len(), 10);
}
