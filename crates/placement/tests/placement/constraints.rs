//! What each operator of a constraint means, in examples.

use model::ConstraintOperator::{Cluster, GroupBy, Is, Like, MaxPer, Unique, Unlike};
use model::{AttributeValue, Attributes, Constraint, ConstraintOperator, Event, Scalar};
use placement::{ConstraintError, Request, View, validate_constraint};

use crate::cluster::*;

/// Agents with 4 cpus each, S0, S1, …, with these attributes.
fn agents_with(attributes: impl IntoIterator<Item = Attributes>) -> Vec<Event> {
    let attributes: Vec<Attributes> = attributes.into_iter().collect();
    let mut events = equal_agents(attributes.len() as u32);
    for (event, attributes) in events.iter_mut().zip(attributes) {
        let Event::AgentRegistered { description, .. } = event else { panic!("agents only") };
        description.attributes = attributes;
    }
    events
}

/// Agents on these racks; an empty name is none.
fn on_racks(racks: &[&str]) -> View {
    let of = |rack: &&str| if rack.is_empty() { Attributes::new() } else { attributes(&[("rack", rack)]) };
    view(agents_with(racks.iter().map(of)))
}

fn small() -> Request {
    request("web", 100, 100_000)
}

/// Where so many instances land, in the order of agents, and what is said of the first that landed nowhere.
fn land(view: &View, policy: &str, constraints: &[Constraint], count: usize) -> (Vec<u32>, Option<String>) {
    let (agents, nowhere) = place_many(view, policy, &with(&small(), constraints), count);
    (sorted(agents), nowhere.map(|explanation| explanation.to_string()))
}

fn rack(operator: ConstraintOperator, value: Option<&str>) -> [Constraint; 1] {
    [constraint("rack", operator, value)]
}

#[test]
fn cluster_and_like_look_at_attributes_and_agents_without_them_fail() {
    let mut events = equal_agents(5);
    for (agent, zone) in [(0, Some("b-1")), (1, Some("a-1")), (2, Some("a-2")), (3, Some("a-1")), (4, None)] {
        let Event::AgentRegistered { description, .. } = &mut events[agent] else { panic!("agents only") };
        description.attributes = zone.map(|zone| attributes(&[("zone", zone)])).unwrap_or_default();
    }
    let view = view(events);
    let place = |constraints: &[Constraint], count| {
        let request = with(&request("web", 100, 100_000), constraints);
        let (agents, nowhere) = place_many(&view, "spread", &request, count);
        (sorted(agents), nowhere.map(|explanation| explanation.to_string()))
    };
    assert_eq!(place(&[constraint("zone", Cluster, Some("a-1"))], 4), (vec![1, 1, 3, 3], None));
    assert_eq!(place(&[constraint("zone", Like, Some("a-[12]"))], 3), (vec![1, 2, 3], None));
    assert!(place(&[constraint("zone", Like, Some("a|b"))], 1).0.is_empty());
    assert_eq!(place(&[constraint("zone", Unique, None)], 9).0.len(), 3);
    // Seed 0 puts the first one into zone b-1, and all others must follow.
    assert_eq!(place(&[constraint("zone", Cluster, None)], 3), (vec![0, 0, 0], None));
    let none_fits = "0 of 5 agents feasible: 5 UnfulfilledConstraint (rack:LIKE:.*)";
    assert_eq!(place(&[constraint("rack", Like, Some(".*"))], 1), (vec![], Some(none_fits.into())));
    let two = [constraint("zone", Like, Some("a.*")), constraint("hostname", Unique, None)];
    let expected = "0 of 5 agents feasible: 2 UnfulfilledConstraint (zone:LIKE:a.*), \
                    3 UnfulfilledConstraint (hostname:UNIQUE)";
    assert_eq!(place(&two, 4), (vec![1, 2, 3], Some(expected.into())));
}

#[test]
fn unlike_takes_what_like_leaves_and_agents_without_the_field() {
    let view = on_racks(&["r1", "r2", "r10", ""]);
    for pattern in ["r1", "r[12]", "r1.*", ".*"] {
        let like = land(&view, "spread", &[constraint("rack", Like, Some(pattern)), one_per_host()], 9).0;
        let unlike = land(&view, "spread", &[constraint("rack", Unlike, Some(pattern)), one_per_host()], 9).0;
        assert_eq!(sorted([like.clone(), unlike.clone()].concat()), [0, 1, 2, 3], "{pattern}: {like:?} {unlike:?}");
        assert!(unlike.contains(&3), "{pattern}");
    }
    let nobody_has_it = [constraint("floor", Unlike, Some(".*")), one_per_host()];
    assert_eq!(land(&view, "spread", &nobody_has_it, 9).0, [0, 1, 2, 3]);
}

