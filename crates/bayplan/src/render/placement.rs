//! `bayplan placement list`

use protocol::operator::PolicyList;

use super::{Align, Cell, Table, one_line};
use crate::output::GOOD;

pub(crate) fn list(list: &PolicyList, width: Option<usize>) -> String {
    let mut table = Table::new(&[("POLICY", Align::Left), ("ACTIVE", Align::Left), ("ABOUT", Align::Left)]);
    for policy in &list.policies {
        let active = if policy.active { Cell::styled("yes", GOOD) } else { Cell::new("no") };
        table.row([policy.name.clone().into(), active, one_line(&policy.description).into()]);
    }
    table.render(width)
}
