//! `bayplan bench history`: the log of a busy cluster, as a file.

use eventlog::Message;
use model::Position;
use serde::Serialize;
use sim::{Busy, BusySettings};

use crate::cli::Global;
use crate::cli::bench::History;
use crate::commands::log::bar::Bar;
use crate::commands::log::file::{Writer, check_new, discard};
use crate::failure::Failure;
use crate::output::Output;

/// Instances of one app, about.
const INSTANCES_EACH: u32 = 100;

#[derive(Serialize)]
struct Made {
    messages: u64,
    records: u64,
    events: u64,
    bytes: u64,
    tasks: usize,
    state_hash: String,
}

pub(super) fn run(args: &History, global: &Global) -> Result<(), Failure> {
    check_new(&args.to)?;
    let mut busy = Busy::new(BusySettings {
        agents: args.agents,
        apps: args.instances.div_ceil(INSTANCES_EACH),
        instances: args.instances,
        span_ms: u64::try_from(args.span.as_millis()).unwrap_or(u64::MAX),
        events: args.events,
        seed: args.seed,
        ..BusySettings::default()
    });
    let made = write(&mut busy, args).inspect_err(|_| discard(&args.to))?;
    let mut out = Output::new(global.color, global.json);
    if out.is_json() {
        return out.document(&made);
    }
    let Made { messages, records, events, bytes, tasks, .. } = made;
    out.text(&format!(
        "{} has {records} records with {events} events in {messages} messages, {} MB; at its end there are {tasks} tasks.\n",
        args.to.display(),
        bytes >> 20
    ))
}

fn write(busy: &mut Busy, args: &History) -> Result<Made, Failure> {
    let mut writer = Writer::create(&args.to)?;
    let mut bar = Bar::new("deciding", args.events);
    let mut position = Position(0);
    loop {
        let records = busy.next_message();
        if records.is_empty() {
            break;
        }
        position = position.next();
        writer.message(&Message { position, content: records.into() })?;
        bar.at(busy.events());
    }
    let (messages, bytes) = writer.finish()?;
    let state = busy.state();
    let (records, tasks, state_hash) = (state.seq.0, state.tasks.len(), state.hash().to_string());
    Ok(Made { messages, records, events: busy.events(), bytes, tasks, state_hash })
}
