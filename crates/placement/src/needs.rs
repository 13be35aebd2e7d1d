//! What a request needs of an agent, and the filters that ask for it: for one agent, and for a block of them at once.
//!
//! Both forms ask in the order of [`model::Filter`]. Must not know what a policy prefers.

use model::WHOLE_GPU;

use crate::columns::{Dimension, GPU_SHARE, LANES, NARROW_COLUMNS, NARROWED, PORTS, Stock, WHOLE_GPUS};
use crate::ports::AgentPorts;
use crate::{PortWanted, Request};

/// In a narrow column: nothing is needed.
const NOTHING: i32 = i32::MIN;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) is_container: bool,
    /// By narrow column.
    pub(crate) least: [i32; NARROW_COLUMNS],
    /// More cpus, memory or disk than a narrow column can tell.
    wide: [Option<i64>; NARROWED.len()],
    /// A part of a GPU beside whole ones.
    part_beside_whole: Option<i16>,
    fixed_ports: Vec<u16>,
}

impl Needs {
    pub(crate) fn of(request: &Request) -> Self {
        let mut needs = Self {
            is_container: request.is_container,
            least: [NOTHING; NARROW_COLUMNS],
            wide: [None; NARROWED.len()],
            part_beside_whole: None,
            fixed_ports: fixed_ports(request),
        };
        for dimension in NARROWED {
            let column = dimension as usize;
            match request.amount(dimension).0 {
                ..=0 => {}
                amount => match i32::try_from(amount) {
                    Ok(amount) => needs.least[column] = amount,
                    Err(_) => {
                        needs.least[column] = i32::MAX;
                        needs.wide[column] = Some(amount);
                    }
                },
            }
        }
        let gpus = request.gpus.0.max(0);
        let (whole, part) = (gpus / WHOLE_GPU.0, (gpus % WHOLE_GPU.0) as i16);
        match (whole, part) {
            (0, 0) => {}
            (0, part) => needs.least[GPU_SHARE] = part.into(),
            (whole, part) => {
                needs.least[WHOLE_GPUS] = i32::try_from(whole).unwrap_or(i32::MAX);
                needs.part_beside_whole = Some(part).filter(|part| *part > 0);
            }
        }
        if !request.ports.is_empty() {
            needs.least[PORTS] = i32::try_from(request.ports.len()).unwrap_or(i32::MAX);
        }
        needs
    }