fn one_per_host() -> Constraint {
    constraint("hostname", Unique, None)
}

#[test]
fn max_per_limits_every_value_and_agents_without_the_field_fail() {
    let view = on_racks(&["r1", "r1", "r2", ""]);
    let (agents, nowhere) = land(&view, "best-fit", &rack(MaxPer, Some("2")), 9);
    assert_eq!(agents.iter().filter(|agent| **agent == 2).count(), 2);
    assert_eq!(agents.len(), 4, "two on r1 and two on r2: {agents:?}");
    let expected = "0 of 4 agents feasible: 4 UnfulfilledConstraint (rack:MAX_PER:2)";
    assert_eq!(nowhere.as_deref(), Some(expected));
}

#[test]
fn max_per_counts_what_runs_until_it_ends() {
    let mut view = on_racks(&["r1", "r2"]);
    let limited = with(&small(), &rack(MaxPer, Some("2")));
    for (task, agent) in [("a", 0), ("b", 0), ("c", 1)] {
        let there = with(&small(), &[constraint("hostname", Is, Some(&format!("h{agent}")))]);
        let placement::Outcome::Placed(placed) = placement::place(&view, policy("spread").as_ref(), 0, &there) else {
            panic!("an empty agent is full")
        };
        let task = launched(task, 0, version(1), &limited, &placed);
        view.apply(&Event::TaskLaunched { task: Box::new(task) });
    }
    assert_eq!(place_many(&view, "spread", &limited, 9).0, [1]);
    view.apply(&ended("a", 0));
    assert_eq!(sorted(place_many(&view, "spread", &limited, 9).0), [0, 1]);
    // Of a newer version, none is there yet.
    assert_eq!(place_many(&view, "spread", &limited.counting_since(version(2)), 9).0.len(), 4);
}

/// How many of these agents are on each of three racks, which are given by agent.
fn per_rack(agents: &[u32], rack_of: &[usize]) -> [usize; 3] {
    let mut counts = [0; 3];
    agents.iter().for_each(|agent| counts[rack_of[*agent as usize]] += 1);
    counts
}

#[test]
fn group_by_spreads_over_what_is_seen_whatever_the_policy_would_like() {
    let view = on_racks(&["r1", "r1", "r2", "r3", ""]);
    for (name, _) in placement::POLICIES {
        let (agents, nowhere) = place_many(&view, name, &with(&small(), &rack(GroupBy, None)), 12);
        assert_eq!(nowhere, None, "{name}");
        for placed in 1..=agents.len() {
            let counts = per_rack(&agents[..placed], &[0, 0, 1, 2]);
            let (most, fewest) = (counts.iter().max(), counts.iter().min());
            assert!(most <= fewest.map(|fewest| fewest + 1).as_ref(), "{name}: {agents:?}");
        }
    }
}

#[test]
fn group_by_without_a_number_leaves_out_what_cannot_be_had() {
    let rack_of = [0, 1, 2];
    let spread = with(&small(), &rack(GroupBy, None));
    let fills_r3 = |view: &mut View| {
        let all = with(&request("other", 4_000, 100_000), &rack(Is, Some("r3")));
        let placement::Outcome::Placed(placed) = placement::place(view, policy("spread").as_ref(), 0, &all) else {
            panic!("r3 is full already")
        };
        view.apply(&Event::TaskLaunched { task: Box::new(launched("big", 0, version(1), &all, &placed)) });
    };
    // No room there: the other two go on, evenly.
    let mut view = on_racks(&["r1", "r2", "r3"]);
    fills_r3(&mut view);
    assert_eq!(per_rack(&place_many(&view, "best-fit", &spread, 6).0, &rack_of), [3, 3, 0]);
    // With a number they wait for the third.
    let three = with(&small(), &rack(GroupBy, Some("3")));
    let (agents, nowhere) = place_many(&view, "best-fit", &three, 6);
    assert_eq!(per_rack(&agents, &rack_of), [1, 1, 0]);
    let expected = "0 of 3 agents feasible: 2 UnfulfilledConstraint (rack:GROUP_BY:3), 1 InsufficientCpus";
    assert_eq!(nowhere.map(|explanation| explanation.to_string()).as_deref(), Some(expected));
    // When there is room again, r3 gets what comes next until it has caught up.
    view.apply(&ended("big", 2));
    for (task, agent) in [("a", 0), ("b", 0), ("c", 1), ("d", 1)] {
        let host = with(&small(), &[constraint("@hostname", Is, Some(&format!("h{agent}")))]);
        let placement::Outcome::Placed(placed) = placement::place(&view, policy("spread").as_ref(), 0, &host) else {
            panic!("nothing is full")
        };
        view.apply(&Event::TaskLaunched { task: Box::new(launched(task, 0, version(1), &spread, &placed)) });
    }
    assert_eq!(place_many(&view, "best-fit", &spread, 2).0, [2, 2]);
    assert_eq!(per_rack(&place_many(&view, "best-fit", &spread, 5).0, &rack_of), [1, 1, 3]);
    // An agent that is away is not seen.
    view.apply(&disconnected(2));
    assert_eq!(per_rack(&place_many(&view, "best-fit", &spread, 4).0, &rack_of), [2, 2, 0]);
}

