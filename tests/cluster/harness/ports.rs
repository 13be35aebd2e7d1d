//! Ports that nobody else takes while the tests run: not the kernel, not another test, not another run of the tests.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::{Range, RangeInclusive};
use std::sync::{Mutex, PoisonError};

/// Below the ports that the kernel gives to outgoing connections by itself.
const RANGE: Range<u16> = 22_000..24_000;

/// A port is taken for the tests by its number in UDP, which nothing under test uses; its number in TCP stays free.
/// Held until this process ends.
static TAKEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

pub(crate) fn free_port() -> u16 {
    *free_run(1).start()
}

/// So many ports in a row, as an agent's resources have them: for tasks that really listen.
pub(crate) fn free_ports(count: u16) -> String {
    let run = free_run(count);
    format!("{}-{}", run.start(), run.end())
}

fn free_run(count: u16) -> RangeInclusive<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut first = RANGE.start;
    while first + count <= RANGE.end {
        let run = first..first + count;
        let held: Result<Vec<UdpSocket>, u16> = run.clone().map(|port| take(port).ok_or(port)).collect();
        match held {
            Ok(held) => {
                taken.extend(held);
                return run.start..=run.end - 1;
            }
            Err(in_use) => first = in_use + 1,
        }
    }
    panic!("there are no {count} free ports in a row in {RANGE:?}");
}

/// None when somebody uses the port.
fn take(port: u16) -> Option<UdpSocket> {
    let held = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok()?;
    Some(held)
}
