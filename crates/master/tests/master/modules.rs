//! Modules beside the loop: nobody waits while one is compiled, and a shadow that breaks harms nobody.

use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use master::{Config, Handle, Policies, Role, Running};
use model::{CommandKind, Hash, Module, ModuleBytes, Principal};
use placement::{Assessment, Context, Fault, Node, Policy, Request, Score};
use protocol::agent::{AgentEvent, Subscribe};
use scheduler::Modules;
use tokio::sync::mpsc::Receiver;

use crate::support::{DEADLINE, Log, config_of, create, description, id, log, until, until_role};

/// Takes its time, and keeps account of where: a module that is compiled in two threads at the same time is there twice.
#[derive(Default)]
struct Compiler {
    begun: Mutex<Vec<(Hash, ThreadId)>>,
    done: Mutex<Vec<Hash>>,
}

impl Compiler {
    fn compiled(&self) -> usize {
        self.done.lock().expect("nobody panics with it").len()
    }

    fn threads(&self) -> Vec<ThreadId> {
        self.begun.lock().expect("nobody panics with it").iter().map(|(_, thread)| *thread).collect()
    }
}

impl Modules for Compiler {
    fn policy(&self, module: &Module) -> Result<Arc<dyn Policy>, String> {
        if !self.done.lock().expect("nobody panics with it").contains(&module.hash) {
            self.begun.lock().expect("nobody panics with it").push((module.hash, std::thread::current().id()));
            std::thread::sleep(Duration::from_millis(50));
            self.done.lock().expect("nobody panics with it").push(module.hash);
        }
        match &*module.bytes.0 {
            b"wrong" => Err("it is no module".to_owned()),
            bytes => Ok(Arc::new(FirstOfAll { name: Arc::clone(&module.name), panics: bytes == b"panics" })),
        }
    }
}

struct FirstOfAll {
    name: Arc<str>,
    panics: bool,
}

impl Policy for FirstOfAll {
    fn name(&self) -> &str {
        &self.name
    }

    fn score(&self, _: &Context<'_>, _: &Request, _: Node<'_>) -> Score {
        unreachable!("it is asked about all at once")
    }

    fn is_asked_at_once(&self) -> bool {
        true
    }

    /// An app whose name begins with `want-2` wants a choice of two agents, and to ask for it is all that one allocation does.
    fn assess(
        &self,
        cx: &Context<'_>,
        request: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        assert!(!self.panics, "it does so on purpose");
        if let Some(agents) = request.app.as_str().strip_prefix("/want-") {
            cx.spend(cx.allowance());
            if nodes.len() < agents[..1].parse().expect("a digit") {
                assessments.extend(nodes.iter().map(|_| Assessment::Refused("too few")));
                return Ok(());
            }
        }
        assessments.extend(nodes.iter().map(|_| Assessment::Scored(Score(1))));
        Ok(())
    }
}

async fn begin(log: &Log, compiler: &Arc<Compiler>, config: Config) -> (Handle, Running) {
    let config = Config { policies: Policies::with(Arc::clone(compiler) as Arc<dyn Modules>), ..config };
    master::start(Arc::new(log.clone()), config).await.expect("the master starts")
}

async fn submit(handle: &Handle, kind: CommandKind) {
    handle.submit(Principal::new("test"), kind).await.expect("accepted");
}

fn add(name: &str, bytes: &[u8]) -> CommandKind {
    CommandKind::AddModule { name: name.into(), bytes: ModuleBytes(bytes.into()) }
}

/// An agent that stays as long as its session is kept.
async fn agent(handle: &Handle, hostname: &str) -> Receiver<AgentEvent> {
    let subscribe = Subscribe { identity: None, description: description(hostname) };
    handle.subscribe_agent(subscribe).await.expect("a session")
}

