//! `bayplan placement simulate`: policies on a trace, side by side.

mod input;

use std::io::IsTerminal;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use placement::ReadyProfile;
use state::State;
use trace::{Run, Trace};

use crate::cli::placement::Simulate;
use crate::cli::{ColorWhen, Global};
use crate::failure::Failure;
use crate::modules;
use crate::output::{Output, ResultFile, note};
use crate::profiles::resolve_all;
use crate::render::packing::{chart, document, table};
use input::Input;

const TELL_EVERY: Duration = Duration::from_secs(5);
/// How often a run says how far it is.
const ARRIVALS_PER_NEWS: usize = 500;

/// What one policy made of one seed.
pub(crate) struct Packed {
    pub(crate) policy: String,
    pub(crate) seed: u64,
    pub(crate) run: Run,
    pub(crate) took: Duration,
}

pub(crate) fn run(args: &Simulate, global: &Global) -> Result<(), Failure> {
    let mut out = Output::new(global.color, global.json);
    let input = Input::read(args)?;
    // Without a log there are no other modules and profiles than those in files.
    let policies = resolve_all(&args.policy, &modules::policies()?, &State::default())?;
    let svg = args.svg.as_deref().map(|path| ResultFile::create("--svg", path)).transpose()?;
    let placements = args.placements.as_deref().map(|path| ResultFile::create("--placements", path)).transpose()?;
    let packed = pack(args, &input, &policies, global.color);
    if let Some(file) = svg {
        file.write(&chart(&packed))?;
    }
    if let Some(file) = placements {
        file.write(&steps(&packed, &input))?;
    }
    if out.is_json() { out.document(&document(&packed)) } else { out.text(&table(&packed, out.width())) }
}

/// In the order of policies, and then of seeds.
fn pack(args: &Simulate, input: &Input, policies: &[ReadyProfile], color: ColorWhen) -> Vec<Packed> {
    let runs: Vec<(&ReadyProfile, u64)> =
        policies.iter().flat_map(|policy| input.seeds().map(move |seed| (policy, seed))).collect();
    let arrivals = runs.iter().map(|(_, seed)| input.trace(*seed).arrivals.len()).sum();
    let progress = Shown::new(arrivals, color);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Packed)>> = Mutex::default();
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get)).unwrap_or(1);
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(runs.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((policy, seed)) = runs.get(index) else { return };
                    let packed = pack_one(policy, *seed, &input.trace(*seed), &progress);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, packed));
                }
            });
        }
    });
    progress.bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, packed)| packed).collect()
}

fn pack_one(policy: &ReadyProfile, seed: u64, trace: &Trace<'_>, progress: &Shown) -> Packed {
    let name = policy.name();
    let begun_at = Instant::now();
    let mut told = 0;
    let run = trace::run(trace, policy, |arrival| {
        let arrived = arrival.number + 1;
        if arrived.is_multiple_of(ARRIVALS_PER_NEWS) || arrived == trace.arrivals.len() {
            progress.add(arrived - told, name, seed);
            told = arrived;
        }
    });
    Packed { policy: name.to_string(), seed, run, took: begun_at.elapsed() }
}

fn steps(packed: &[Packed], input: &Input) -> String {
    let mut text = "policy,seed,pos,pod,node\n".to_owned();
    for Packed { policy, seed, run, .. } in packed {
        for (pos, step) in run.steps.iter().enumerate() {
            let node = step.node.map_or("", |node| input.nodes[node].name.as_str());
            text += &format!("{policy},{seed},{pos},{},{node}\n", input.pods[step.pod].name);
        }
    }
    text
}

/// A bar on a terminal, else a line every few seconds.
struct Shown {
    bar: ProgressBar,
    told_at: Mutex<Instant>,
    is_terminal: bool,
    color: ColorWhen,
}

impl Shown {
    fn new(arrivals: usize, color: ColorWhen) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("[{bar:30}] {pos} of {len} arrivals, {eta} left, {wide_msg}");
        let bar = ProgressBar::with_draw_target(Some(arrivals as u64), target);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { bar, told_at: Mutex::new(Instant::now()), is_terminal, color }
    }

    fn add(&self, arrivals: usize, policy: &str, seed: u64) {
        self.bar.inc(arrivals as u64);
        self.bar.set_message(format!("{policy} seed {seed}"));
        let Ok(mut told_at) = self.told_at.lock() else { return };
        if !self.is_terminal && told_at.elapsed() >= TELL_EVERY {
            *told_at = Instant::now();
            let of = self.bar.length().unwrap_or_default();
            note(self.color, &format!("{} of {of} arrivals", self.bar.position()));
        }
    }
}
