//! Profiles: who decides for whom, from which record on, and what becomes of modules that fail.

use std::sync::Arc;

use model::{AppSpec, CommandKind, Event, Module, ModuleBytes, Profile, ProfileScope};
use placement::{Assessment, Context, Fault, Node, Policy, Request, Score};
use scheduler::{MAX_MODULE_BYTES, Modules, Policies, Rejection, WORK_PER_ALLOCATION};

use crate::cluster::{Cluster, app, describe};

/// Agents a, b and c, of 4, 8 and 16 cpus.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new("best-fit");
    for (host, cpus) in [("a", 4), ("b", 8), ("c", 16)] {
        cluster.run(CommandKind::RegisterAgent { description: describe(host, cpus, 64_000) }).expect("registered");
    }
    cluster
}

fn choose(profile: &str) -> CommandKind {
    CommandKind::ChooseProfile { scope: None, profile: Some(profile.into()) }
}

fn choose_for(scope: ProfileScope, profile: Option<&str>) -> CommandKind {
    CommandKind::ChooseProfile { scope: Some(scope), profile: profile.map(Into::into) }
}

fn define(text: &str) -> CommandKind {
    let profile: Profile = serde_json::from_str(text).expect("a profile");
    CommandKind::DefineProfile { profile: Arc::new(profile) }
}

fn of_role(app: AppSpec, role: &str) -> AppSpec {
    AppSpec { role: Some(role.into()), ..app }
}

/// The host of the only task of an app, and what decided.
fn place_of(cluster: &Cluster, app: &str) -> (String, String) {
    let tasks = cluster.tasks(app);
    let [task] = &tasks[..] else { panic!("{app} has one task, not {}", tasks.len()) };
    (task.hostname.clone(), task.explanation.as_ref().expect("it says why").policy.clone())
}

fn told(host: &str, profile: &str) -> (String, String) {
    (host.to_owned(), profile.to_owned())
}

#[test]
fn the_next_record_is_decided_by_the_profile_that_was_chosen() {
    let mut cluster = cluster();
    cluster.deploy(app("one", 1));
    assert_eq!(place_of(&cluster, "/one"), told("a", "best-fit"));
    let events = cluster.run(choose("worst-fit")).expect("it exists");
    assert_eq!(events, [Event::PlacementPolicyChosen { policy: "worst-fit".into() }]);
    assert_eq!(cluster.run(choose("worst-fit")), Ok(Vec::new()), "nothing changes");
    cluster.deploy(app("two", 1));
    assert_eq!(place_of(&cluster, "/two"), told("c", "worst-fit"));
    assert_eq!(place_of(&cluster, "/one"), told("a", "best-fit"), "what runs stays");
    let back = CommandKind::ChooseProfile { scope: None, profile: None };
    assert_eq!(cluster.run(back), Ok(vec![Event::PlacementPolicyChosen { policy: "best-fit".into() }]));
}

