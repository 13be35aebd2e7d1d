//! Amounts of resources.

use protocol::operator::{Quantities, ResourceUse};

/// Without needless zeros, rounded to thousandths: `0.5`, `12`.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An amount given in MB: `300 MB`, `7.5 GB`.
pub(crate) fn megabytes(mb: f64) -> String {
    if mb < 1024.0 {
        return format!("{} MB", number(mb));
    }
    let gb = format!("{:.1}", mb / 1024.0);
    format!("{} GB", gb.trim_end_matches('0').trim_end_matches('.'))
}

pub(crate) fn cpus_of(resources: &ResourceUse) -> String {
    format!("{}/{}", number(resources.used.cpus), number(resources.total.cpus))
}

pub(crate) fn mem_of(resources: &ResourceUse) -> String {
    format!("{} of {}", megabytes(resources.used.mem), megabytes(resources.total.mem))
}

pub(crate) fn disk_of(resources: &ResourceUse) -> String {
    format!("{} of {}", megabytes(resources.used.disk), megabytes(resources.total.disk))
}

/// `0.5 cpus, 300 MB of memory`, and disk and GPUs where there are any.
pub(crate) fn summary(resources: &Quantities) -> String {
    let mut parts = vec![format!("{} cpus", number(resources.cpus)), format!("{} of memory", megabytes(resources.mem))];
    if resources.disk > 0.0 {
        parts.push(format!("{} of disk", megabytes(resources.disk)));
    }
    if resources.gpus > 0.0 {
        parts.push(format!("{} gpus", number(resources.gpus)));
    }
    if !resources.ports.is_empty() {
        parts.push(format!("ports {}", resources.ports));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!([0.0, 0.5, 12.0, 1.2344].map(number), ["0", "0.5", "12", "1.234"]);
        assert_eq!([0.5, 300.0, 1024.0, 7680.0].map(megabytes), ["0.5 MB", "300 MB", "1 GB", "7.5 GB"]);
    }
}
