//! The way from a master to the NATS server, which can be blocked: what is sent waits, as behind a broken switch.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(50);
const PIECE_BYTES: usize = 64 << 10;

pub(crate) struct Way {
    pub(crate) port: u16,
    is_blocked: Arc<AtomicBool>,
}

impl Way {
    pub(crate) fn to(port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let own = listener.local_addr()?.port();
        let is_blocked = Arc::new(AtomicBool::new(false));
        let blocked = Arc::clone(&is_blocked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let ends = (client.try_clone(), server.try_clone());
                let (Ok(client_too), Ok(server_too)) = ends else { continue };
                for (from, to) in [(client, server), (server_too, client_too)] {
                    let blocked = Arc::clone(&blocked);
                    thread::spawn(move || pass_on(from, to, &blocked));
                }
            }
        });
        Ok(Self { port: own, is_blocked })
    }

    pub(crate) fn block(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_blocked: &AtomicBool) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        while is_blocked.load(Ordering::Relaxed) {
            thread::sleep(LOOK_AGAIN);
        }
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
