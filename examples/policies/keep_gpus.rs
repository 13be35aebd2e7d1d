//! The policy of `keep_gpus.c` in Rust: `make -C examples/policies keep_gpus_rust.wasm`. It needs no package, only the target
//! wasm32-unknown-unknown.

#![no_std]

use core::slice::{from_raw_parts, from_raw_parts_mut};

/// As in `bayplan_policy.h`, which says what everything is.
#[repr(C)]
pub struct Batch {
    abi_version: u32,
    agents: u32,
    seed: u64,
    wanted: [i64; 4],
    largest: [i64; 4],
    ports_wanted: u32,
    is_container: u32,
    ids: *const u32,
    total: [*const i64; 4],
    free: [*const i64; 4],
    free_ports: *const u32,
    instances: *const u32,
    gpu_starts: *const u32,
    gpu_shares: *const i16,
    scores: *mut i32,
}

const GPUS: usize = 3;
const WHOLE: i64 = 1000;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[no_mangle]
pub extern "C" fn bayplan_abi_version() -> i32 {
    1
}

/// # Safety
/// The host calls it with a batch that is as the header says.
#[no_mangle]
pub unsafe extern "C" fn bayplan_assess(batch: &Batch) -> i32 {
    let agents = batch.agents as usize;
    let [total, free] = [batch.total, batch.free].map(|columns| columns.map(|column| from_raw_parts(column, agents)));
    let starts = from_raw_parts(batch.gpu_starts, agents + 1);
    let shares = from_raw_parts(batch.gpu_shares, starts[agents] as usize);
    let scores = from_raw_parts_mut(batch.scores, agents);
    for (agent, score) in scores.iter_mut().enumerate() {
        let is_kept = total[GPUS][agent] > 0 && batch.wanted[GPUS] == 0;
        let fit = gpu_fit(batch.wanted[GPUS], &shares[starts[agent] as usize..starts[agent + 1] as usize]);
        let used_share = |dimension: usize| {
            let total = total[dimension][agent];
            let used = total - free[dimension][agent] + batch.wanted[dimension];
            if total > 0 { used * WHOLE / total } else { 0 }
        };
        let used = (0..4).map(used_share).max().unwrap_or(0).clamp(0, WHOLE);
        *score = ((i64::from(!is_kept) * (WHOLE + 1) + fit) * (WHOLE + 1) + used) as i32;
    }
    0
}

fn gpu_fit(wanted: i64, shares: &[i16]) -> i64 {
    if wanted == 0 || wanted >= 1000 {
        return 0;
    }
    let left = shares.iter().map(|share| i64::from(*share) - wanted).filter(|left| *left >= 0).min();
    left.map_or(0, |left| WHOLE - left)
}
