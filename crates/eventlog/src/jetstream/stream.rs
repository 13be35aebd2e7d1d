//! The stream behind a log: made with explicit limits, and refused when its settings would let it lose history.

use std::time::Instant;

use serde_json::Value;

use super::api::{ApiError, StreamConfig, StreamInfo, code, new_stream};
use super::link::{Link, Pauses, Trouble};
use crate::OpenError;

/// Finds the stream, or makes it, and checks it. Servers that have just started may need some time.
pub(super) async fn open(link: &Link) -> Result<StreamInfo, OpenError> {
    let deadline = Instant::now() + link.options.open_timeout;
    let mut pauses = Pauses::default();
    loop {
        match find_or_make(link).await {
            Ok(info) => {
                check(link, &info.config)?;
                link.identify(&info);
                return Ok(info);
            }
            Err(Trouble::Refused(error)) if is_final(error.err_code) => {
                return Err(refused(link, &error));
            }
            Err(trouble) if Instant::now() >= deadline => {
                if let Trouble::Refused(error) = &trouble
                    && error.err_code == code::NO_SUITABLE_PEERS
                {
                    return Err(refused(link, error));
                }
                let server = link.client.server_info();
                let server = format!("{}:{}", server.host, server.port);
                return Err(OpenError::NotReady { server, reason: trouble.to_string() });
            }
            Err(_) => pauses.pause(deadline).await,
        }
    }
}

fn refused(link: &Link, error: &ApiError) -> OpenError {
    let (stream, max_bytes) = (link.stream.clone(), link.options.max_bytes);
    let reason = format!("{} (code {})", error.description, error.err_code);
    match error.err_code {
        code::STREAM_NOT_FOUND => OpenError::NoStream { stream },
        code::STORAGE_EXCEEDED | code::NO_SUITABLE_PEERS => {
            OpenError::NoRoom { stream, max_bytes, replicas: link.options.replicas, reason }
        }
        _ => OpenError::UnfitStream { stream, reason },
    }
}

/// What waiting does not change.
fn is_final(err_code: u64) -> bool {
    matches!(
        err_code,
        code::STREAM_NOT_FOUND | code::SUBJECTS_OVERLAP | code::STORAGE_EXCEEDED | code::REPLICAS_NOT_SUPPORTED
    )
}

async fn find_or_make(link: &Link) -> Result<StreamInfo, Trouble> {
    match link.info().await {
        Err(trouble) if trouble.is(code::STREAM_NOT_FOUND) && link.options.create => {}
        outcome => return outcome,
    }
    let config = new_stream(&link.options, link.client.max_payload());
    let made: Result<StreamInfo, Trouble> = link.ask(&format!("STREAM.CREATE.{}", link.stream), &config).await;
    match made {
        // Another master was quicker, and chose otherwise; its stream is checked as any other.
        Err(trouble) if trouble.is(code::STREAM_NAME_IN_USE) => link.info().await,
        Ok(info) => {
            tracing::info!(stream = link.stream, replicas = info.config.num_replicas, "the log's stream was made");
            Ok(info)
        }
        outcome => outcome,
    }
}

fn check(link: &Link, config: &StreamConfig) -> Result<(), OpenError> {
    if let Some(reason) = unfit(config, &link.subject) {
        return Err(OpenError::UnfitStream { stream: link.stream.clone(), reason });
    }
    let (found, wanted) = (config.num_replicas, link.options.replicas);
    if found != wanted {
        tracing::warn!(stream = link.stream, found, wanted, "the log's stream has another number of replicas");
    }
    if config.max_bytes <= 0 {
        tracing::warn!(
            stream = link.stream,
            "the log's stream has no limit of its size, and may fill the servers' disks"
        );
    }
    Ok(())
}

/// Why a stream cannot be a log.
fn unfit(config: &StreamConfig, subject: &str) -> Option<String> {
    let is_set = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null());
    if config.subjects != [subject] {
        let found = config.subjects.join(", ");
        return Some(format!("it belongs to something else: its subjects are [{found}], not [{subject}]"));
    }
    let settings = [
        (config.retention != "limits", "retention is not `limits`, so that messages go when they were read"),
        (config.discard != "new", "discard is not `new`, so that it drops the oldest messages when it is full"),
        (config.storage != "file", "storage is not `file`, so that a restart loses it"),
        (config.max_age != 0, "max_age is set, so that it drops old messages"),
        (config.max_msgs > 0, "max_msgs is set; max_bytes is the one limit that a log has"),
        (config.max_msgs_per_subject > 0, "max_msgs_per_subject is set, so that it drops old messages"),
        (config.allow_rollup_hdrs, "allow_rollup_hdrs is on, so that one message may replace all others"),
        (config.allow_msg_ttl, "allow_msg_ttl is on, so that messages may go by themselves"),
        (config.allow_msg_counter, "allow_msg_counter is on, so that messages are changed"),
        (config.allow_msg_schedules, "allow_msg_schedules is on, so that messages go by themselves"),
        (config.persist_mode == "async", "persist_mode is `async`, so that it acknowledges what it has not written"),
        (config.no_ack, "no_ack is on, so that nobody learns what was written"),
        (config.sealed, "it is sealed, so that nothing can be written"),
        (config.first_seq > 1, "first_seq is set, so that positions do not begin at 1"),
        (is_set(&config.mirror), "it mirrors another stream"),
        (is_set(&config.sources), "it has other streams as sources"),
        (is_set(&config.subject_transform), "it changes subjects"),
    ];
    let (_, reason) = settings.into_iter().find(|(wrong, _)| *wrong)?;
    Some(reason.to_owned())
}
