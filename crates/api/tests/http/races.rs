//! Changes at the same time.

use serde_json::json;

use crate::cluster::Cluster;

#[tokio::test]
async fn partial_updates_at_once_all_count() {
    let cluster = Cluster::start().await;
    cluster.change("POST", "/v2/apps", json!({"id": "/a", "cmd": "x"})).await;
    let path = "/v2/apps/a?force=true";
    for round in 1..20 {
        let (cpus, mem, label) = (f64::from(round) / 10.0, 100 + round, round.to_string());
        let [one, two, three, four] = [
            json!({"cpus": cpus}),
            json!({"mem": mem}),
            json!({"labels": {"round": label}}),
            json!({"instances": round}),
        ];
        tokio::join!(
            cluster.change("PUT", path, one),
            cluster.change("PUT", path, two),
            cluster.change("PUT", path, three),
            cluster.change("PUT", path, four),
        );
        let app = cluster.get("/v2/apps/a").await["app"].clone();
        let found = (&app["cpus"], &app["mem"], &app["labels"]["round"], &app["instances"]);
        assert_eq!(found.0.as_f64(), Some(cpus), "{app}");
        assert_eq!((found.1, found.2, found.3), (&json!(mem), &json!(label), &json!(round)), "{app}");
    }
}
