//! Whether the servers sync a message before they acknowledge it. Only their monitoring pages tell, over plain HTTP.
//!
//! By default a server syncs every two minutes, so that the loss of power loses messages that it has acknowledged: with one
//! replica surely, with three when they lose it together.

use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::options::JetStreamOptions;
use crate::OpenError;

const PAGE_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_PAGE_BYTES: u64 = 1 << 20;
const ADVICE: &str = "set `jetstream { sync_interval: always }` in the configuration of every nats-server";

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    sync_always: bool,
}

/// Says loudly, or refuses, when acknowledged writes may get lost.
pub(super) async fn check(options: &JetStreamOptions) -> Result<(), OpenError> {
    let Some(reason) = doubt(options).await else { return Ok(()) };
    if options.strict_durability {
        return Err(OpenError::NotDurable { reason });
    }
    tracing::warn!(stream = options.stream(), "ACKNOWLEDGED WRITES MAY BE LOST when a server loses power: {reason}");
    Ok(())
}

/// Why the servers cannot be relied on; None if they can.
async fn doubt(options: &JetStreamOptions) -> Option<String> {
    if options.monitoring.is_empty() {
        return Some(format!("no monitoring address is known, so nobody can tell whether they sync; {ADVICE}"));
    }
    for address in &options.monitoring {
        match timeout(PAGE_TIMEOUT, sync_always(address)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Some(format!("{address} acknowledges before it syncs; {ADVICE}")),
            Ok(Err(reason)) => return Some(format!("{address} does not tell whether it syncs: {reason}")),
            Err(_) => return Some(format!("{address} does not tell whether it syncs: no answer")),
        }
    }
    let (known, wanted) = (options.monitoring.len(), options.replicas);
    (known < wanted).then(|| format!("of {wanted} servers only {known} told whether they sync; name all of them"))
}

async fn sync_always(address: &str) -> Result<bool, String> {
    let host = address.strip_prefix("http://").ok_or("only http:// is understood")?;
    let host = host.split('/').next().unwrap_or(host);
    let mut stream = TcpStream::connect(host).await.map_err(|error| error.to_string())?;
    // The older protocol, because its answers come in one piece and end with the connection.
    let request = format!("GET /jsz HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.take(MAX_PAGE_BYTES).read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is cut off")?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("the answer is {status:?}"));
    }
    let page: Page = serde_json::from_str(body).map_err(|error| error.to_string())?;
    Ok(page.config.sync_always)
}
