//! A compiled module, as a policy.

use std::sync::Arc;

use placement::{Assessment, Context, Fault, Node, Policy, Request, Score};
use wasmtime::{InstancePre, Memory, Store};

use crate::batch::Batch;
use crate::limits::{BATCH_AGENTS, Limiter, WORK, WORK_PER_PAGE, fuel};
use crate::{check, fault};

const PAGE_BYTES: usize = 1 << 16;

/// The fuel for one decision. Its calls take from it one after the other.
pub(crate) struct Tank {
    pub(crate) full: u64,
    pub(crate) agents: usize,
    left: u64,
}

impl Tank {
    pub(crate) fn of(agents: usize, allowance: u64) -> Self {
        let full = fuel(agents, allowance);
        Self { full, agents, left: full }
    }
}

/// A module that passed all checks, ready to be run.
pub(crate) struct Compiled {
    pub(crate) prepared: InstancePre<Limiter>,
}

impl Compiled {
    pub(crate) fn store(&self, tank: &Tank) -> Result<Store<Limiter>, wasmtime::Error> {
        let mut store = Store::new(self.prepared.module().engine(), Limiter);
        store.limiter(|limiter| limiter);
        store.set_fuel(tank.left)?;
        Ok(store)
    }

    /// A call. `work` gains what it takes, whatever becomes of it.
    fn assess(
        &self,
        batch: &Batch<'_>,
        tank: &mut Tank,
        work: &mut u64,
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        let mut store = self.store(tank).map_err(|error| fault::of_call(&error, tank))?;
        let mut memory = None;
        let told = self.run(&mut store, batch, &mut memory, assessments);
        let pages = memory.map_or(0, |memory| memory.size(&store));
        let left = store.get_fuel().unwrap_or(0);
        *work += WORK + batch.work() + WORK_PER_PAGE * pages + tank.left.saturating_sub(left);
        let told = told.map_err(|failed| match failed {
            Failed::Call(error) => fault::of_call(&error, tank),
            Failed::Answer(fault) => fault,
        });
        tank.left = left;
        told
    }

    /// In a new instance with memory of its own: nothing that one call leaves behind is there for the next.
    fn run(
        &self,
        store: &mut Store<Limiter>,
        batch: &Batch<'_>,
        used: &mut Option<Memory>,
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Failed> {
        let instance = self.prepared.instantiate(&mut *store)?;
        let memory = instance.get_memory(&mut *store, check::MEMORY).ok_or_else(is_other_module)?;
        *used = Some(memory);
        let start = lengthen(memory, store, batch.layout.bytes)?;
        batch.write(&mut memory.data_mut(&mut *store)[start..], start as u32);
        let assess = instance.get_typed_func::<u32, i32>(&mut *store, check::ASSESS)?;
        let code = assess.call(&mut *store, start as u32)?;
        if code != 0 {
            let reason = format!("{} returned {code}, which says that it failed; 0 is success", check::ASSESS);
            return Err(Failed::Answer(Fault(reason)));
        }
        batch.read(&memory.data(&*store)[start..], assessments).map_err(Failed::Answer)
    }
}

enum Failed {
    Call(wasmtime::Error),
    Answer(Fault),
}

impl From<wasmtime::Error> for Failed {
    fn from(error: wasmtime::Error) -> Self {
        Self::Call(error)
    }
}

/// The memory was there when the module was checked.
fn is_other_module() -> Failed {
    Failed::Answer(Fault(format!("it has no memory of the name `{}`", check::MEMORY)))
}

/// Makes room behind what the module has itself, in pages that it has never had and so does not use for anything else. Returns
/// where they begin.
fn lengthen(memory: Memory, store: &mut Store<Limiter>, bytes: usize) -> Result<usize, wasmtime::Error> {
    let start = memory.data_size(&mut *store);
    memory.grow(store, bytes.div_ceil(PAGE_BYTES) as u64)?;
    Ok(start)
}

pub(crate) struct ModulePolicy {
    pub(crate) name: Box<str>,
    pub(crate) compiled: Arc<Compiled>,
}

impl Policy for ModulePolicy {
    fn name(&self) -> &str {
        &self.name
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
        let (mut tank, mut work) = (Tank::of(nodes.len(), cx.allowance()), 0);
        let told = nodes.chunks(BATCH_AGENTS).try_for_each(|nodes| {
            self.compiled.assess(&Batch::new(cx, request, nodes), &mut tank, &mut work, assessments)
        });
        cx.spend(work);
        told
    }

    /// For those who ask about one agent at a time, who cannot be told of a fault or a refusal: such an agent comes last.
    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let mut assessments = Vec::new();
        match self.assess(cx, request, &[node], &mut assessments).map(|()| assessments.pop()) {
            Ok(Some(Assessment::Scored(score))) => score,
            _ => Score::default(),
        }
    }
}
