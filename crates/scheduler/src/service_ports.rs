//! Service ports: where load balancers will listen. One that the app leaves open is chosen here.

use model::{AppId, AppSpec};
use state::State;

use crate::Rejection;

/// Marathon's range.
const FIRST: u16 = 10_000;
const LAST: u16 = 20_000;

/// A set of ports as one bit for each, because it is made anew from all apps with every change of one.
pub(crate) struct Ports(Box<[u64; Self::WORDS]>);

impl Ports {
    const WORDS: usize = (1 << 16) / Self::WORD_BITS;
    const WORD_BITS: usize = u64::BITS as usize;

    fn of(ports: impl Iterator<Item = u16>) -> Self {
        let mut set = Self(Box::new([0; Self::WORDS]));
        ports.for_each(|port| set.insert(port));
        set
    }

    fn insert(&mut self, port: u16) {
        self.0[usize::from(port) / Self::WORD_BITS] |= 1 << (usize::from(port) % Self::WORD_BITS);
    }

    fn contains(&self, port: u16) -> bool {
        self.0[usize::from(port) / Self::WORD_BITS] >> (usize::from(port) % Self::WORD_BITS) & 1 == 1
    }
}

/// Fills in the service ports that are 0, with the lowest that no app has, and, where the app requires its
/// ports, the host ports with them.
pub(crate) fn fill(state: &State, taken: &mut Ports, app: &mut AppSpec) -> Result<(), Rejection> {
    let own: Vec<u16> = state.apps.get(&app.id).map(|row| ports_of(&row.spec).collect()).unwrap_or_default();
    for index in 0..app.ports.len() {
        if app.ports[index].service_port == 0 {
            let free = (FIRST..=LAST).find(|port| !taken.contains(*port) && !own.contains(port));
            app.ports[index].service_port = free.ok_or_else(|| exhausted(&app.id))?;
        }
        let port = &mut app.ports[index];
        taken.insert(port.service_port);
        if app.require_ports && port.container_port.is_none() {
            port.host_port = port.service_port;
        }
    }
    Ok(())
}

/// Every service port of every app but the given ones.
pub(crate) fn taken(state: &State, but: &[&AppId]) -> Ports {
    let others = state.apps.iter().filter(|(id, _)| !but.contains(id));
    Ports::of(others.flat_map(|(_, row)| ports_of(&row.spec)))
}

fn ports_of(app: &AppSpec) -> impl Iterator<Item = u16> + '_ {
    app.ports.iter().map(|port| port.service_port)
}

fn exhausted(app: &AppId) -> Rejection {
    Rejection::InvalidApp {
        app: app.clone(),
        field: "servicePort".to_owned(),
        reason: format!("cannot be chosen: every port from {FIRST} to {LAST} is taken; give one of your own"),
    }
}
