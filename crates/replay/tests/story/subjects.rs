//! Whose story a hostname stands for.

use model::CommandKind;
use replay::{NotOne, Search, Subject};

use crate::cluster::Cluster;

#[test]
fn a_hostname_of_two_agents_stands_for_neither() {
    let mut cluster = Cluster::new("best-fit");
    let agent = cluster.add_agent("h1", 4, 4_000);
    let found = |cluster: &Cluster, text: &str| {
        let mut search = Search::new(text);
        for sealed in &cluster.log {
            if !search.is_over() {
                search.see(&sealed.record);
            }
        }
        search.finish()
    };
    cluster.add_agent("h10", 4, 4_000);
    assert_eq!(found(&cluster, "h1"), Ok(Subject::Agent(agent)));
    let reason = model::RemovalReason::Gone;
    cluster.run(CommandKind::RemoveAgent { agent, reason }).expect("it is removed");
    let again = cluster.add_agent("h1", 4, 4_000);
    let both = vec![Subject::Agent(agent), Subject::Agent(again)];
    let why = found(&cluster, "h1").expect_err("there are two");
    assert_eq!(why, NotOne::SameHost { hostname: "h1".to_owned(), found: both });
    let text = "several agents were called 'h1', one after the other: agent S0, agent S2; say the id of one";
    assert_eq!(why.to_string(), text);
    assert_eq!(found(&cluster, "S2"), Ok(Subject::Agent(again)));
}