/// The loop, its publisher and what follows a log run in the thread of the test.
#[tokio::test]
async fn modules_are_compiled_in_threads_of_their_own() {
    let (log, here) = (log(), std::thread::current().id());
    let (first, following, again) = <(Arc<Compiler>, Arc<Compiler>, Arc<Compiler>)>::default();
    let (handle, leader) = begin(&log, &first, config_of("m1")).await;
    until_role(&handle, |role| *role == Role::Leading).await;
    let (other, follower) = begin(&log, &following, config_of("m2")).await;
    let wrong = handle.submit(Principal::new("test"), add("wrong", b"wrong")).await.expect_err("refused");
    assert_eq!(wrong.to_string(), "module 'wrong': it is no module");
    submit(&handle, add("mine", b"mine")).await;
    submit(&handle, CommandKind::ChooseProfile { scope: None, profile: Some("mine".into()) }).await;
    submit(&handle, CommandKind::ChooseShadow { profile: Some("mine".into()) }).await;
    let _session = agent(&handle, "a").await;
    create(&handle, "a").await.expect("accepted");
    until(&handle, "it is placed", |state| state.active_tasks_of_app(&id("a")).count() == 2).await;
    assert_eq!(first.compiled(), 2, "the wrong one and the other");
    // Whoever follows has it before it leads.
    until(&other, "it is told", |state| state.header.profiles.shadow.is_some()).await;
    let waited = tokio::time::timeout(DEADLINE, async {
        while following.compiled() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "a follower compiles nothing");
    leader.stop().await;
    follower.stop().await;
    // A master that starts over a log has it before it leads, too.
    let (handle, master) = begin(&log, &again, Config::default()).await;
    assert!(again.compiled() > 0, "it is not ready");
    create(&handle, "b").await.expect("accepted");
    master.stop().await;
    for compiler in [first, following, again] {
        let threads = compiler.threads();
        assert!(!threads.is_empty() && threads.iter().all(|thread| *thread != here), "{threads:?}, and not {here:?}");
    }
}

/// One app is asked for with each allocation, and nothing happens between two of them.
#[tokio::test]
async fn an_allocation_that_was_not_through_is_followed_by_another() {
    let (log, compiler) = (log(), Arc::default());
    let (handle, master) = begin(&log, &compiler, Config::default()).await;
    submit(&handle, add("mine", b"mine")).await;
    submit(&handle, CommandKind::ChooseProfile { scope: None, profile: Some("mine".into()) }).await;
    let _first = agent(&handle, "a").await;
    let apps = ["want-3-a", "want-3-b", "want-2"];
    for app in apps {
        create(&handle, app).await.expect("accepted");
    }
    until(&handle, "all wait", |state| state.apps.values().all(|app| app.waiting.is_some())).await;
    let _second = agent(&handle, "b").await;
    until(&handle, "it has its turn", |state| state.active_tasks_of_app(&id("want-2")).count() == 2).await;
    let waiting = handle.read().apps.values().filter(|app| app.waiting.is_some()).count();
    assert_eq!(waiting, 2);
    master.stop().await;
}

#[tokio::test]
async fn a_shadow_that_panics_says_so_and_the_master_goes_on() {
    let (log, compiler) = (log(), Arc::default());
    let (handle, master) = begin(&log, &compiler, Config::default()).await;
    submit(&handle, add("broken", b"panics")).await;
    submit(&handle, CommandKind::ChooseShadow { profile: Some("broken".into()) }).await;
    let _session = agent(&handle, "a").await;
    create(&handle, "a").await.expect("accepted");
    let waited = tokio::time::timeout(DEADLINE, async {
        loop {
            match handle.shadow().and_then(|report| report.fault) {
                Some(fault) => return fault,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    });
    assert_eq!(waited.await.expect("a fault"), "it panicked: it does so on purpose");
    create(&handle, "b").await.expect("the master goes on");
    until(&handle, "it is placed", |state| state.active_tasks_of_app(&id("b")).count() == 2).await;
    submit(&handle, CommandKind::ChooseShadow { profile: Some("spread".into()) }).await;
    assert_eq!(handle.shadow().and_then(|report| report.fault), None, "another one begins");
    master.stop().await;
}
