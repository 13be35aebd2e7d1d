//! An agent as a program of its own, to be killed by tests; and the supervising processes of those tests' tasks.
//!
//! `agent-under-test supervise FOLDER`, or `agent-under-test MASTER FOLDER` with the words `leave` or `stop` on its
//! standard input for how to end.

use std::io::{BufRead, stdin};
use std::process::ExitCode;

use agent::{Config, Shutdown};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_some_and(|first| first == "supervise") {
        return agent::supervise_main(args.skip(1));
    }
    let texts: Vec<String> = args.filter_map(|arg| arg.into_string().ok()).collect();
    let [master, folder] = texts.as_slice() else {
        eprintln!("usage: agent-under-test MASTER FOLDER");
        return ExitCode::from(2);
    };
    let mut config = Config::new(vec![master.clone()], folder.into());
    config.listen.set_port(0);
    config.hostname = Some("host-1".to_owned());
    config.cgroup_parent = Some("bayplan-test".to_owned());
    let (sender, stop) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let words = stdin().lock().lines().map_while(Result::ok);
        let mut orders = words.filter_map(|word| match word.as_str() {
            "leave" => Some(Shutdown::Leave),
            "stop" => Some(Shutdown::StopTasks),
            _ => None,
        });
        // The end of the input is no order: the test that started us may want us to live on.
        match orders.next() {
            Some(order) => drop(sender.send(order)),
            None => loop {
                std::thread::park();
            },
        }
    });
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(agent::run(config, async { stop.await.unwrap_or(Shutdown::Leave) })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
