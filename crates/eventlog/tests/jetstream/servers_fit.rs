//! Servers that cannot keep a log, or may lose it, are refused by name.

use std::time::Duration;

use eventlog::{JetStreamLog, JetStreamOptions, OpenError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::server::{Server, Settings, available, options};

async fn refusal(options: JetStreamOptions) -> OpenError {
    match JetStreamLog::open(options).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_durability_wants_to_see_that_every_server_syncs() {
    if !available() {
        return;
    }
    for sync_always in [true, false] {
        let server = Server::start(Settings { sync_always }).await;
        let strict = JetStreamOptions { strict_durability: true, ..server.options() };
        let unseen = refusal(strict.clone()).await.to_string();
        assert!(unseen.contains("no monitoring address is known"), "{unseen}");
        let seen = JetStreamOptions { monitoring: vec![server.monitoring()], ..strict };
        match JetStreamLog::open(seen.clone()).await {
            Ok(_) => assert!(sync_always, "what is acknowledged may be lost"),
            Err(OpenError::NotDurable { reason }) => {
                assert!(!sync_always && reason.contains("sync_interval: always"), "{reason}");
            }
            Err(error) => panic!("unexpected: {error}"),
        }
        let lax = JetStreamOptions { strict_durability: false, ..seen };
        JetStreamLog::open(lax).await.expect("there is a warning, and no more");
    }
}

/// A server of an old version, as far as the greeting goes.
#[tokio::test]
async fn an_old_server_is_refused_by_its_version() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the log connects");
        let greeting = r#"INFO {"server_id":"x","server_name":"old","version":"2.10.22","max_payload":1048576}"#;
        stream.write_all(format!("{greeting}\r\n").as_bytes()).await.expect("writes");
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line.starts_with("PING") {
                writer.write_all(b"PONG\r\n").await.expect("writes");
            }
        }
    });
    let error = refusal(options(vec![format!("nats://{address}")])).await;
    let wanted = "the NATS server \"old\" has version 2.10.22, but 2.10.23 or later is needed: use a newer nats-server";
    assert_eq!(error.to_string(), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_ask_who_it_is_are_told_what_the_url_says() {
    if !available() {
        return;
    }
    for (authorization, right, wrong) in
        [("users: [{ user: ann, password: \"p:w\" }]", "ann:p%3Aw@", "ann:other@"), ("token: \"t-1\"", "t-1@", "")]
    {
        let server = Server::guarded(&format!("authorization {{ {authorization} }}\n")).await;
        let by = |who: &str| {
            let url = server.url().replace("nats://", &format!("nats://{who}"));
            JetStreamOptions { servers: vec![url], ..server.options() }
        };
        let error = refusal(by(wrong)).await;
        assert!(matches!(&error, OpenError::NoServer { reason, .. } if reason.contains("authorization")), "{error}");
        JetStreamLog::open(by(right)).await.expect("it may");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_said_in_time_and_without_passwords() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let mut options = options(vec![format!("nats://user:secret@{address}")]);
    options.open_timeout = Duration::from_millis(200);
    let error = refusal(options.clone()).await;
    let text = error.to_string();
    assert!(matches!(error, OpenError::NoServer { .. }) && text.contains(&address.to_string()), "{text}");
    assert!(text.contains("refused"), "it does not say what the last attempt that was answered said: {text}");
    assert!(!text.contains("secret"), "{text}");
    for wrong in ["no.dots", "BASE_shop"] {
        options.cluster = wrong.to_owned();
        assert!(matches!(refusal(options.clone()).await, OpenError::BadOption { .. }));
    }
}
