//! A run as published results have it: the mean over all arrivals at which the GPUs asked for so far come to so many percent of
//! what there is.

use std::cmp::Ordering;

use crate::Run;

/// One column: the arrivals at which the request has come to `percent` of all GPUs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    pub percent: u32,
    pub arrivals: usize,
    /// Allocated, in percent of all GPUs.
    pub allocated: f64,
    /// Fragmented, in percent of all GPUs.
    pub fragmented: f64,
    /// Fragmented, in percent of the idle GPUs.
    pub fragmented_of_idle: f64,
}

/// Rounded to whole percents; halves to even ones.
fn percent(part: u64, total: u64) -> u32 {
    let (whole, rest) = (part * 100 / total, part * 100 % total);
    let up = match (rest * 2).cmp(&total) {
        Ordering::Less => 0,
        Ordering::Equal => whole % 2,
        Ordering::Greater => 1,
    };
    u32::try_from(whole + up).unwrap_or(u32::MAX)
}

impl Run {
    /// In the order of percents; those that no arrival comes to are left out.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        let total = self.total.max(1) as f64;
        let mut columns: Vec<Column> = Vec::new();
        for point in &self.points {
            let percent = percent(point.arrived, self.total.max(1));
            let idle = (self.total - point.allocated) as f64;
            let fragmented = point.fragmented as f64;
            let column = match columns.last_mut().filter(|column| column.percent == percent) {
                Some(column) => column,
                None => {
                    let (arrivals, allocated, fragmented, fragmented_of_idle) = (0, 0.0, 0.0, 0.0);
                    columns.push(Column { percent, arrivals, allocated, fragmented, fragmented_of_idle });
                    columns.last_mut().expect("one was just put there")
                }
            };
            column.arrivals += 1;
            column.allocated += point.allocated as f64 / total * 100.0;
            column.fragmented += fragmented / total * 100.0;
            column.fragmented_of_idle += if idle > 0.0 { fragmented / idle * 100.0 } else { 0.0 };
        }
        for column in &mut columns {
            let arrivals = column.arrivals as f64;
            column.allocated /= arrivals;
            column.fragmented /= arrivals;
            column.fragmented_of_idle /= arrivals;
        }
        columns
    }
}
