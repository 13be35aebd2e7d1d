//! Clients: each wants something of its apps, sends commands until it knows what became of them, and looks at what it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use master::{Committed, Handle, SubmitError};
use model::{
    AppId, AppSpec, Backoff, CommandKind, Hash, Invocation, PortProtocol, PortSpec, Principal, Resources, Scalar, Seq,
    TaskId, TaskSelection,
};
use protocol::agent::Mark;

use crate::invariants::Answer;
use crate::world::{Dice, Place, World, sleep_ms, unless};

pub(crate) const CLIENTS: u8 = 4;
/// What a principal begins with, before the number of the attempt.
pub(crate) const PRINCIPAL: &str = "client-";
const APPS_PER_CLIENT: u8 = 2;
const MAX_INSTANCES: u32 = 3;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
const AGAIN_MS: std::ops::Range<u64> = 50..800;
const THINK_MS: std::ops::Range<u64> = 0..250;

/// The commands that are still to be sent.
#[derive(Debug)]
pub(crate) struct Budget {
    sent: AtomicU64,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(commands: u32) -> Self {
        Self { sent: AtomicU64::new(0), limit: u64::from(commands) }
    }

    fn is_spent(&self) -> bool {
        self.sent.load(Ordering::Relaxed) >= self.limit
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

pub(crate) struct Client {
    pub(crate) world: Arc<World>,
    pub(crate) number: u8,
    pub(crate) budget: Arc<Budget>,
    master: u8,
    /// What this client was told last.
    seen: Seq,
    apps: Vec<Wish>,
}

/// What a client knows of one of its apps.
#[derive(Debug, Clone)]
struct Wish {
    id: AppId,
    /// None while it does not exist.
    instances: Option<u32>,
    generation: u32,
    tasks: Vec<TaskId>,
}

enum Outcome {
    Done(Committed),
    Rejected,
    /// Not carried out, and worth trying again.
    Refused,
    Unclear,
}

/// What a read shows of an app.
struct Look {
    mark: Mark,
    hash: Hash,
    instances: Option<u32>,
    tasks: Vec<TaskId>,
}

impl Client {
    pub(crate) fn new(world: Arc<World>, number: u8, budget: Arc<Budget>) -> Self {
        let apps = (0..APPS_PER_CLIENT).filter_map(|app| {
            let id = AppId::parse(&format!("/c{number}/a{app}")).ok()?;
            Some(Wish { id, instances: None, generation: 0, tasks: Vec::new() })
        });
        let master = number % world.settings.masters;
        Self { apps: apps.collect(), world, number, budget, master, seen: Seq(0) }
    }

    fn roll<T>(&self, throw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        self.world.roll(Dice::Client(self.number), throw)
    }

    /// Sends commands until the budget is spent.
    pub(crate) async fn run(mut self) -> Self {
        while !self.budget.is_spent() {
            sleep_ms(self.roll(|rng| rng.u64(THINK_MS))).await;
            let index = self.roll(|rng| rng.usize(..usize::from(APPS_PER_CLIENT)));
            self.wish(index).await;
            if self.roll(|rng| rng.u8(..4)) == 0 {
                self.look(index).await;
            }
        }
        self
    }

    /// Something new is wanted of an app.
    async fn wish(&mut self, index: usize) {
        let wish = self.apps[index].clone();
        let id = wish.id.clone();
        let Some(instances) = wish.instances else {
            let instances = self.roll(|rng| rng.u32(1..=MAX_INSTANCES));
            let app = Arc::new(self.spec(&wish, instances));
            self.pursue(index, &CommandKind::PutApps { apps: vec![app], force: true }, Some(instances)).await;
            return;
        };
        match self.roll(|rng| rng.u8(..20)) {
            0..=9 => {
                let wanted = self.roll(|rng| rng.u32(0..=MAX_INSTANCES));
                let kind = CommandKind::ScaleApp { app: id, instances: wanted, force: true };
                self.pursue(index, &kind, Some(wanted)).await;
            }
            10..=13 => {
                let victim = self.roll(|rng| wish.tasks.get(rng.usize(..8)).cloned());
                let selection = match victim {
                    Some(task) => TaskSelection::Tasks(vec![task]),
                    None => TaskSelection::App { app: id, host: None },
                };
                let kind = CommandKind::KillTasks { selection, scale: false, force: true };
                self.pursue(index, &kind, Some(instances)).await;
            }
            14 | 15 => self.pursue(index, &CommandKind::RestartApp { app: id, force: true }, Some(instances)).await,
            16..=18 => {
                self.apps[index].generation += 1;
                let app = Arc::new(self.spec(&self.apps[index], instances));
                self.pursue(index, &CommandKind::PutApps { apps: vec![app], force: true }, Some(instances)).await;
            }
            _ => self.pursue(index, &CommandKind::DestroyApp { app: id, force: true }, None).await,
        }
    }

    fn spec(&self, wish: &Wish, instances: u32) -> AppSpec {
        let command = self.roll(|rng| match rng.u8(..10) {
            0 => format!("sleep {}; exit 1", rng.u8(1..20)),
            1 => format!("sleep {}", rng.u8(1..20)),
            2 => "trap '' TERM; serve".to_owned(),
            _ => "serve".to_owned(),
        });
        let port = PortSpec {
            container_port: None,
            host_port: 0,
            service_port: 0,
            protocol: PortProtocol::Tcp,
            name: None,
            labels: Default::default(),
        };
        let (cpus, ports) = self.roll(|rng| (i64::from(rng.u8(1..=2)), rng.u8(..2)));
        AppSpec {
            id: wish.id.clone(),
            invocation: Invocation::Shell(command),
            instances,
            resources: Resources {
                cpus: Scalar::from_whole(cpus),
                mem: Scalar::from_whole(64),
                ..Resources::default()
            },
            container: None,
            user: None,
            role: None,
            env: [("GENERATION".to_owned(), wish.generation.to_string())].into(),
            labels: Default::default(),
            ports: vec![port; usize::from(ports)],
            require_ports: false,
            constraints: Vec::new(),
            dependencies: Vec::new(),
            backoff: Backoff { initial_ms: 200, factor_milli: 2_000, max_ms: 3_000 },
            kill_grace_ms: 1_000,
        }
    }

    /// Sends a command until it is known to be carried out, or not to be possible. Each of them may come twice without
    /// harm, so what is unclear is looked up, and sent again where it was not carried out.
    async fn pursue(&mut self, index: usize, kind: &CommandKind, instances: Option<u32>) {
        loop {
            match self.send(kind).await {
                Outcome::Done(committed) => {
                    self.seen = self.seen.max(committed.seq);
                    self.apps[index].instances = instances;
                    return;
                }
                Outcome::Rejected => return self.learn(index).await,
                Outcome::Unclear => {
                    self.learn(index).await;
                    if self.apps[index].instances == instances {
                        return;
                    }
                }
                Outcome::Refused => {}
            }
            if self.budget.is_spent() {
                return self.learn(index).await;
            }
            self.master = (self.master + 1) % self.world.settings.masters;
            sleep_ms(self.roll(|rng| rng.u64(AGAIN_MS))).await;
        }
    }

    /// Looks until something newer than what this client knows is seen.
    async fn learn(&mut self, index: usize) {
        while !self.look(index).await {
            self.master = (self.master + 1) % self.world.settings.masters;
            sleep_ms(self.roll(|rng| rng.u64(AGAIN_MS))).await;
        }
    }

    async fn look(&mut self, index: usize) -> bool {
        let id = self.apps[index].id.clone();
        let read = |handle: Handle| async move {
            let state = handle.read();
            let app = state.apps.get(&id).map(|app| app.spec.instances);
            let tasks = state.active_tasks_of_app(&id).map(|task| task.id.clone()).collect();
            let mark = Mark { epoch: state.epoch, seq: state.seq };
            Look { mark, hash: state.hash(), instances: app, tasks }
        };
        let Some(Look { mark, hash, instances, tasks }) = self.ask(read).await else { return false };
        if mark.seq == Seq(0) {
            // A master that has read nothing yet.
            return false;
        }
        let who = format!("master {}", self.master);
        self.world.observe(|invariants| invariants.on_state(&who, mark, hash));
        if mark.seq < self.seen {
            return false;
        }
        self.seen = mark.seq;
        self.apps[index].instances = instances;
        self.apps[index].tasks = tasks;
        true
    }

    async fn send(&mut self, kind: &CommandKind) -> Outcome {
        let attempt = self.budget.sent.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.observe(|invariants| {
            invariants.on_attempt(attempt);
            Ok(())
        });
        let (principal, kind) = (Principal::new(format!("{PRINCIPAL}{attempt}")), kind.clone());
        let submit = |handle: Handle| async move { handle.submit(principal, kind).await };
        let answer = self.ask(submit).await;
        let told = match &answer {
            Some(Ok(Committed { record: Some(_), seq, epoch })) => Some(Answer::Done { seq: *seq, epoch: *epoch }),
            Some(Ok(Committed { record: None, seq, epoch })) => Some(Answer::NothingToDo { seq: *seq, epoch: *epoch }),
            Some(Err(SubmitError::Unclear { .. })) | None => None,
            Some(Err(why)) => Some(Answer::Refused(why.to_string())),
        };
        if let Some(told) = &told {
            self.world.observe(|invariants| invariants.on_answer(attempt, told));
        }
        let code = match &answer {
            None => 0,
            Some(Ok(committed)) => committed.seq.0,
            Some(Err(_)) => u64::MAX,
        };
        self.world.note("answer", &[attempt, code]);
        match answer {
            Some(Ok(committed)) => Outcome::Done(committed),
            Some(Err(SubmitError::Rejected(_) | SubmitError::TooLarge { .. })) => Outcome::Rejected,
            Some(Err(SubmitError::Unclear { .. })) | None => Outcome::Unclear,
            Some(Err(_)) => Outcome::Refused,
        }
    }

    /// Asks the master that this client believes in; None when no answer came.
    async fn ask<T, F>(&self, work: impl FnOnce(Handle) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (here, there) = (Place::Client(self.number), Place::Master(self.master));
        let conversation = async {
            let lost = |_| None::<T>;
            if let Err(lost_request) = self.world.travel(here, there).await {
                self.world.find_out_loss().await;
                return lost(lost_request);
            }
            let life = self.world.master(self.master)?;
            let (told, answer) = tokio::sync::oneshot::channel();
            let work = work(life.handle);
            // The master goes on with it whatever becomes of the client.
            tokio::spawn(async move {
                if let Some(outcome) = unless(&life.over, work).await {
                    let _gone = told.send(outcome);
                }
            });
            let answer = answer.await.ok()?;
            if let Err(lost_answer) = self.world.travel(there, here).await {
                self.world.find_out_loss().await;
                return lost(lost_answer);
            }
            Some(answer)
        };
        tokio::time::timeout(PATIENCE, conversation).await.ok().flatten()
    }

    /// Nothing goes wrong any more: apps that end by themselves are scaled to nothing, so that all can come to rest. Every app
    /// is written once more, since a command whose outcome is unclear may still be carried out after a look that did not show
    /// it; what is written behind it says how it is.
    pub(crate) async fn settle(&mut self) {
        for index in 0..self.apps.len() {
            self.learn(index).await;
            let is_there = self.apps[index].instances.is_some();
            self.apps[index].generation += 1;
            let instances = self.roll(|rng| rng.u32(0..=MAX_INSTANCES));
            let mut spec = self.spec(&self.apps[index], instances);
            spec.invocation = Invocation::Shell("serve".to_owned());
            self.insist(index, &CommandKind::PutApps { apps: vec![Arc::new(spec)], force: true }, Some(instances))
                .await;
            if !is_there {
                let app = self.apps[index].id.clone();
                self.insist(index, &CommandKind::DestroyApp { app, force: true }, None).await;
            }
        }
    }

    /// Sends a command until it is carried out, or too often.
    async fn insist(&mut self, index: usize, kind: &CommandKind, instances: Option<u32>) {
        for _ in 0..SETTLE_ATTEMPTS {
            if let Outcome::Done(committed) = self.send(kind).await {
                self.seen = self.seen.max(committed.seq);
                self.apps[index].instances = instances;
                return;
            }
            self.master = (self.master + 1) % self.world.settings.masters;
            sleep_ms(500).await;
        }
    }

    /// What this client wants, for the last look at the cluster.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (&AppId, Option<u32>)> {
        self.apps.iter().map(|wish| (&wish.id, wish.instances))
    }
}

/// How often a client tries to say its last word.
const SETTLE_ATTEMPTS: u32 = 120;
