//! What `make run` ends with: the sample app answers, and a line says where.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use crate::harness::{Cluster, eventually, free_ports, request};

const HELLO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/hello.json");

/// The addresses that were printed by the newest start, once it has said everything.
fn printed_addresses(cluster: &mut Cluster, already: usize) -> Vec<String> {
    let printed = eventually("it says where to look", || {
        let printed = cluster.node().printed();
        let new = printed[already..].to_owned();
        new.contains("Ctrl-C").then_some(new)
    });
    assert!(printed.contains("3 of 3 instances running"), "{printed}");
    let words = printed.split_whitespace().filter(|word| word.starts_with("http://localhost:"));
    words.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Every instance answers at its address with its own name.
fn assert_answers(cluster: &Cluster, addresses: &[String]) -> BTreeSet<String> {
    let tasks = cluster.wait_for_running("hello", 3);
    assert_eq!(addresses.len(), 3, "{addresses:?}");
    let mut answered = BTreeSet::new();
    for address in addresses {
        let answer = request("GET", address, None, None).expect("it answers");
        assert_eq!(answer.status, 200);
        let task = tasks.iter().find(|task| answer.text.contains(task.as_str()));
        answered.extend(task.cloned());
        let port = address.rsplit(':').next().expect("a port");
        assert!(answer.text.starts_with("Hello from task ") && answer.text.contains(port), "{}", answer.text);
    }
    assert_eq!(answered, tasks);
    tasks
}

#[test]
fn the_sample_app_answers_stops_with_ctrl_c_and_comes_back() {
    let mut cluster = Cluster::dev(&free_ports(8), &["--deploy", HELLO]);
    let addresses = printed_addresses(&mut cluster, 0);
    let before = assert_answers(&cluster, &addresses);

    cluster.signal(Signal::SIGINT);
    assert!(cluster.node().ended().success());
    let said = cluster.node().logged();
    assert!(!said.contains("no connection"), "nothing is wrong when somebody ends it: {said}");
    for address in &addresses {
        assert!(request("GET", address, None, None).is_err(), "{address} answers still");
    }

    let already = cluster.node().printed().len();
    cluster.start();
    let addresses = printed_addresses(&mut cluster, already);
    let after = assert_answers(&cluster, &addresses);
    assert!(after.is_disjoint(&before), "new tasks");
}
