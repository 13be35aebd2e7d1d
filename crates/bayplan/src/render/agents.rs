//! `bayplan agent list`

use model::Connection;
use protocol::operator::AgentList;

use super::time::age;
use super::{Align, Cell, Table, one_line, quantity};
use crate::output::{BAD, GOOD};

const COLUMNS: [(&str, Align); 8] = [
    ("AGENT", Align::Left),
    ("HOST", Align::Left),
    ("STATE", Align::Left),
    ("TASKS", Align::Right),
    ("CPUS", Align::Right),
    ("MEMORY", Align::Left),
    ("RUNS", Align::Left),
    ("ATTRIBUTES", Align::Left),
];

pub(crate) fn list(list: &AgentList, width: Option<usize>) -> String {
    if list.agents.is_empty() {
        return "There are no agents; start one with `bayplan agent`.\n".to_owned();
    }
    let mut table = Table::new(&COLUMNS);
    for agent in &list.agents {
        let state = match agent.connection {
            Connection::Connected => Cell::styled("connected", GOOD),
            Connection::Disconnected { since, .. } => Cell::styled(format!("away for {}", age(since, list.now)), BAD),
        };
        let attributes: Vec<_> = agent.attributes.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        table.row([
            agent.id.to_string().into(),
            one_line(&agent.hostname).into(),
            state,
            agent.active_tasks.to_string().into(),
            quantity::cpus_of(&agent.resources).into(),
            quantity::mem_of(&agent.resources).into(),
            one_line(&agent.containerizers.join(",")).into(),
            one_line(&attributes.join(" ")).into(),
        ]);
    }
    table.render(width)
}