    pub(crate) fn dimension(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::Gpus => self.gpus(),
            _ => self.least[dimension as usize] != NOTHING,
        }
    }

    fn gpus(&self) -> bool {
        self.least[WHOLE_GPUS] != NOTHING || self.least[GPU_SHARE] != NOTHING
    }

    pub(crate) fn ports(&self) -> bool {
        self.least[PORTS] != NOTHING
    }

    /// Whether the narrow columns do not tell all.
    pub(crate) fn is_more_than_narrow(&self) -> bool {
        self.wide.iter().any(Option::is_some) || self.part_beside_whole.is_some() || !self.fixed_ports.is_empty()
    }

    pub(crate) fn has_fixed_ports(&self) -> bool {
        !self.fixed_ports.is_empty()
    }

    pub(crate) fn fit_narrow(&self, fits: &[i32; NARROW_COLUMNS]) -> bool {
        self.least.iter().zip(fits).all(|(least, fit)| fit >= least)
    }

    /// Whether one agent has enough of a dimension of which something is needed.
    pub(crate) fn fits(&self, dimension: Dimension, stock: &Stock, lane: usize) -> bool {
        let has = |column: usize| stock.fit[column][lane] >= self.least[column];
        match dimension {
            Dimension::Gpus => has(WHOLE_GPUS) && has(GPU_SHARE) && self.fits_part(stock, lane),
            _ => has(dimension as usize) && self.fits_wide(dimension, stock, lane),
        }
    }

    pub(crate) fn fits_ports(&self, stock: &Stock, lane: usize, ports: &AgentPorts) -> bool {
        stock.fit[PORTS][lane] >= self.least[PORTS] && self.fixed_ports_are_free(ports)
    }

    /// What the narrow columns do not tell.
    pub(crate) fn fit_beyond_narrow(&self, stock: &Stock, lane: usize, ports: &AgentPorts) -> bool {
        NARROWED.into_iter().all(|dimension| self.fits_wide(dimension, stock, lane))
            && self.fits_part(stock, lane)
            && self.fixed_ports_are_free(ports)
    }

    fn fits_wide(&self, dimension: Dimension, stock: &Stock, lane: usize) -> bool {
        self.wide[dimension as usize].is_none_or(|amount| stock.free[dimension as usize][lane] >= amount)
    }

    /// Another GPU than the whole ones has the part: with one more whole GPU than needed, that one.
    fn fits_part(&self, stock: &Stock, lane: usize) -> bool {
        let Some(part) = self.part_beside_whole else { return true };
        let has_it = stock.gpus_of(lane).iter().filter(|free| **free >= part).count();
        has_it as i64 > i64::from(self.least[WHOLE_GPUS])
    }

    /// No port twice, and each of them free.
    fn fixed_ports_are_free(&self, ports: &AgentPorts) -> bool {
        let fixed = self.fixed_ports.iter().enumerate();
        fixed.into_iter().all(|(index, port)| !self.fixed_ports[..index].contains(port) && ports.free().contains(*port))
    }

    /// Rules out the agents that have too little of a dimension, and returns how many are left.
    pub(crate) fn narrow(&self, dimension: Dimension, stock: &Stock, ok: &mut [i32; LANES]) -> u32 {
        if dimension == Dimension::Gpus {
            narrow(ok, &stock.fit[WHOLE_GPUS], self.least[WHOLE_GPUS]);
            let passed = narrow(ok, &stock.fit[GPU_SHARE], self.least[GPU_SHARE]);
            return match self.part_beside_whole {
                None => passed,
                Some(_) => narrow_by(ok, |lane| self.fits_part(stock, lane)),
            };
        }
        match self.wide[dimension as usize] {
            None => narrow(ok, &stock.fit[dimension as usize], self.least[dimension as usize]),
            Some(_) => narrow_by(ok, |lane| self.fits_wide(dimension, stock, lane)),
        }
    }

    pub(crate) fn narrow_ports<'p>(
        &self,
        stock: &Stock,
        ports: impl Fn(usize) -> &'p AgentPorts,
        ok: &mut [i32; LANES],
    ) -> u32 {
        let passed = narrow(ok, &stock.fit[PORTS], self.least[PORTS]);
        if self.fixed_ports.is_empty() {
            return passed;
        }
        narrow_by(ok, |lane| self.fixed_ports_are_free(ports(lane)))
    }
}

fn fixed_ports(request: &Request) -> Vec<u16> {
    let fixed = request.ports.iter().filter_map(|port| match port {
        PortWanted::Fixed(port) => Some(*port),
        PortWanted::Any => None,
    });
    fixed.collect()
}

pub(crate) fn count(ok: &[i32; LANES]) -> u32 {
    ok.iter().sum::<i32>().unsigned_abs()
}

fn narrow(ok: &mut [i32; LANES], fit: &[i32; LANES], need: i32) -> u32 {
    let mut sum = 0;
    for (ok, fit) in ok.iter_mut().zip(fit) {
        *ok &= -i32::from(*fit >= need);
        sum += *ok;
    }
    sum.unsigned_abs()
}

fn narrow_by(ok: &mut [i32; LANES], fits: impl Fn(usize) -> bool) -> u32 {
    for (lane, ok) in ok.iter_mut().enumerate() {
        if *ok != 0 {
            *ok = -i32::from(fits(lane));
        }
    }
    count(ok)
}
