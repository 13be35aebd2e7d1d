//! A compiled module, as a policy.

use std::sync::Arc;

use placement::{Assessment, Context, Fault, Node, Policy, Request, Score};
use wasmtime::{Instance, InstancePre, Memory, Store};

use crate::batch::Batch;
use crate::limits::{BATCH_AGENTS, Limiter, fuel};
use crate::{check, fault};

const PAGE_BYTES: usize = 1 << 16;

/// A module that passed all checks, ready to be run.
pub(crate) struct Compiled {
    pub(crate) prepared: InstancePre<Limiter>,
}

impl Compiled {
    /// A new instance with memory of its own: nothing that one call leaves behind is there for the next.
    pub(crate) fn start(&self, agents: usize) -> Result<(Store<Limiter>, Instance), wasmtime::Error> {
        let mut store = Store::new(self.prepared.module().engine(), Limiter);
        store.limiter(|limiter| limiter);
        store.set_fuel(fuel(agents))?;
        let instance = self.prepared.instantiate(&mut store)?;
        Ok((store, instance))
    }

    fn assess(&self, batch: &Batch<'_>, agents: usize, assessments: &mut Vec<Assessment>) -> Result<(), Fault> {
        let failed = |error: wasmtime::Error| fault::of_call(&error, agents);
        let (mut store, instance) = self.start(agents).map_err(failed)?;
        let memory = instance.get_memory(&mut store, check::MEMORY).ok_or_else(is_other_module)?;
        let start = lengthen(memory, &mut store, batch.layout.bytes).map_err(failed)?;
        batch.write(&mut memory.data_mut(&mut store)[start..], start as u32);
        let assess = instance.get_typed_func::<u32, i32>(&mut store, check::ASSESS).map_err(failed)?;
        let code = assess.call(&mut store, start as u32).map_err(failed)?;
        if code != 0 {
            return Err(Fault(format!("{} returned {code}, which says that it failed; 0 is success", check::ASSESS)));
        }
        batch.read(&memory.data(&store)[start..], assessments)
    }
}

/// The memory was there when the module was checked.
fn is_other_module() -> Fault {
    Fault(format!("it has no memory of the name `{}`", check::MEMORY))
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
        for nodes in nodes.chunks(BATCH_AGENTS) {
            self.compiled.assess(&Batch::new(cx, request, nodes), nodes.len(), assessments)?;
        }
        Ok(())
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
