//! The view with what was placed since laid over it, at the cost of the blocks that were touched.

use std::collections::BTreeMap;

use model::{GpuSlots, PortRanges};

use crate::Request;
use crate::columns::{Amounts, Columns, LANES, Node, Stock};
use crate::ports::AgentPorts;

pub(crate) struct Ledger<'a> {
    pub(crate) columns: &'a Columns,
    /// By block, those that differ from the view's; empty until there is one.
    stock: Vec<Option<Box<Stock>>>,
    /// By block, a bit for each row that was changed.
    touched: Vec<u128>,
    /// Rows whose ports differ from the view's.
    ports: BTreeMap<usize, AgentPorts>,
}

impl<'a> Ledger<'a> {
    pub(crate) const fn new(columns: &'a Columns) -> Self {
        Self { columns, stock: Vec::new(), touched: Vec::new(), ports: BTreeMap::new() }
    }

    pub(crate) fn stock(&self, block: usize) -> &Stock {
        match self.stock.get(block) {
            Some(Some(changed)) => changed,
            _ => &self.columns.stock[block],
        }
    }

    pub(crate) fn node(&self, row: usize) -> Node<'_> {
        let (block, lane) = (row / LANES, row % LANES);
        Node::new(self.columns, &self.columns.roster[block], self.stock(block), row, lane)
    }

    pub(crate) fn ports(&self, row: usize) -> &AgentPorts {
        self.ports.get(&row).unwrap_or(&self.columns.ports[row])
    }

    fn stock_mut(&mut self, block: usize) -> &mut Stock {
        if self.stock.is_empty() {
            self.stock.resize_with(self.columns.stock.len(), || None);
            self.touched.resize(self.columns.stock.len(), 0);
        }
        self.stock[block].get_or_insert_with(|| Box::new(self.columns.stock[block].clone()))
    }

    fn ports_mut(&mut self, row: usize) -> &mut AgentPorts {
        self.ports.entry(row).or_insert_with(|| self.columns.ports[row].clone())
    }

    /// Takes what a request needs, and returns its host ports, among which the seed chooses.
    pub(crate) fn take(&mut self, row: usize, seed: u64, request: &Request, gpu_slots: &GpuSlots) -> Vec<u16> {
        self.change(row, request.amounts().map(|amount| -amount));
        if !gpu_slots.is_empty() {
            self.stock_mut(row / LANES).take_gpus(row % LANES, gpu_slots);
        }
        if request.ports.is_empty() {
            return Vec::new();
        }
        let picked = self.ports(row).pick(&request.ports, seed);
        let picked = picked.expect("the filters counted the free ports and looked for the fixed ones");
        self.take_ports(row, &picked);
        picked
    }

    /// The same with ports that were picked elsewhere.
    pub(crate) fn occupy(&mut self, row: usize, request: &Request, gpu_slots: &GpuSlots, ports: &[u16]) {
        self.change(row, request.amounts().map(|amount| -amount));
        if !gpu_slots.is_empty() {
            self.stock_mut(row / LANES).take_gpus(row % LANES, gpu_slots);
        }
        if !ports.is_empty() {
            self.take_ports(row, ports);
        }
    }

    fn take_ports(&mut self, row: usize, picked: &[u16]) {
        let taken = PortRanges::from_ports(picked.iter().copied());
        self.ports_mut(row).take(&taken);
        self.count_ports(row);
    }

    /// The opposite of [`Self::take`].
    pub(crate) fn give_back(&mut self, row: usize, request: &Request, gpu_slots: &GpuSlots, ports: &[u16]) {
        self.change(row, request.amounts());
        if !gpu_slots.is_empty() {
            self.stock_mut(row / LANES).give_gpus_back(row % LANES, gpu_slots);
        }
        if !ports.is_empty() {
            self.ports_mut(row).give_back(&PortRanges::from_ports(ports.iter().copied()));
            self.count_ports(row);
        }
    }

    /// Takes everything that is free.
    pub(crate) fn withhold(&mut self, row: usize) {
        let free = self.stock(row / LANES).free(row % LANES);
        self.change(row, free.map(|free| -free.max(0)));
        self.stock_mut(row / LANES).set_gpus(row % LANES, &[]);
        let ports = self.ports_mut(row);
        let all = ports.free().clone();
        ports.take(&all);
        self.count_ports(row);
    }

    fn change(&mut self, row: usize, change: Amounts) {
        let scale = &self.columns.scale;
        self.stock_mut(row / LANES).change(row % LANES, change, scale);
        self.touched[row / LANES] |= 1 << (row % LANES);
    }

    /// Rows that may not be as in the view.
    pub(crate) fn touched(&self) -> impl Iterator<Item = usize> + '_ {
        let blocks = self.touched.iter().enumerate();
        blocks.flat_map(|(block, touched)| {
            let mut left = *touched;
            std::iter::from_fn(move || {
                let lane = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                (lane < LANES).then_some(block * LANES + lane)
            })
        })
    }

    fn count_ports(&mut self, row: usize) {
        let count = self.ports(row).free().len();
        self.stock_mut(row / LANES).set_free_ports(row % LANES, count);
    }
}