#[test]
fn an_app_has_its_own_profile_or_its_roles_or_the_clusters() {
    let mut cluster = cluster();
    cluster.run(define(r#"{"name":"wide","terms":[{"policy":"spread"}]}"#)).expect("defined");
    cluster.run(choose_for(ProfileScope::Role("batch".into()), Some("wide"))).expect("chosen");
    cluster.deploy(of_role(app("batch", 1), "batch"));
    cluster.deploy(app("other", 1));
    assert_eq!(place_of(&cluster, "/batch"), told("c", "wide"));
    assert_eq!(place_of(&cluster, "/other"), told("a", "best-fit"));
    let id = app("batch", 1).id;
    cluster.run(choose_for(ProfileScope::App(id.clone()), Some("first-fit"))).expect("chosen");
    cluster.run(CommandKind::ScaleApp { app: id.clone(), instances: 0, force: true }).expect("scaled");
    cluster.obey();
    cluster.run(CommandKind::ScaleApp { app: id.clone(), instances: 1, force: true }).expect("scaled");
    cluster.obey();
    assert_eq!(place_of(&cluster, "/batch"), told("a", "first-fit"));
    // The choice goes with the app.
    cluster.run(CommandKind::DestroyApp { app: id.clone(), force: true }).expect("destroyed");
    assert!(cluster.world.state.header.profiles.apps.is_empty());
    let gone = cluster.run(choose_for(ProfileScope::App(id.clone()), Some("first-fit")));
    assert_eq!(gone, Err(Rejection::UnknownApp(id)));
    cluster.run(choose_for(ProfileScope::Role("batch".into()), None)).expect("taken back");
    assert!(cluster.world.state.header.profiles.is_empty());
}

#[test]
fn what_cannot_be_chosen_defined_or_removed_is_refused_with_its_reason() {
    let mut cluster = cluster();
    let refused = |cluster: &mut Cluster, kind| cluster.run(kind).expect_err("refused").to_string();
    let unknown = refused(&mut cluster, choose("bestfit"));
    assert!(unknown.starts_with("no placement policy, profile or module is named 'bestfit'; there are: best-fit, "));
    assert!(unknown.ends_with("random-of-2"), "{unknown}");
    cluster.run(define(r#"{"name":"mine","terms":[{"policy":"fgd"},{"policy":"spread"}]}"#)).expect("defined");
    assert_eq!(cluster.run(define(r#"{"name":"mine","terms":[{"policy":"fgd"},{"policy":"spread"}]}"#)), Ok(vec![]));
    assert_eq!(
        refused(&mut cluster, define(r#"{"name":"mine","terms":[{"policy":"mine"}]}"#)).split(':').next(),
        Some("profile 'mine'")
    );
    cluster.run(choose("mine")).expect("chosen");
    cluster.run(CommandKind::ChooseShadow { profile: Some("mine".into()) }).expect("chosen");
    assert_eq!(
        refused(&mut cluster, CommandKind::RemoveProfile { profile: "mine".into() }),
        "'mine' is in use by the cluster, the shadow: choose another profile there first"
    );
    assert_eq!(
        refused(&mut cluster, CommandKind::RemoveProfile { profile: "fgd".into() }),
        "profile 'fgd': name is no profile that somebody defined, so it stays"
    );
    cluster.run(choose("spread")).expect("chosen");
    cluster.run(CommandKind::ChooseShadow { profile: None }).expect("taken back");
    cluster.run(CommandKind::RemoveProfile { profile: "mine".into() }).expect("nobody uses it");
    assert!(cluster.world.state.profiles.is_empty());
    assert_eq!(
        refused(&mut cluster, choose_for(ProfileScope::Role("a b".into()), Some("fgd"))),
        "role 'a b' must not hold spaces, slashes or stars"
    );
}

#[test]
fn a_master_may_bring_its_profile_along() {
    let mut cluster = cluster();
    let profile: Profile =
        serde_json::from_str(r#"{"name":"wide","terms":[{"policy":"spread"},{"policy":"fgd"}]}"#).expect("a profile");
    let start = |profile, name: &str| CommandKind::StartEpoch {
        cluster: model::ClusterId::new("test"),
        leader: "m2".to_owned(),
        addresses: None,
        placement_policy: Some(name.to_owned()),
        profile,
    };
    cluster.run(start(Some(Arc::new(profile)), "wide")).expect("an epoch starts");
    assert_eq!(cluster.world.state.header.placement_policy, "wide");
    cluster.deploy(app("one", 1));
    assert_eq!(place_of(&cluster, "/one").1, "wide");
    cluster.run(start(None, "wide")).expect("the log knows what it means");
    assert!(matches!(cluster.run(start(None, "narrow")), Err(Rejection::UnknownPolicy { .. })));
}

/// Prefers the last agent, until it is asked about an app whose name has `bad` in it. `heavy` apps are much work, and so are
/// those that want to be `among-5`, which are refused by fewer agents.
struct LastUnlessBad(Arc<str>);

impl Policy for LastUnlessBad {
    fn name(&self) -> &str {
        &self.0
    }

    fn score(&self, _: &Context<'_>, _: &Request, _: Node<'_>) -> Score {
        unreachable!("it is asked about all at once")
    }

    fn is_asked_at_once(&self) -> bool {
        true
    }

    fn assess(
        &self,
        cx: &Context<'_>,
        request: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        if request.app.as_str().contains("bad") {
            return Err(Fault("it ran out of fuel".to_owned()));
        }
        if request.app.as_str().contains("heavy") {
            cx.spend(WORK_PER_ALLOCATION / 10);
        }
        if let Some((_, agents)) = request.app.as_str().split_once("among-") {
            cx.spend(WORK_PER_ALLOCATION / 3);
            if nodes.len() < agents[..1].parse().expect("a digit") {
                assessments.extend(nodes.iter().map(|_| Assessment::Refused("too few")));
                return Ok(());
            }
        }
        assessments.extend(nodes.iter().map(|node| Assessment::Scored(Score(node.agent().0))));
        Ok(())
    }
}

struct OneModule;

impl Modules for OneModule {
    fn policy(&self, module: &Module) -> Result<Arc<dyn Policy>, String> {
        match module.bytes.0.first() {
            Some(1) => Ok(Arc::new(LastUnlessBad(Arc::clone(&module.name)))),
            _ => Err("it is no module".to_owned()),
        }
    }
}

fn add(name: &str, bytes: Vec<u8>) -> CommandKind {
    CommandKind::AddModule { name: name.into(), bytes: ModuleBytes(bytes.into()) }
}

#[test]
fn a_module_that_fails_is_disabled_in_the_record_and_the_default_decides() {
    let mut cluster = cluster();
    cluster.policies = Policies::with(Arc::new(OneModule));
    cluster.run(add("last", vec![1])).expect("added");
    cluster.run(define(r#"{"name":"mine","terms":[{"policy":"last","weight":9},{"policy":"fgd"}]}"#)).expect("defined");
    cluster.run(choose_for(ProfileScope::Role("mine".into()), Some("mine"))).expect("chosen");
    cluster.deploy(of_role(app("good", 1), "mine"));
    assert_eq!(place_of(&cluster, "/good"), told("c", "mine"));
    cluster.deploy(of_role(app("bad", 3), "mine"));
    let decided = |task: &model::Task| task.explanation.as_ref().map(|explanation| explanation.policy.clone());
    let by: Vec<_> = cluster.tasks("/bad").iter().filter_map(decided).collect();
    assert_eq!(by, ["best-fit", "best-fit", "best-fit"]);
    let module = cluster.world.state.modules.get("last").expect("it is kept");
    assert_eq!(module.disabled.as_deref(), Some("it ran out of fuel"));
    let disabled = cluster.log.iter().flat_map(|sealed| &sealed.record.events);
    assert_eq!(disabled.filter(|event| matches!(event, Event::ModuleDisabled { .. })).count(), 1);
    // It decides nothing any more, good or bad.
    cluster.deploy(of_role(app("good-again", 1), "mine"));
    assert_eq!(place_of(&cluster, "/good-again").1, "best-fit");
    let why = cluster.run(choose("mine")).expect_err("refused").to_string();
    assert_eq!(why, "'mine' cannot decide: module 'last' is disabled: it ran out of fuel");
    // Who adds it again says that it shall.
    cluster.run(add("last", vec![1])).expect("added again");
    cluster.deploy(of_role(app("good-at-last", 1), "mine"));
    assert_eq!(place_of(&cluster, "/good-at-last").1, "mine");
}

#[test]
fn a_profile_that_decides_is_not_made_into_one_that_cannot() {
    let of_last = r#"{"name":"mine","terms":[{"policy":"spread"},{"policy":"last"}]}"#;
    let of_spread = r#"{"name":"mine","terms":[{"policy":"spread"}]}"#;
    let weighed = r#"{"name":"mine","terms":[{"policy":"last","weight":2},{"policy":"spread"}]}"#;
    let refused = |place: usize, users: &str| {
        Err(format!(
            "profile 'mine': terms[{place}].policy 'last' is a disabled module (it ran out of fuel), and the profile is in use \
             by {users}: add the module again, leave it out, or choose another profile there first"
        ))
    };
    let role = || Some(ProfileScope::Role("batch".into()));
    let shadow = CommandKind::ChooseShadow { profile: Some("mine".into()) };
    // Who uses it while the module is disabled, what it was, what it is to become, and how many events that is.
    let cases = [
        (None, of_spread, of_last, Ok(1)),
        (Some(choose("mine")), of_spread, of_last, refused(1, "the cluster")),
        (Some(choose_for(role().expect("a role"), Some("mine"))), of_spread, weighed, refused(0, "role batch")),
        (Some(shadow), of_spread, of_last, refused(1, "the shadow")),
        (Some(choose("mine")), of_last, weighed, refused(0, "the cluster")),
        (Some(choose("mine")), of_last, of_last, Ok(0)),
        (Some(choose("mine")), of_last, of_spread, Ok(1)),
    ];
    for (number, (user, before, after, expected)) in cases.into_iter().enumerate() {
        let mut cluster = cluster();
        cluster.policies = Policies::with(Arc::new(OneModule));
        cluster.run(add("last", vec![1])).expect("added");
        cluster.run(define(before)).expect("defined");
        if let Some(user) = user {
            cluster.run(user).expect("chosen");
        }
        cluster.run(define(r#"{"name":"other","terms":[{"policy":"last"}]}"#)).expect("defined");
        cluster.deploy(app("bad", 0));
        cluster.run(choose_for(ProfileScope::App(app("bad", 0).id), Some("other"))).expect("chosen");
        cluster.deploy(app("bad", 1));
        assert!(
            cluster.world.state.modules.get("last").is_some_and(|module| module.disabled.is_some()),
            "case {number}"
        );
        let told = cluster.run(define(after)).map(|events| events.len()).map_err(|rejection| rejection.to_string());
        assert_eq!(told, expected, "case {number}");
        cluster.run(add("last", vec![1])).expect("added again");
        cluster.run(define(after)).expect("it can decide by now");
    }
}

/// Whatever became of its modules, somebody has to lead.
#[test]
fn a_master_begins_to_lead_with_a_profile_whose_module_is_disabled() {
    let mut cluster = cluster();
    cluster.policies = Policies::with(Arc::new(OneModule));
    cluster.run(add("last", vec![1])).expect("added");
    cluster.run(define(r#"{"name":"mine","terms":[{"policy":"last"}]}"#)).expect("defined");
    cluster.run(choose("mine")).expect("chosen");
    cluster.deploy(app("bad", 1));
    let profile: Profile =
        serde_json::from_str(r#"{"name":"mine","terms":[{"policy":"last"},{"policy":"fgd"}]}"#).expect("a profile");
    let start = CommandKind::StartEpoch {
        cluster: model::ClusterId::new("test"),
        leader: "m2".to_owned(),
        addresses: None,
        placement_policy: Some("mine".to_owned()),
        profile: Some(Arc::new(profile)),
    };
    cluster.run(start).expect("an epoch starts");
    cluster.deploy(app("good", 1));
    assert_eq!(place_of(&cluster, "/good").1, "best-fit");
}

fn launched(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::TaskLaunched { .. })).count()
}

#[test]
fn one_allocation_does_so_much_work_for_modules_and_the_next_goes_on() {
    let mut cluster = cluster();
    cluster.policies = Policies::with(Arc::new(OneModule));
    cluster.run(add("last", vec![1])).expect("added");
    cluster.run(choose("last")).expect("chosen");
    let apps = vec![Arc::new(app("light", 25)), Arc::new(app("heavy", 25))];
    cluster.run(CommandKind::PutApps { apps, force: false }).expect("accepted");
    let mut next = || {
        let events = cluster.run(CommandKind::Allocate).expect("never refused");
        (launched(&events), cluster.is_unfinished)
    };
    // A heavy one takes a tenth of what an allocation may do.
    assert_eq!([next(), next()], [(10, true), (10, true)]);
    assert_eq!([next(), next()], [(5 + 25, false), (0, false)]);
}

/// Three agents, and ten apps that want a choice of five. To ask for each takes a third of what an allocation may do.
fn cluster_of_the_picky() -> (Cluster, Vec<String>) {
    let mut cluster = cluster();
    cluster.policies = Policies::with(Arc::new(OneModule));
    cluster.run(add("last", vec![1])).expect("added");
    cluster.run(choose("last")).expect("chosen");
    let names: Vec<String> = (0..10).map(|number| format!("among-5-{number}")).collect();
    let apps = names.iter().map(|name| Arc::new(app(name, 1))).collect();
    cluster.run(CommandKind::PutApps { apps, force: false }).expect("accepted");
    cluster.allocate();
    (cluster, names)
}

#[test]
fn apps_that_find_nothing_keep_no_other_from_its_turn() {
    let (mut cluster, names) = cluster_of_the_picky();
    assert!(names.iter().all(|name| cluster.app(name).waiting.is_some()), "each was asked for once");
    assert!(cluster.is_unfinished, "there is more to ask");
    cluster.deploy(app("zero", 1));
    assert_eq!(place_of(&cluster, "/zero"), told("c", "last"), "it is the last by its id, and was asked for first");
    cluster.add_agent("d", 32, 64_000);
    cluster.add_agent("e", 32, 64_000);
    cluster.allocate();
    assert!(names.iter().all(|name| cluster.tasks(name).len() == 1) && !cluster.is_unfinished);
}

#[test]
fn apps_that_find_nothing_take_turns() {
    let (mut cluster, names) = cluster_of_the_picky();
    cluster.deploy(app("z-among-4", 1));
    assert!(cluster.app("z-among-4").waiting.is_some());
    cluster.add_agent("d", 32, 64_000);
    let mut allocations = 0;
    while cluster.tasks("z-among-4").is_empty() {
        allocations += 1;
        assert!(allocations < 200, "ten others come before it by their ids, and it never has its turn");
        cluster.run(CommandKind::Allocate).expect("never refused");
    }
    assert!(names.iter().all(|name| cluster.tasks(name).is_empty()));
}

#[test]
fn a_module_has_a_name_of_its_own_and_stays_while_it_is_used() {
    let mut cluster = cluster();
    let refused = |cluster: &mut Cluster, kind| cluster.run(kind).expect_err("refused").to_string();
    assert_eq!(refused(&mut cluster, add("last", vec![1])), "module 'last': this program runs no modules");
    cluster.policies = Policies::with(Arc::new(OneModule));
    assert_eq!(refused(&mut cluster, add("last", vec![2])), "module 'last': it is no module");
    assert!(refused(&mut cluster, add("fgd", vec![1])).contains("its name belongs to something else"));
    assert!(refused(&mut cluster, add("a b", vec![1])).contains("its name must be of a-z"));
    let large = refused(&mut cluster, add("last", vec![1; MAX_MODULE_BYTES + 1]));
    assert!(large.contains("it has 262145 bytes, but may have 262144"), "{large}");
    cluster.run(add("last", vec![1])).expect("added");
    assert_eq!(cluster.run(add("last", vec![1])), Ok(Vec::new()), "it is there");
    cluster.run(add("last", vec![1, 2])).expect("nobody uses the old one");
    cluster.run(choose("last")).expect("a module is a profile, too");
    cluster.deploy(app("one", 1));
    assert_eq!(place_of(&cluster, "/one"), told("c", "last"));
    let in_use = "'last' is in use by the cluster: choose another profile there first";
    assert_eq!(refused(&mut cluster, add("last", vec![1, 3])), in_use);
    assert_eq!(refused(&mut cluster, CommandKind::RemoveModule { module: "last".into() }), in_use);
    cluster.run(choose("spread")).expect("chosen");
    cluster.run(CommandKind::RemoveModule { module: "last".into() }).expect("nobody uses it");
    assert_eq!(refused(&mut cluster, CommandKind::RemoveModule { module: "last".into() }), "no module is named 'last'");
}