#[test]
fn group_by_with_a_number_waits_for_so_many_values_and_takes_more() {
    let three = with(&small(), &rack(GroupBy, Some("3")));
    let mut events = agents_with(["r1", "r2", "r3", "r4"].map(|rack| attributes(&[("rack", rack)])));
    let fourth = events.split_off(3);
    let third = events.split_off(2);
    let mut view = view(events);
    assert_eq!(
        sorted(place_many(&view, "spread", &three, 9).0),
        [0, 1],
        "one on each, and then a third rack is missing"
    );
    third.iter().for_each(|event| view.apply(event));
    assert_eq!(sorted(place_many(&view, "spread", &three, 6).0), [0, 0, 1, 1, 2, 2]);
    fourth.iter().for_each(|event| view.apply(event));
    assert_eq!(
        sorted(place_many(&view, "spread", &three, 8).0),
        [0, 0, 1, 1, 2, 2, 3, 3],
        "at least three may be four"
    );
}

#[test]
fn group_by_and_other_constraints_spread_over_what_the_others_leave() {
    let at = |region: &str, zone: &str| attributes(&[("@region", region), ("@zone", zone)]);
    let view =
        view(agents_with([at("eu", "eu-a"), at("us", "us-a"), at("us", "us-b"), at("us", "us-b"), at("ap", "ap-a")]));
    let both = [constraint("@region", Is, Some("us")), constraint("@zone", GroupBy, None)];
    for (name, _) in placement::POLICIES {
        let (agents, nowhere) = land(&view, name, &both, 6);
        assert_eq!(nowhere, None, "{name}");
        assert_eq!(agents.iter().filter(|agent| **agent == 1).count(), 3, "{name}: {agents:?}");
        assert!(agents.iter().all(|agent| (1..=3).contains(agent)), "{name}: {agents:?}");
    }
    let hosts = [constraint("@region", Like, Some("us|eu")), constraint("hostname", GroupBy, None)];
    assert_eq!(land(&view, "best-fit", &hosts, 8).0, [0, 0, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn is_compares_texts_as_they_are_and_numbers_as_numbers() {
    let level = |value| Attributes::from([("level".to_owned(), value)]);
    let number = |thousandths| level(AttributeValue::Scalar(Scalar(thousandths)));
    let text = |text: &str| level(AttributeValue::Text(text.to_owned()));
    let view =
        view(agents_with([number(1_000), number(800), text("1.0"), text("a-1"), text("A-1"), Attributes::new()]));
    for (value, expected) in [
        ("1", &[0][..]),
        ("01.00", &[0]),
        ("1.0004", &[0]),
        ("1.0", &[0, 2]),
        ("1.001", &[]),
        ("0.8", &[1]),
        ("0.80", &[1]),
        ("0.8001", &[1]),
        ("a-1", &[3]),
        ("a-", &[]),
    ] {
        let both = [constraint("level", Is, Some(value)), one_per_host()];
        assert_eq!(land(&view, "spread", &both, 9).0, expected, "{value}");
    }
}

/// As Marathon has it: numbers are told without needless zeros, and other operators than `IS` compare that text.
#[test]
fn all_other_operators_compare_texts() {
    let level = |thousandths| Attributes::from([("level".to_owned(), AttributeValue::Scalar(Scalar(thousandths)))]);
    let view = view(agents_with([level(1_000), level(1_500)]));
    let one =
        |operator, value| land(&view, "spread", &[constraint("level", operator, Some(value)), one_per_host()], 9).0;
    assert_eq!(one(Cluster, "1"), [0]);
    assert_eq!(one(Cluster, "1.0"), [] as [u32; 0]);
    assert_eq!(one(Like, r"1(\.5)?"), [0, 1]);
    assert_eq!(one(Unlike, "1"), [1]);
}

#[test]
fn the_hostname_has_two_names_and_no_attribute_takes_its_place() {
    let liar = attributes(&[("hostname", "h9"), ("@hostname", "h9"), ("@region", "eu"), ("@zone", "eu-a")]);
    let view = view(agents_with([liar, Attributes::new()]));
    for field in ["hostname", "@hostname"] {
        assert_eq!(land(&view, "spread", &[constraint(field, Is, Some("h0"))], 1).0, [0]);
        assert!(land(&view, "spread", &[constraint(field, Like, Some("h9"))], 1).0.is_empty());
        assert_eq!(land(&view, "spread", &[constraint(field, Unique, None)], 9).0, [0, 1]);
    }
    assert_eq!(land(&view, "spread", &[constraint("@region", Is, Some("eu"))], 1).0, [0]);
    assert_eq!(land(&view, "spread", &[constraint("@zone", Like, Some("eu-.*"))], 1).0, [0]);
    // Without a constraint on it, a region rules nothing out.
    assert_eq!(land(&view, "spread", &[one_per_host()], 9).0, [0, 1]);
}

#[test]
fn constraints_that_can_be_used_are_accepted() {
    for (field, operator, value) in [
        ("hostname", Unique, None),
        ("@hostname", Unique, Some("")),
        ("@region", Cluster, None),
        ("zone", Cluster, Some("a")),
        ("@zone", GroupBy, None),
        ("rack", GroupBy, Some("")),
        ("rack", GroupBy, Some("3")),
        ("zone", Like, Some("a-[0-9]+")),
        ("zone", Unlike, Some(r"\w-\d+")),
        ("zone", MaxPer, Some("2147483647")),
        ("zone", MaxPer, Some("+1")),
        ("level", Is, Some("0.8")),
        ("rack", Is, Some("rack_7/b-2.x")),
    ] {
        let constraint = constraint(field, operator, value);
        assert_eq!(validate_constraint(&constraint), Ok(()), "{constraint}");
    }
}

#[test]
fn constraints_that_cannot_be_used_are_refused_with_the_reason_and_the_way_out() {
    let refused = |field, operator, value| match validate_constraint(&constraint(field, operator, value)) {
        Ok(()) => panic!("{field} {operator:?} {value:?} is accepted"),
        Err(error) => error.to_string(),
    };
    let cases = [
        (
            (" ", Cluster, None),
            "field must be 'hostname', '@region', '@zone' or the name of an attribute, and not empty",
        ),
        (
            ("@rack", Unique, None),
            "'@rack' is none of @hostname, @region and @zone, and the names of attributes do not begin with '@'",
        ),
        (
            ("zone", Unique, Some("a")),
            "UNIQUE takes no value, but has 'a': leave it out, or use CLUSTER or IS for one certain value",
        ),
        (("zone", Like, Some("")), "LIKE needs a value, the regular expression that all of the field must match"),
        (("zone", Unlike, None), "UNLIKE needs a value, the regular expression that all of the field must not match"),
        (
            ("zone", MaxPer, None),
            "MAX_PER needs a value, how many instances may share a value of the field, such as '2'",
        ),
        (("zone", Is, Some("")), "IS needs a value, the text or the number that the field must be"),
        (("zone", Like, Some("a(")), "'a(' is not a regular expression: unclosed group"),
        (
            ("zone", MaxPer, Some("x")),
            "MAX_PER needs a whole number from 1 to 2147483647, not 'x': how many instances may share a value of the field, such as '2'",
        ),
        (
            ("zone", GroupBy, Some("-1")),
            "GROUP_BY needs a whole number from 1 to 2147483647, not '-1': how many values the field has at least, or no value when nobody knows",
        ),
        (
            ("zone", Is, Some("{a,b}")),
            "IS needs a text of letters, digits, '_', '-', '.' and '/', not '{a,b}': use CLUSTER for any other text",
        ),
    ];
    for ((field, operator, value), expected) in cases {
        assert_eq!(refused(field, operator, value), expected);
    }
    for pattern in ["a(", "a)(b", "(?x) a # b", "[", "(a{999}){999}"] {
        for operator in [Like, Unlike] {
            let error = validate_constraint(&constraint("zone", operator, Some(pattern)));
            assert!(matches!(error, Err(ConstraintError::BadPattern { .. })), "{pattern}: {error:?}");
        }
    }
    for operator in [MaxPer, GroupBy] {
        for value in ["0", "-1", "1.5", "2147483648", "inf", " 1", "three"] {
            let error = validate_constraint(&constraint("zone", operator, Some(value)));
            assert!(matches!(error, Err(ConstraintError::BadCount { .. })), "{value}: {error:?}");
        }
    }
}
