//! What the cluster knows: the rows of a state.

use std::sync::Arc;

use model::{
    Agent, App, ClusterId, Counts, Framework, Header, OTHER_PROFILES, Offer, OfferFilter, PendingUpdate, Row, Task,
    TaskFailure, Totals,
};

use super::events::{deployment, waiting};
use super::specs::{
    agent_description, app_spec, choices, explanation, framework_info, leader_addresses, module, profile, resources,
    status, workload,
};
use super::{bits, shared};
use crate::anonymise::names::{Kind, Names};

pub(in crate::anonymise) fn row(names: &mut dyn Names, row: &Row) -> Row {
    match row {
        Row::Header(header) => Row::Header(self::header(names, header)),
        Row::Agent(agent) => {
            let Agent { id, description, registered_at, connection } = agent;
            Row::Agent(Agent {
                id: bits(id),
                description: agent_description(names, description),
                registered_at: bits(registered_at),
                connection: bits(connection),
            })
        }
        Row::App(app) => Row::App(self::app(names, app)),
        Row::Definition(spec, version) => Row::Definition(app_spec(names, spec), bits(version)),
        Row::Task(task) => Row::Task(self::task(names, task)),
        Row::Offer(offer) => {
            let Offer { id, framework, agent, resources, made_at } = offer;
            Row::Offer(Offer {
                id: bits(id),
                framework: bits(framework),
                agent: bits(agent),
                resources: self::resources(resources),
                made_at: bits(made_at),
            })
        }
        Row::Deployment(deployment) => Row::Deployment(self::deployment(names, deployment)),
        Row::Framework(framework) => {
            let Framework { id, info, registered_at, connection, is_suppressed } = framework;
            Row::Framework(Framework {
                id: bits(id),
                info: framework_info(names, info),
                registered_at: bits(registered_at),
                connection: bits(connection),
                is_suppressed: bits(is_suppressed),
            })
        }
        Row::Filter(filter) => Row::Filter(bits::<OfferFilter>(filter)),
        Row::Profile(profile) => Row::Profile(self::profile(names, profile)),
        Row::Module(module) => Row::Module(self::module(names, module)),
    }
}

fn header(names: &mut dyn Names, header: &Header) -> Header {
    let Header {
        cluster,
        leader,
        leader_addresses,
        led_since,
        // The hashes are made anew, by this fold.
        state_version: _,
        placement_policy,
        next_agent,
        next_offer,
        next_framework,
        offer_timeout_ms,
        totals: Totals { events, offers_made, offers_closed, tasks_launched, tasks_ended },
        profiles,
        counts,
    } = header;
    Header {
        cluster: cluster.as_ref().map(|cluster| ClusterId::new(names.text(Kind::Cluster, cluster.as_str()))),
        leader: names.text(Kind::Leader, leader),
        leader_addresses: leader_addresses.as_ref().map(|addresses| self::leader_addresses(names, addresses)),
        led_since: bits(led_since),
        state_version: state::VERSION,
        placement_policy: names.text(Kind::Profile, placement_policy),
        next_agent: bits(next_agent),
        next_offer: bits(next_offer),
        next_framework: bits(next_framework),
        offer_timeout_ms: bits(offer_timeout_ms),
        totals: Totals {
            events: bits(events),
            offers_made: bits(offers_made),
            offers_closed: offers_closed.iter().map(|(outcome, count)| (bits(outcome), bits(count))).collect(),
            tasks_launched: bits(tasks_launched),
            tasks_ended: tasks_ended.iter().map(|(state, count)| (bits(state), bits(count))).collect(),
        },
        profiles: choices(names, profiles),
        counts: counts.as_ref().map(|counts| Box::new(self::counts(names, counts))),
    }
}

fn counts(names: &mut dyn Names, counts: &Counts) -> Counts {
    let Counts {
        offers_open,
        offers_rescinded_for_agent,
        placed_by,
        placed_by_framework,
        fitted_nowhere,
        fitted_without_agents,
        launches_refused,
        until_launched,
        until_started,
        until_running,
        ended_for,
        ended_without_reason,
        agents_timed_out,
        agents_disconnected,
    } = counts;
    let mut profile = |name: &Arc<str>| match &**name {
        OTHER_PROFILES => Arc::clone(name),
        _ => shared(names, Kind::Profile, name),
    };
    Counts {
        offers_open: offers_open.iter().map(|(outcome, times)| (bits(outcome), bits(times))).collect(),
        offers_rescinded_for_agent: bits(offers_rescinded_for_agent),
        placed_by: placed_by.iter().map(|(name, count)| (profile(name), bits(count))).collect(),
        placed_by_framework: bits(placed_by_framework),
        fitted_nowhere: fitted_nowhere.iter().map(|(filter, count)| (bits(filter), bits(count))).collect(),
        fitted_without_agents: bits(fitted_without_agents),
        launches_refused: bits(launches_refused),
        until_launched: bits(until_launched),
        until_started: bits(until_started),
        until_running: bits(until_running),
        ended_for: ended_for.iter().map(|(reason, count)| (bits(reason), bits(count))).collect(),
        ended_without_reason: bits(ended_without_reason),
        agents_timed_out: bits(agents_timed_out),
        agents_disconnected: bits(agents_disconnected),
    }
}

fn app(names: &mut dyn Names, app: &App) -> App {
    let App { spec, version, config_version, last_scaled_at, delay, waiting, last_failure } = app;
    App {
        spec: app_spec(names, spec),
        version: bits(version),
        config_version: bits(config_version),
        last_scaled_at: bits(last_scaled_at),
        delay: bits(delay),
        waiting: waiting.as_ref().map(|waiting| self::waiting(names, waiting)),
        last_failure: last_failure.as_ref().map(|failure| self::failure(names, failure)),
    }
}

fn failure(names: &mut dyn Names, failure: &TaskFailure) -> TaskFailure {
    let TaskFailure { task, agent, hostname, version, at, status } = failure;
    TaskFailure {
        task: names.task(task),
        agent: bits(agent),
        hostname: names.text(Kind::Host, hostname),
        version: bits(version),
        at: bits(at),
        status: self::status(names, status),
    }
}

fn task(names: &mut dyn Names, task: &Task) -> Task {
    let Task {
        id,
        framework,
        offer,
        agent,
        hostname,
        workload,
        resources,
        host_ports,
        explanation,
        launched_at,
        running_since,
        ended_at,
        kill,
        status,
        status_at,
        unacknowledged,
    } = task;
    let pending = |names: &mut dyn Names, PendingUpdate { status, at }: &PendingUpdate| PendingUpdate {
        status: self::status(names, status),
        at: bits(at),
    };
    Task {
        id: names.task(id),
        framework: bits(framework),
        offer: bits(offer),
        agent: bits(agent),
        hostname: names.text(Kind::Host, hostname),
        workload: self::workload(names, workload),
        resources: self::resources(resources),
        host_ports: host_ports.iter().map(bits).collect(),
        explanation: explanation.as_ref().map(|explanation| self::explanation(names, explanation)),
        launched_at: bits(launched_at),
        running_since: bits(running_since),
        ended_at: bits(ended_at),
        kill: bits(kill),
        status: self::status(names, status),
        status_at: bits(status_at),
        unacknowledged: unacknowledged.iter().map(|it| pending(names, it)).collect(),
    }
}
