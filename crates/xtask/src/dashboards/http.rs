//! As much of HTTP as it takes to ask a server on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// An answer whose body is read as it comes.
pub(crate) struct Streamed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: BufReader<TcpStream>,
}

pub(crate) fn get(address: &str, path: &str) -> anyhow::Result<Answer> {
    ask(address, "GET", path, &[], "")
}

pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Answer> {
    let (status, mut streamed) = begin(address, method, path, headers, body, Some(PATIENCE))?;
    let mut body = String::new();
    streamed.body.read_to_string(&mut body)?;
    Ok(Answer { status, body })
}

pub(crate) fn stream(address: &str, path: &str, headers: &[(&str, &str)], body: &str) -> anyhow::Result<Streamed> {
    match begin(address, "POST", path, headers, body, None)? {
        (200, streamed) => Ok(streamed),
        (status, _) => bail!("{address}{path} answered {status}"),
    }
}

/// Version 1.0, so that the body is what comes until the end.
fn begin(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    patience: Option<Duration>,
) -> anyhow::Result<(u16, Streamed)> {
    let mut server = TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
    server.set_read_timeout(patience)?;
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let bytes = body.len();
    let head = "Content-Type: application/json\r\nAccept: application/json";
    let said =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{head}\r\nContent-Length: {bytes}\r\n{more}\r\n");
    server.write_all(said.as_bytes())?;
    server.write_all(body.as_bytes())?;
    let mut lines = BufReader::new(server);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("{address} answered '{}'", line.trim()))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        lines.read_line(&mut line)?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Ok((status, Streamed { headers, body: lines })),
        }
    }
}

/// For a query in a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
