//! A server whose disk is really full. Needs the right to mount, and says loudly when it has none.
//!
//! Older servers refuse a message then. Newer ones do not answer, and take no further one until they are started again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{AppendError, JetStreamOptions};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::server::{Server, Settings, available, open};
use crate::writer::Writer;

const DISK_MB: usize = 32;
const BALLAST_MB: usize = 28;

/// A file system of its own for a server's store, gone with the value.
struct Disk(PathBuf);

impl Disk {
    fn new(folder: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&folder).expect("the server's folder is writable");
        let size = format!("size={DISK_MB}m");
        match mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some(size.as_str())) {
            Ok(()) => Some(Self(folder)),
            Err(error) => {
                eprintln!("##### SKIPPED: cannot mount a small disk for this test ({error}); run it as root #####");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).expect("the small disk unmounts");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_is_hinted_at() {
    if !available() {
        return;
    }
    let mut server = Server::start(Settings::default()).await;
    server.kill();
    let Some(disk) = Disk::new(server.store()) else { return };
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![7; BALLAST_MB << 20]).expect("there is space");
    server.restart().await;
    let options = JetStreamOptions {
        ack_timeout: Duration::from_millis(400),
        append_timeout: Duration::from_millis(800),
        ..server.options()
    };
    let log = Arc::new(open(&options).await);
    let mut writer = Writer::new(Arc::clone(&log));
    let told = loop {
        if let Err(error) = writer.append().await {
            break error;
        }
        assert!(writer.batches.len() < 5000, "the disk does not get full");
    };
    match told {
        AppendError::Unknown { reason } => assert!(reason.contains("a disk may be full"), "{reason}"),
        AppendError::Full { reason } => assert!(reason.contains("no space left"), "{reason}"),
        told => panic!("a full disk is told as such, not as: {told}"),
    }
    std::fs::remove_file(&ballast).expect("the ballast is there");
    server.kill();
    server.restart().await;
    writer.append_all(20).await;
    writer.assert_all_there().await;
    server.kill();
}
