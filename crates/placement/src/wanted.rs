//! What the cluster is asked for, in the forms that policies look at; each is made when a policy first looks at it.

use std::sync::OnceLock;

use crate::View;
use crate::slots::Slots;
use crate::typical::Typical;

/// Of one revision of the demand and of the agents.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    typical: OnceLock<Typical>,
    slots: OnceLock<Slots>,
}

impl Wanted {
    pub(crate) fn typical(&self, view: &View) -> &Typical {
        self.typical.get_or_init(|| Typical::of(&view.demand, &view.columns))
    }

    pub(crate) fn slots(&self, view: &View) -> &Slots {
        self.slots.get_or_init(|| Slots::of(&view.demand, &view.columns))
    }
}
