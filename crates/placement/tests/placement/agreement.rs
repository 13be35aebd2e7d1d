//! The real form and the simple form follow the same random cluster and must give the same answers.

use model::{
    AgentId, AppVersion, AttributeValue, Attributes, Constraint, ConstraintOperator, Event, OfferId, OfferOutcome,
    PortRanges, Resources, Scalar, TaskId,
};
use placement::{Context, Node, Outcome, Placed, Policy, PortWanted, Request, Score, Scratch, Verdict, View, by_name};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::accounts;
use crate::cluster::*;
use crate::lacking;
use crate::reference::{self, Reference, Refusal};

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

#[derive(Debug, Clone)]
enum Step {
    Register { skipped: u32, shape: Shape },
    Reconnect { agent: usize, shape: Shape },
    Disconnect { agent: usize },
    Remove { agent: usize },
    RemoveMany { every: usize },
    Place { policy: usize, seed: u64, requests: Vec<Wanted>, order: Order },
    End { tasks: Vec<usize> },
    Offer { agent: usize },
    Close { offer: usize },
    Ask { wanted: Wanted },
}

/// In which order a record tells of an acceptance.
#[derive(Debug, Clone, Copy)]
enum Order {
    CloseThenLaunch,
    LaunchThenClose,
    LaunchOnly,
}

#[derive(Debug, Clone)]
struct Shape {
    size: i64,
    disk: i64,
    gpus: i64,
    zone: Option<i64>,
    hostname: usize,
    ports: &'static str,
    has_engine: bool,
}

/// Some requests of one app, one after the other.
#[derive(Debug, Clone)]
struct Wanted {
    app: usize,
    version: u64,
    counted_since: u64,
    is_container: bool,
    cpus: i64,
    mem: i64,
    disk: i64,
    gpus: i64,
    ports: Vec<PortWanted>,
    constraints: Vec<Constraint>,
    count: usize,
}

impl Shape {
    fn describe(&self) -> model::AgentDescription {
        let all = Resources {
            cpus: Scalar(self.size * 1_000),
            mem: Scalar(self.size * 2_000_000),
            disk: Scalar(self.disk),
            gpus: Scalar(self.gpus),
            ports: self.ports.parse().expect("ranges"),
            gpu_slots: model::GpuSlots::none(),
        };
        let mut description = description(&format!("h{}", self.hostname), all);
        if self.has_engine {
            description.containerizers.push("docker".to_owned());
        }
        if let Some(zone) = self.zone {
            let attributes = [
                ("zone", AttributeValue::Text(format!("z{zone}"))),
                ("rack", AttributeValue::Scalar(Scalar::from_whole(zone))),
                ("@region", AttributeValue::Text("z1".to_owned())),
                ("@zone", AttributeValue::Text(format!("z{}", zone % 2))),
                ("@hostname", AttributeValue::Text("not its name".to_owned())),
            ];
            description.attributes =
                attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Attributes>();
        }
        description
    }
}

