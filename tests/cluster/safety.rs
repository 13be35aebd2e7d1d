//! Nobody gets in by accident: addresses and tokens, and one master for each log.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::harness::{Cluster, all_of, bayplan, eventually, free_port, request};

const TOKEN: &str = "correct-horse-battery-staple";

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = bayplan().args(arguments).output().expect("the binary runs");
    (output.status.code(), all_of(&output))
}

fn token_file(folder: &Path, mode: u32) -> PathBuf {
    let file = folder.join(format!("token-{mode:o}"));
    std::fs::write(&file, format!("{TOKEN}\n")).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode is set");
    file
}

#[test]
fn other_machines_are_not_let_in_without_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("never-made").display().to_string();
    let [open, closed] = [format!("0.0.0.0:{}", free_port()), format!("127.0.0.1:{}", free_port())];
    let cases: [(&str, &[&str]); 4] = [
        ("--listen", &["master", "--dir", &root, "--listen", &open, "--marathon-listen", &closed]),
        ("--marathon-listen", &["master", "--dir", &root, "--listen", &closed, "--marathon-listen", &open]),
        ("--agent-listen", &["dev", "--dir", &root, "--listen", &closed, "--agent-listen", &open]),
        ("--listen", &["agent", "--work-dir", &root, "--listen", &open]),
    ];
    for (flag, arguments) in cases {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(&format!("{flag} {open}")) && said.contains("--token-file"), "{said}");
    }
    let readable = token_file(folder.path(), 0o644).display().to_string();
    let (code, said) = run(&["master", "--dir", &root, "--listen", &open, "--token-file", &readable]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--token-file") && said.contains("chmod 600"), "{said}");
    assert!(!Path::new(&root).exists(), "a start that is refused leaves no trace");
}

#[test]
fn with_a_token_those_who_have_it_are_let_in_and_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path(), 0o600);
    let cluster = Cluster::master_for_all(&token);
    let urls = [
        format!("http://127.0.0.1:{}/v2/apps", cluster.marathon_port()),
        format!("{}/v2/apps", cluster.operator_url()),
        format!("{}/api/v1/status", cluster.operator_url()),
        format!("{}/metrics", cluster.operator_url()),
    ];
    for url in &urls {
        for (token, status) in [(None, 401), (Some("correct-horse-battery-stable"), 401), (Some(TOKEN), 200)] {
            let answer = request("GET", url, token, None).expect("an answer");
            assert_eq!(answer.status, status, "{url} with {token:?}: {}", answer.text);
        }
    }
    let (code, said) = run(&["--master", &cluster.operator_url(), "status"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("--token-file"), "{said}");

    let stranger = cluster.join("stranger", "44120-44139", &[]);
    eventually("the stranger is turned away", || stranger.logged().contains("401").then_some(()));
    let _member = cluster.join("member", "44100-44119", &["--token-file", &token.display().to_string()]);
    cluster.wait_for_agents(1);
    cluster.deploy(r#"{"id": "inside", "cmd": "echo inside; exec sleep 1000", "cpus": 0.1, "mem": 32}"#);
    let task = cluster.wait_for_running("inside", 1).pop_first().expect("one runs");
    assert_eq!(cluster.running_tasks("inside")[0]["host"], "member");
    // The master asks the agent, which wants the token as well.
    eventually("the output can be read", || (cluster.logs(&task) == "inside\n").then_some(()));
}

#[test]
fn a_second_master_on_the_same_folder_or_port_is_refused_and_disturbs_nobody() {
    let cluster = Cluster::master(&[]);
    let (folder, other) = (cluster.path("master"), cluster.path("other"));
    let [first, second] = [format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port())];
    let (code, said) = run(&["master", "--dir", &folder, "--listen", &first, "--marathon-listen", &second]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&folder) && said.contains("process"), "it says who has it: {said}");

    let taken = format!("127.0.0.1:{}", cluster.marathon_port());
    let (code, said) = run(&["master", "--dir", &other, "--listen", &first, "--marathon-listen", &taken]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--marathon-listen") && said.contains(&taken), "{said}");
    assert!(!Path::new(&other).exists(), "a start that is refused leaves no trace");

    cluster.deploy(r#"{"id": "undisturbed", "cmd": "true", "cpus": 0.1, "mem": 32, "instances": 0}"#);
    assert_eq!(cluster.history().of("epoch_started").count(), 1);
}
