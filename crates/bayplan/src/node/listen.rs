//! Addresses to listen on: safe ones, and free ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::token::Token;

/// An address, with the flag that it was given by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) flag: &'static str,
    pub(super) address: SocketAddr,
}

/// Refuses to let other machines in without a token.
pub(super) fn check_protected(wanted: &[Wanted], token: Option<&Token>) -> Result<(), Failure> {
    let open = wanted.iter().find(|wanted| !wanted.address.ip().is_loopback());
    match (open, token) {
        (Some(Wanted { flag, address }), None) => Err(Failure::Usage(format!(
            "{flag} {address}: other machines can reach this address, and whoever may start a task owns this machine; \
             give --token-file FILE (a file that only you can read), or listen on 127.0.0.1"
        ))),
        _ => Ok(()),
    }
}

pub(super) async fn bind(wanted: Wanted) -> Result<TcpListener, Failure> {
    let Wanted { flag, address } = wanted;
    TcpListener::bind(address).await.map_err(|error| {
        let way_out = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another process uses it; is a bayplan running already? If so, end it, or",
            std::io::ErrorKind::PermissionDenied => "this user may not use it;",
            std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address;",
            _ => "",
        };
        Failure::failed(format!("cannot listen on {address} ({error}): {way_out} choose another address with {flag}"))
    })
}

/// Where a client on this machine reaches a listener.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(address: &str) -> Wanted {
        Wanted { flag: "--listen", address: address.parse().expect("an address") }
    }

    #[test]
    fn only_loopback_is_open_without_a_token() {
        assert!(check_protected(&[wanted("127.0.0.1:1"), wanted("[::1]:1"), wanted("127.8.8.8:1")], None).is_ok());
        for open in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
            let refusal = check_protected(&[wanted("127.0.0.1:1"), wanted(open)], None).expect_err(open);
            assert!(refusal.to_string().contains("--token-file"), "{refusal}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_names_the_flag() {
        let held = bind(wanted("127.0.0.1:0")).await.expect("a free port");
        let address = held.local_addr().expect("bound");
        let refusal = bind(Wanted { flag: "--marathon-listen", address }).await.expect_err("in use").to_string();
        assert!(refusal.contains("--marathon-listen") && refusal.contains(&address.to_string()), "{refusal}");
    }
}