impl Wanted {
    fn request(&self) -> Request {
        Request {
            counted_since: version(self.counted_since),
            is_container: self.is_container,
            disk: Scalar(self.disk),
            gpus: Scalar(self.gpus),
            ports: self.ports.clone(),
            constraints: self.constraints.clone(),
            ..request(["/a", "/b", "/c/d"][self.app], self.cpus, self.mem)
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    // Disks of 3 PB, because a narrow column cannot tell how large they are.
    let disk = prop_oneof![Just(0), Just(4_000), Just(3_000_000_000_000_i64)];
    let ports = prop_oneof![Just(""), Just("31000-31004"), Just("80,31000-31001"), Just("31000-31100")];
    (
        1..4_i64,
        disk,
        prop_oneof![2 => Just(0), 1 => Just(2_000), 1 => Just(4_000), 1 => Just(1_500)],
        proptest::option::of(0..3_i64),
        0..40_usize,
        ports,
        any::<bool>(),
    )
        .prop_map(|(size, disk, gpus, zone, hostname, ports, has_engine)| Shape {
            size,
            disk,
            gpus,
            zone,
            hostname,
            ports,
            has_engine,
        })
}

fn constraints() -> impl Strategy<Value = Vec<Constraint>> {
    let field = select(vec!["hostname", "@hostname", "@region", "@zone", "zone", "rack", "floor"]);
    let one = (field, select(ConstraintOperator::ALL.to_vec())).prop_flat_map(|(field, operator)| {
        let values: &[Option<&str>] = match operator {
            ConstraintOperator::Unique => &[None],
            ConstraintOperator::Cluster => &[None, Some(""), Some("z1"), Some("2")],
            ConstraintOperator::GroupBy => &[None, None, Some(""), Some("1"), Some("2"), Some("4")],
            ConstraintOperator::Like | ConstraintOperator::Unlike => &[Some("z1"), Some("1|2|z2"), Some("h1.*|z.*")],
            ConstraintOperator::MaxPer => &[Some("1"), Some("2"), Some("5")],
            ConstraintOperator::Is => &[Some("z1"), Some("1"), Some("2.0"), Some("1.0001"), Some("h3")],
        };
        select(values.to_vec()).prop_map(move |value| constraint(field, operator, value))
    });
    prop_oneof![3 => Just(Vec::new()), 2 => vec(one, 1..3)]
}

fn gpus() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 2 => Just(1_000), 1 => Just(300), 1 => Just(700), 1 => Just(2_000), 1 => Just(1_200)]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let port =
        prop_oneof![4 => Just(PortWanted::Any), 1 => Just(PortWanted::Fixed(80)), 1 => Just(PortWanted::Fixed(31_001))];
    let cpus = prop_oneof![Just(0_i64), Just(100), Just(500), Just(1_000), Just(5_000)];
    let disk = prop_oneof![4 => Just(0), 1 => Just(1_000), 1 => Just(2_500_000_000_000_i64)];
    let amounts = (cpus, 0..3_i64, disk, gpus());
    let is_container = prop_oneof![3 => Just(false), 1 => Just(true)];
    (0..3_usize, 1..4_u64, 0..4_u64, is_container, amounts, vec(port, 0..3), constraints(), 1..6_usize).prop_map(
        |(app, version, counted_since, is_container, (cpus, mem, disk, gpus), ports, constraints, count)| Wanted {
            app,
            version: version.max(counted_since),
            counted_since,
            is_container,
            cpus,
            mem: mem * 500_000,
            disk,
            gpus,
            ports,
            constraints,
            count,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let order = prop_oneof![Just(Order::CloseThenLaunch), Just(Order::LaunchThenClose), Just(Order::LaunchOnly)];
    let seed = prop_oneof![Just(0), any::<u64>()];
    prop_oneof![
        2 => (0..4_u32, shape()).prop_map(|(skipped, shape)| Step::Register { skipped, shape }),
        2 => (any::<usize>(), shape()).prop_map(|(agent, shape)| Step::Reconnect { agent, shape }),
        1 => any::<usize>().prop_map(|agent| Step::Disconnect { agent }),
        1 => any::<usize>().prop_map(|agent| Step::Remove { agent }),
        1 => (2..4_usize).prop_map(|every| Step::RemoveMany { every }),
        8 => (any::<usize>(), seed, vec(wanted(), 1..5), order)
            .prop_map(|(policy, seed, requests, order)| Step::Place { policy, seed, requests, order }),
        3 => vec(any::<usize>(), 1..8).prop_map(|tasks| Step::End { tasks }),
        1 => any::<usize>().prop_map(|agent| Step::Offer { agent }),
        1 => any::<usize>().prop_map(|offer| Step::Close { offer }),
        2 => wanted().prop_map(|wanted| Step::Ask { wanted }),
    ]
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
