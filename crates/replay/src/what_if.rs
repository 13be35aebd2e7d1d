//! What would have been: the recorded demand, from one record on, with another profile or other agents.
//!
//! What came from outside comes again – commands of users, agents that come and go, how long tasks took to start, how long they
//! ran and how they ended, per instance and run. What the master decided is decided anew, by the code that decides, and what
//! agents report is made anew. Two runs go side by side: the control, in which nothing is changed, and the fork. Where they part
//! is the change's doing; where the control parts from the log, other code wrote the log than decides now. Must not know where
//! records come from.

mod change;
mod demand;
mod divergence;
mod instances;
mod run;
mod sums;
mod translate;

use std::collections::BTreeMap;

use model::{AgentId, Command, Event, FrameworkId, Principal, Record, Seq, Timestamp};
use scheduler::{Policies, Rejection, World};
use state::State;

pub use change::{Change, NewProfile, Resized};
pub use demand::{Demand, Reading};
pub use divergence::{Difference, Divergence};
pub use instances::Instance;
pub use sums::{Cause, Point, Sums};

use divergence::{Decided, Strictness, account, as_ref, difference, is_decided};
use run::{Commands, Origin, Own, Run};
use translate::{Recorded, is_of_user, keep_agent_id, refusal, translate};

/// So many instances that went elsewhere are named.
const MOVES_NAMED: usize = 20;
/// Who gives the commands that make the change.
const PRINCIPAL: &str = "what-if";

/// The two runs.
pub struct WhatIf {
    demand: Demand,
    change: Change,
    policies: Policies,
    fork: Seq,
    recorded: Recorded,
    control: Run,
    forked: Run,
    commands: Commands,
    divergence: Option<Divergence>,
    newer_code: Option<Divergence>,
}

/// Why there is no such fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    #[error("agent {0} is not there at the fork")]
    UnknownAgent(AgentId),
    #[error("{0}")]
    Refused(#[from] Rejection),
}

/// What both came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub fork: Seq,
    pub from: Timestamp,
    pub to: Timestamp,
    pub records: u64,
    /// Where the fork parts from the control; None when it decides the same to the end.
    pub divergence: Option<Divergence>,
    /// Where the control parts from the log: the log was written by code that decides otherwise.
    pub newer_code: Option<Divergence>,
    /// Of the control and of the fork.
    pub sums: [Sums; 2],
    pub moves: Moves,
    /// Frameworks outside, by name: they answered to the recorded offers, so what they do is not comparable.
    pub frameworks: BTreeMap<FrameworkId, String>,
}

/// Where the instances went that were launched after the fork.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    pub same: u64,
    pub elsewhere: u64,
    /// Launched in one of them only: of the control, of the fork.
    pub only_in: [u64; 2],
    /// The first that went elsewhere, by their apps.
    pub first: Vec<(Instance, [AgentId; 2])>,
}

impl WhatIf {
    /// Begins with the state at the fork, and looks `points` times at how full both clusters are.
    pub fn begin(
        state: &State,
        change: Change,
        demand: Demand,
        policies: Policies,
        points: u32,
    ) -> Result<Self, Impossible> {
        // Before the first record there is no time.
        let mut state = state.clone();
        state.at = demand.from;
        let named = change.remove.iter().chain(change.resize.keys());
        if let Some(unknown) = named.into_iter().find(|agent| !state.agents.contains(agent)) {
            return Err(Impossible::UnknownAgent(*unknown));
        }
        let run = || Run::begin(World::of(state.clone()), demand.to, points);
        let (control, forked) = (run(), run());
        let commands = Commands::new(state.seq);
        let mut what_if = Self {
            change,
            policies,
            fork: state.seq,
            recorded: Recorded::begin(&state),
            control,
            forked,
            commands,
            divergence: None,
            newer_code: None,
            demand,
        };
        what_if.make_the_change(&state)?;
        Ok(what_if)
    }

    fn make_the_change(&mut self, state: &State) -> Result<(), Impossible> {
        if self.change.is_nothing() {
            return Ok(());
        }
        let mut next_agent = self.demand.next_agent;
        for kind in self.change.commands(state) {
            let command = self.commands.make(state.at, Principal::new(PRINCIPAL), kind);
            let mut events = scheduler::decide(&self.forked.world, &command, &self.policies)?;
            for event in &mut events {
                // Later ones have the ids that the log gives them.
                if let Event::AgentRegistered { agent, .. } = event {
                    (*agent, next_agent) = (next_agent, next_agent.next());
                }
            }
            self.forked.apply(Origin::Own, command, events, &self.demand);
        }
        self.forked.become_own();
        Ok(())
    }

