//! `bayplan leader`

use model::Epoch;
use protocol::operator::{HandedOver, LeaderView, MasterRole};

use super::time::age;
use super::{Align, Cell, Table, one_line};
use crate::output::{BAD, BOLD, BUSY, GOOD, styled};

const COLUMNS: [(&str, Align); 5] = [
    ("MASTER", Align::Left),
    ("ROLE", Align::Left),
    ("RECORD", Align::Right),
    ("OPERATOR", Align::Left),
    ("MARATHON", Align::Left),
];

/// Before the first record.
pub(crate) const NOBODY_YET: &str = "nobody leads yet";

pub(crate) fn view(view: &LeaderView, width: Option<usize>) -> String {
    let since = format!("for {}, epoch {}", age(view.led_since, view.now), view.epoch);
    let first = match &view.leader {
        Some(leader) => format!("{} leads {since}", styled(BOLD, &one_line(leader))),
        None if view.epoch == Epoch::default() => NOBODY_YET.to_owned(),
        None => format!("{}; the last epoch is {}", styled(BAD, "no master leads at the moment"), view.epoch),
    };
    let mut table = Table::new(&COLUMNS);
    // Before anybody led there is none that would have answered.
    for master in view.masters.iter().filter(|master| !master.name.is_empty()) {
        let role = match master.role {
            MasterRole::Leading => Cell::styled("leads", GOOD),
            MasterRole::Following => Cell::styled("follows", BUSY),
        };
        let this = if master.answers_this { " (answers this)" } else { "" };
        let addresses = master.addresses.as_ref();
        table.row([
            format!("{}{this}", one_line(&master.name)).into(),
            role,
            master.seq.to_string().into(),
            addresses.map_or_else(String::new, |addresses| one_line(&addresses.operator)).into(),
            addresses.map_or_else(String::new, |addresses| one_line(&addresses.marathon)).into(),
        ]);
    }
    let is_known = view.masters.iter().any(|master| !master.name.is_empty());
    let table = if is_known { table.render(width) } else { String::new() };
    format!("{first}\n{table}")
}

pub(crate) fn handed_over(handed_over: &HandedOver) -> String {
    format!("{} leads.\n", styled(BOLD, &one_line(&handed_over.leader)))
}
