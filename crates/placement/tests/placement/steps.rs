//! What may happen to a cluster, at random: agents come and go, instances are placed and end, offers are made.

use model::{AttributeValue, Attributes, Constraint, ConstraintOperator, Resources, Scalar};
use placement::{PortWanted, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cluster::*;

#[derive(Debug, Clone)]
pub(crate) enum Step {
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
pub(crate) enum Order {
    CloseThenLaunch,
    LaunchThenClose,
    LaunchOnly,
}

#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) size: i64,
    pub(crate) disk: i64,
    pub(crate) gpus: i64,
    pub(crate) zone: Option<i64>,
    pub(crate) hostname: usize,
    pub(crate) ports: &'static str,
    pub(crate) has_engine: bool,
}

/// Some requests of one app, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) app: usize,
    pub(crate) version: u64,
    pub(crate) counted_since: u64,
    pub(crate) is_container: bool,
    pub(crate) cpus: i64,
    pub(crate) mem: i64,
    pub(crate) disk: i64,
    pub(crate) gpus: i64,
    pub(crate) ports: Vec<PortWanted>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) count: usize,
}

impl Shape {
    pub(crate) fn describe(&self) -> model::AgentDescription {
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
    pub(crate) fn request(&self) -> Request {
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

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
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

pub(crate) fn constraints() -> impl Strategy<Value = Vec<Constraint>> {
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

pub(crate) fn gpus() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 2 => Just(1_000), 1 => Just(300), 1 => Just(700), 1 => Just(2_000), 1 => Just(1_200)]
}

pub(crate) fn wanted() -> impl Strategy<Value = Wanted> {
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

pub(crate) fn step() -> impl Strategy<Value = Step> {
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