    /// The records after the fork, in order.
    pub fn follow(&mut self, record: &Record) {
        self.advance(record.cause.at);
        let origin = Origin::Recorded(record.seq, record.epoch);
        self.follow_control(record);
        self.follow_fork(record, origin);
        for event in &record.events {
            self.recorded.follow(event);
        }
    }

    /// After the last record.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let to = self.demand.to;
        self.advance(to);
        let (control, control_places) = self.control.counting.close(to, &self.control.world);
        let (forked, places) = self.forked.counting.close(to, &self.forked.world);
        Outcome {
            fork: self.fork,
            from: self.demand.from,
            to,
            records: self.demand.records,
            divergence: self.divergence,
            newer_code: self.newer_code,
            sums: [control, forked],
            moves: Moves::between(&control_places, &places),
            frameworks: self.demand.frameworks,
        }
    }

    /// The states of the control and of the fork.
    #[must_use]
    pub const fn states(&self) -> [&State; 2] {
        [&self.control.world.state, &self.forked.world.state]
    }
}

/// What happens between records.
impl WhatIf {
    fn advance(&mut self, to: Timestamp) {
        while self.divergence.is_none() {
            let next = [&self.control, &self.forked].map(|run| run.next_own().filter(|next| is_before(*next, to)));
            match next {
                [None, None] => return,
                [Some((at, Own::Report)), other] if other.is_none_or(|(other, _)| at <= other) => {
                    report(&mut self.control, &mut self.commands, &self.policies, &self.demand);
                }
                [other, Some((at, Own::Report))] if other.is_none_or(|(other, _)| at <= other) => {
                    report(&mut self.forked, &mut self.commands, &self.policies, &self.demand);
                }
                [one, other] => self.allocate_in_both([one, other]),
            }
        }
        for run in [&mut self.control, &mut self.forked] {
            while let Some((at, own)) = run.next_own().filter(|next| is_before(*next, to)) {
                match own {
                    Own::Report => report(run, &mut self.commands, &self.policies, &self.demand),
                    Own::Allocate => {
                        let command = self.commands.allocate(at.max(run.world.state.at));
                        let decided = run.decide(&command, &self.policies);
                        allocate(run, command, decided, &self.demand);
                    }
                }
            }
        }
    }

    /// An allocation that the log has not, while both are alike. When the control would decide the same, only the master was not
    /// there yet; otherwise the change has made it necessary.
    fn allocate_in_both(&mut self, next: [Option<(Timestamp, Own)>; 2]) {
        let Some(at) = next.iter().flatten().map(|(at, _)| *at).min() else { return };
        let at = at.max(self.forked.world.state.at).max(self.control.world.state.at);
        let command = self.commands.allocate(at);
        let decided = [&self.control, &self.forked].map(|run| run.decide(&command, &self.policies));
        let seq = self.control.world.state.seq;
        self.compare(&command, seq, false, &decided);
        let has_diverged = self.divergence.is_some();
        let both_are_own = self.control.is_own && self.forked.is_own;
        for (run, decided) in [&mut self.control, &mut self.forked].into_iter().zip(decided) {
            if run.is_own && (has_diverged || both_are_own) {
                allocate(run, command.clone(), decided, &self.demand);
            } else {
                run.settle(at);
            }
        }
    }
}

/// What happens at a record.
impl WhatIf {
    fn follow_control(&mut self, record: &Record) {
        if self.control.is_own {
            return;
        }
        let decided = self.control.decide(&record.cause, &self.policies);
        let both = [Ok(record.events.as_slice()), as_ref(&decided)];
        let Some(difference) = difference(both, [&self.control, &self.control], Strictness::Everything) else { return };
        let accounts = match &difference {
            Difference::Placement { app, nth, .. } => {
                [None, account(&self.control.world, &record.cause, &self.policies, app, *nth)]
            }
            _ => [None, None],
        };
        self.newer_code = Some(Divergence {
            seq: record.seq,
            at: record.cause.at,
            command: record.cause.kind.name(),
            is_recorded: true,
            difference,
            accounts,
        });
        self.control.become_own();
        self.forked.become_own();
    }

