//! Whole runs of the sample trace, and files that cannot be used.

use std::fs::File;
use std::path::Path;

use placement::by_name;
use trace::{Trace, draw_arrivals, draw_ranks, read_arrivals, read_nodes, read_pods, read_ranks, run};

fn sample(name: &str) -> File {
    File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/trace").join(name))
        .expect("the sample is there")
}

/// What holds for every policy: nothing is given twice, what is counted adds up, and a second run is the same.
#[test]
fn every_policy_places_what_fits_and_nothing_else() {
    let nodes = read_nodes(sample("nodes.csv")).expect("nodes");
    let pods = read_pods(sample("pods.csv")).expect("pods");
    let (arrivals, ranks) = (draw_arrivals(5, &pods, &nodes, 130), draw_ranks(5, &nodes));
    let trace = Trace { nodes: &nodes, pods: &pods, arrivals: &arrivals, ranks: &ranks };
    for (name, _) in placement::POLICIES {
        let policy = by_name(name).expect("a policy");
        let packed = run(&trace, policy.as_ref(), |_| {});
        assert_eq!(packed.steps, run(&trace, policy.as_ref(), |_| {}).steps, "{name}");
        let mut free: Vec<[i64; 3]> = nodes
            .iter()
            .map(|node| [node.cpu_milli.into(), node.memory_mib.into(), i64::from(node.gpus) * 1_000])
            .collect();
        for step in &packed.steps {
            let pod = &pods[step.pod];
            let asks = [i64::from(pod.cpu_milli), i64::from(pod.memory_mib), pod.gpus_milli() as i64];
            let Some(node) = step.node else { continue };
            assert!(
                pod.gpu_spec.is_empty() || pod.gpu_spec.split('|').any(|model| model == nodes[node].model),
                "{name}"
            );
            free[node].iter_mut().zip(asks).for_each(|(free, asks)| *free -= asks);
            assert!(free[node].iter().all(|free| *free >= 0), "{name}: {} has {:?}", nodes[node].name, free[node]);
        }
        let last = packed.points.last().expect("pods have arrived");
        let idle: i64 = free.iter().map(|free| free[2]).sum();
        assert_eq!(packed.total - last.allocated, idle as u64, "{name}");
        assert!(last.fragmented <= idle as u64, "{name}");
        assert!(last.arrived * 100 >= packed.total * 130, "{name}");
        assert!(packed.placed() * 100 > packed.steps.len() * 75, "{name} placed {} pods", packed.placed());
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let nodes = "sn,cpu_milli,memory_mib,gpu,model\nn1,1000,1000,1,T4\n";
    let pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np1,100,100,1,500,\n";
    let (nodes, pods) = (read_nodes(nodes.as_bytes()).expect("nodes"), read_pods(pods.as_bytes()).expect("pods"));
    let said = |error: Result<(), trace::TraceError>| error.expect_err("it cannot be used").to_string();
    let arrivals = |text: &str| read_arrivals(text.as_bytes(), &pods).map(|_| ());
    assert_eq!(said(arrivals("seed,pos,pod_name\n1,0,p1\n1,1,p2\n")), "line 3: pod_name p2 is not in the list of pods");
    assert_eq!(said(arrivals("seed,pos,pod_name\n")), "there are no arrivals in it");
    let ranks = read_ranks("seed,rank,node_sn\n1,0,n9\n".as_bytes(), &nodes).map(|_| ());
    assert_eq!(said(ranks), "line 2: node_sn n9 is not in the list of nodes");
    let pods = |row: &str| {
        let text = format!("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n{row}\n");
        read_pods(text.as_bytes()).map(|_| ())
    };
    assert_eq!(said(pods("p,1,1,2,500,")), "line 2: pod p wants 500 thousandths of more than one GPU");
    assert_eq!(said(pods("p,1,1,1,1500,")), "line 2: pod p wants 1500 thousandths of a GPU");
    assert!(said(pods("p,one,1,1,1,")).contains("invalid digit"), "{}", said(pods("p,one,1,1,1,")));
    let many = read_nodes("sn,cpu_milli,memory_mib,gpu,model\nn1,1000,1000,65,T4\n".as_bytes()).map(|_| ());
    assert_eq!(said(many), "line 2: node n1 has 65 GPUs, but at most 64 are told apart");
}
