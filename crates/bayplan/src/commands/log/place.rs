//! Opens the log that a command means.

use eventlog::{JetStreamLog, JetStreamOptions, Options, RocksLog};

use crate::cli::log::LogPlace;
use crate::cli::log_commands::{NewPlace, Place};
use crate::failure::Failure;
use crate::node::folder;
use crate::node::master::LOG_FOLDER;

pub(super) enum Opened {
    Folder(RocksLog),
    Nats(JetStreamLog),
}

/// A log that is there.
pub(super) async fn existing(place: &Place) -> Result<Opened, Failure> {
    let options = JetStreamOptions { create: false, ..JetStreamOptions::default() };
    open(place, options).await
}

/// A log that may have to be made.
pub(super) async fn new(NewPlace { place, log_replicas, log_max_bytes, .. }: &NewPlace) -> Result<Opened, Failure> {
    if place.log == LogPlace::Folder {
        folder::create(&folder::choose(place.dir.clone(), "master"), "--dir")?;
    }
    let (replicas, max_bytes) = (*log_replicas, *log_max_bytes);
    open(place, JetStreamOptions { replicas, max_bytes, ..JetStreamOptions::default() }).await
}

async fn open(place: &Place, options: JetStreamOptions) -> Result<Opened, Failure> {
    if let LogPlace::Nats(servers) = &place.log {
        let options = JetStreamOptions { servers: servers.clone(), cluster: place.cluster.clone(), ..options };
        return Ok(Opened::Nats(JetStreamLog::open(options).await?));
    }
    let folder = folder::choose(place.dir.clone(), "master").join(LOG_FOLDER);
    if !options.create && !folder.join("CURRENT").is_file() {
        let folder = folder.display();
        return Err(Failure::NotFound(format!("there is no log in {folder}; name the master's folder with --dir")));
    }
    Ok(Opened::Folder(RocksLog::open(folder, Options::default()).await?))
}