    fn follow_fork(&mut self, record: &Record, origin: Origin) {
        if !self.control.is_own && !self.forked.is_own {
            self.control.apply_record(origin, record, &self.demand);
            self.forked.apply_record(origin, record, &self.demand);
            return;
        }
        let of_control = self.commands_of(record, false);
        let of_fork = self.commands_of(record, true);
        if self.divergence.is_none()
            && let ([one], [other]) = (of_control.as_slice(), of_fork.as_slice())
            && is_decided(&one.kind)
        {
            let decided = [self.control.decide(one, &self.policies), self.forked.decide(other, &self.policies)];
            self.compare(one, record.seq, true, &decided);
        }
        if self.control.is_own {
            carry_out(&mut self.control, of_control, record, origin, &self.policies, &self.demand);
        } else {
            self.control.apply_record(origin, record, &self.demand);
        }
        carry_out(&mut self.forked, of_fork, record, origin, &self.policies, &self.demand);
    }

    fn commands_of(&self, record: &Record, is_forked: bool) -> Vec<Command> {
        let (run, change) = if is_forked { (&self.forked, Some(&self.change)) } else { (&self.control, None) };
        if !run.is_own {
            return vec![record.cause.clone()];
        }
        translate(&record.cause, &self.recorded, run, change, &self.demand)
    }

    fn compare(&mut self, command: &Command, seq: Seq, is_recorded: bool, decided: &[Decided; 2]) {
        let [one, other] = decided;
        let both = [as_ref(one), as_ref(other)];
        let Some(difference) = difference(both, [&self.control, &self.forked], Strictness::Decisions) else { return };
        let accounts = match &difference {
            Difference::Placement { app, nth, .. } => {
                [&self.control, &self.forked].map(|run| account(&run.world, command, &self.policies, app, *nth))
            }
            _ => [None, None],
        };
        let (at, command) = (command.at, command.kind.name());
        self.divergence = Some(Divergence { seq, at, command, is_recorded, difference, accounts });
    }
}

/// Reports come before a record of the same time; an allocation may be in it.
fn is_before((at, own): (Timestamp, Own), to: Timestamp) -> bool {
    match own {
        Own::Report => at <= to,
        Own::Allocate => at < to,
    }
}

fn report(run: &mut Run, commands: &mut Commands, policies: &Policies, demand: &Demand) {
    let Some(command) = run.take_report(commands) else { return };
    if let Ok(events) = run.decide(&command, policies) {
        run.apply(Origin::Own, command, events, demand);
    }
}

fn allocate(run: &mut Run, command: Command, decided: Decided, demand: &Demand) {
    match decided {
        Ok(events) if !events.is_empty() => run.apply(Origin::Own, command, events, demand),
        _ => run.settle(command.at),
    }
}

fn carry_out(
    run: &mut Run,
    commands: Vec<Command>,
    record: &Record,
    origin: Origin,
    policies: &Policies,
    demand: &Demand,
) {
    for command in commands {
        match run.decide(&command, policies) {
            Ok(mut events) => {
                keep_agent_id(&mut events, &record.events);
                run.apply(origin, command, events, demand);
            }
            Err(why) if is_of_user(&command.kind) => {
                let sums = &mut run.counting.sums;
                sums.refused += 1;
                sums.first_refused.get_or_insert_with(|| refusal(&command, &why));
            }
            // Agents and frameworks that are not there say nothing.
            Err(_) => {}
        }
    }
}

impl Moves {
    fn between(control: &BTreeMap<Instance, AgentId>, forked: &BTreeMap<Instance, AgentId>) -> Self {
        let mut moves = Self::default();
        for (instance, agent) in control {
            match forked.get(instance) {
                Some(other) if other == agent => moves.same += 1,
                Some(other) => {
                    moves.elsewhere += 1;
                    if moves.first.len() < MOVES_NAMED {
                        moves.first.push((instance.clone(), [*agent, *other]));
                    }
                }
                None => moves.only_in[0] += 1,
            }
        }
        moves.only_in[1] = forked.keys().filter(|instance| !control.contains_key(*instance)).count() as u64;
        moves
    }
}
